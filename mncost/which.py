"""Which networks: the flags that name them, for the command line and for Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from mncost.errors import InputError, one_of
from mncost.flags import Flags, flag

if TYPE_CHECKING:
    from mncost.grids import Grid
    from mncost.network import Network

__all__ = ["GRAMMAR", "Which"]

Numbers = str | float | Sequence[float]
"""What an axis takes: a text in :data:`GRAMMAR`, one number, or several."""
GRAMMAR = "VALUE, LOW:HIGH (the published values), LOW:HIGH:STEP, or several with commas"
_OURS = ("twin", "strict")  # what no grid is asked for


def _precision(option: str, name: str) -> str:
    from mncost.cost.memory import as_precision

    return as_precision(name)


def _in_place(option: str, name: str) -> str:
    from mncost.cost.memory import as_in_place

    return as_in_place(name)


def _twin(option: str, name: str) -> str:
    from mncost.graph.twin import TWINS

    return one_of("twin", name, [*TWINS])


class Which(Flags):
    """The networks that are meant: architectures at α × resolution, in one dialect.

    ``None`` is the default that the flag's help states.
    """

    panel = "Model"

    arch: str | None = flag(
        "Architectures (v2), groups (v3, v4, all), files (my_net.toml, - for standard input), "
        "checkpoints (mobilenet_v2_0.75_160) or models (net.onnx, timm:resnet18, "
        "package.module:make); several with commas or as plain words (v1 v2). See mncost list.",
        metavar="ARCH",
        names=("--arch", "-a"),
        completes="architectures",
        positional=True,
    )
    alpha: Numbers | None = flag(f"Width multiplier: {GRAMMAR}. Default: 1.0.", metavar="α")
    resolution: Numbers | None = flag(
        "Side of the image in pixels, same grammar; 224x320 is height x width. Default: native.",
        metavar="PX",
        names=("--resolution", "-r"),
    )
    rho: Numbers | None = flag(
        "Resolution as a ratio of the native one, same grammar.", metavar="ρ"
    )
    dialect: str | None = flag(
        "Which implementation: paper, torchvision, timm, slim, keras ... Default: paper.",
        metavar="NAME",
        completes="dialects",
    )
    classes: int | None = flag(
        "Outputs of the classifier; 0 leaves it out. Default: 1000.", metavar="N"
    )
    input: str | None = flag(
        "Shape of a model's input, batch included, if the file leaves it open: 1x3x224x224; for "
        "several inputs name=1x3x224x224, separated by commas. Default: a batch of 1.",
        metavar="[NAME=]SHAPE",
        several=True,
    )
    in_channels: int | None = flag(
        "Channels of the image. Default: 3, or what a file says.", metavar="N"
    )
    output_stride: int | None = flag(
        "8, 16 or 32: replace strides beyond this by dilations, as for segmentation. Default: "
        "none.",
        metavar="N",
    )
    precision: str | None = flag(
        "fp32, fp16 or int8: the type of weights and activations, for sizes in bytes. Default: "
        "fp32.",
        metavar="NAME",
        completes="precisions",
        parse=_precision,
    )
    in_place: str | None = flag(
        "none, or depthwise: depthwise layers overwrite their input, as on microcontrollers. "
        "Changes the peak of activations. Default: none.",
        metavar="NAME",
        parse=_in_place,
    )
    twin: str | None = flag(
        "Use the network's twin instead: standard (each separable pair becomes one "
        "convolution), fused (expand and depthwise become one) or separable (each k×k "
        "convolution becomes a pair).",
        metavar="NAME",
        parse=_twin,
    )

    strict: bool | None = flag(
        "Refuse a model that has operators of unknown work, instead of giving a lower bound."
    )

    def grid(self) -> Grid:
        """Return the networks, without the twin.

        Raises:
            InputError: a value cannot be used; the message says what would be accepted.
        """
        from mncost.api import grid
        from mncost.grids import refuse_partial

        if self.arch is None:
            raise InputError(
                "missing argument 'ARCH' (or --arch): an architecture, e.g. v2; see mncost list"
            )
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _OURS}
        networks = grid(**given)
        if self.strict:
            refuse_partial(networks)
        return networks

    def network(self) -> Network:
        """Return the only network, or its twin.

        Raises:
            InputError: a value cannot be used, there are several networks, or no such twin.
        """
        from mncost.twins import twin_of

        return twin_of(self.grid().single(), self.twin)
