"""From a resolved architecture to its graph, and what the blocks emit it with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mncost.graph.graph import Builder, Graph
from mncost.graph.ops import Activation as ActivationOp
from mncost.graph.ops import Add, BatchNorm, Conv, GlobalPool, Scale, Size
from mncost.spec.rows import Activation, Block, Padding, Rules

if TYPE_CHECKING:
    from mncost.spec.resolve import Architecture

__all__ = ["Emitter", "build"]

_ONE: Size = (1, 1)


def build(architecture: Architecture) -> Graph:
    """Emit the graph of an architecture."""
    emitter = Emitter(architecture.in_channels, architecture.rules)
    for block in architecture.blocks:
        emitter.block = block.name
        block.row.emit(emitter, block)
    return emitter.finish()


class Emitter(Builder):
    """A graph under construction, and the rules that all of its blocks share."""

    def __init__(self, channels: int, rules: Rules) -> None:
        """Start a graph with an image of so many channels."""
        super().__init__(channels)
        self.rules = rules

    def conv(  # noqa: PLR0913  the options of a convolution are what they are
        self,
        role: str,
        in_channels: int,
        out_channels: int,
        kernel: Size = _ONE,
        stride: Size = _ONE,
        *,
        groups: int = 1,
        norm: bool = True,
        bias: bool = False,
        activation: Activation = "none",
        padding: Padding | None = None,
        source: int | None = None,
    ) -> int:
        """Emit a convolution, its batch norm and its activation; return the last of them."""
        op = Conv(
            in_channels,
            out_channels,
            kernel,
            stride,
            groups=groups,
            bias=bias,
            padding=padding or self.rules.padding,
        )
        self.add(f"{role}conv", op, *(() if source is None else (source,)))
        if norm:
            self.norm(role, out_channels)
        return self.activation(role, activation)

    def depthwise(
        self,
        role: str,
        channels: int,
        kernel: Size,
        stride: Size,
        *,
        norm: bool = True,
        activation: Activation = "none",
        source: int | None = None,
    ) -> int:
        """Emit a depthwise convolution, its batch norm and its activation."""
        return self.conv(
            role,
            channels,
            channels,
            kernel,
            stride,
            groups=channels,
            norm=norm,
            bias=not norm,
            activation=activation,
            source=source,
        )

    def norm(self, role: str, channels: int) -> int:
        """Emit a batch norm."""
        rules = self.rules
        return self.add(
            f"{role}bn", BatchNorm(channels, rules.batch_norm_eps, rules.batch_norm_momentum)
        )

    def activation(self, role: str, function: Activation) -> int:
        """Emit an activation, unless it is ``none``."""
        return self.last if function == "none" else self.add(f"{role}act", ActivationOp(function))

    def squeeze_excite(self, channels: int, squeezed: int) -> int:
        """Emit a squeeze-excite: pool, 1×1 down, activation, 1×1 up, gate, product."""
        rules, features = self.rules, self.last
        self.add("se.pool", GlobalPool())
        self.conv(
            "se.reduce.", channels, squeezed, norm=False, bias=True, activation=rules.se_activation
        )
        gate = self.conv(
            "se.expand.", squeezed, channels, norm=False, bias=True, activation=rules.se_gate
        )
        return self.add("se.scale", Scale(), features, gate)

    def residual(self, start: int, block: Block, *, wanted: bool) -> None:
        """Add the block's input to its output, where both have one shape."""
        if wanted and block.stride == _ONE and block.in_channels == block.out_channels:
            self.add("add", Add(), start, self.last)
