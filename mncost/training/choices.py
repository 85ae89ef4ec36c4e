"""The flags of a training step, for the command line and for Python."""

from __future__ import annotations

from typing import Any

from mncost.errors import InputError, UnknownNameError
from mncost.flags import Flags, flag, given

__all__ = ["MOMENTS", "Training"]

MOMENTS = {"sgd": 0, "momentum": 1, "adam": 2}
"""How many values an optimiser keeps for each trained parameter."""
MAX_BATCH = 1_000_000


def _share(option: str, text: str) -> float:
    from mncost.units import share

    return share(option, text, bare=0.01)


class Training(Flags):
    """What a training step trains, and how. ``None`` is the default that the help states."""

    panel = "Training"

    training: bool | None = flag(
        "Count a training step: forward, gradients, what is kept for them, the optimiser, an "
        "update."
    )
    train: str | None = flag(
        "What is trained: all, head (the classifier), last:N (the last N layers), norm (scales and "
        "shifts of norms), bias (every bias and shift); head+bias is both. Default: all.",
        metavar="WHAT",
    )
    batch: int | None = flag("Images in a step. Default: 32.", metavar="N")
    optimizer: str | None = flag(
        f"{', '.join(MOMENTS)}: its state is counted. Default: momentum.", metavar="NAME"
    )
    top_k: float | None = flag(
        "Share of the update that a federated client sends when it sends only the largest values. "
        "Default: 1%.",
        metavar="SHARE",
        parse=_share,
    )

    teacher: str | None = flag(
        "A network to distil from: its forward pass is counted beside the step.",
        metavar="ARCH",
        completes="architectures",
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: one of them is not accepted, or means nothing without ``training``.
        """
        for name in given(self):
            if not self.training:
                raise InputError(f"--{name.replace('_', '-')} needs --training")
        if self.batch is not None and not 1 <= self.batch <= MAX_BATCH:
            raise InputError(f"--batch {self.batch}: accepted is 1 to {MAX_BATCH:,}")
        if self.optimizer is not None and self.optimizer not in MOMENTS:
            raise UnknownNameError("optimizer", self.optimizer, MOMENTS)
        if self.top_k is not None and not 0 < self.top_k <= 1:
            raise InputError(f"--top-k {self.top_k:g}: accepted is more than 0 up to 1 (100%)")

    def options(self) -> dict[str, Any]:
        """Return what :meth:`mncost.Network.training` takes, without the teacher, a network."""
        others = ("training", "teacher")
        return {name: value for name, value in given(self).items() if name not in others}
