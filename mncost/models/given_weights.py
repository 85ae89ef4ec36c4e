"""Which weights a network gets: flags of the commands that write them."""

from __future__ import annotations

from pathlib import Path

from mncost.errors import InputError
from mncost.flags import Flags, flag

__all__ = ["GivenWeights"]


class GivenWeights(Flags):
    """A checkpoint, or the seed of random weights. ``None``: the default that the help states."""

    panel = "Weights"

    weights: Path | None = flag(
        "A checkpoint of torchvision's, timm's or our model: .pth, .pt or .safetensors. Default: "
        "random weights.",
        metavar="FILE",
    )
    weights_key: str | None = flag(
        "Which state dict of a checkpoint that holds several: model, model_ema ... Default: the "
        "first common name; a note says which.",
        metavar="KEY",
    )
    seed: int | None = flag("Seed of the random weights. Default: 0.")

    def __post_init__(self) -> None:
        """Refuse flags that do not go together.

        Raises:
            InputError: they do not, or the seed is below 0.
        """
        if self.weights is not None and self.seed is not None:
            raise InputError("--weights and --seed do not go together: nothing is random")
        if self.weights_key is not None and self.weights is None:
            raise InputError("--weights-key needs --weights: the file that it chooses in")
        if self.seed is not None and self.seed < 0:
            raise InputError(f"--seed {self.seed}: accepted is 0 or more")
