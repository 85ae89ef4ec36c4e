"""The blocks: each is one function that emits the operators of one row of an architecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mncost.graph.graph import Builder, Graph
from mncost.graph.ops import (
    Activation,
    Add,
    Attention,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    LayerScale,
    Linear,
    Scale,
)
from mncost.spec import schema
from mncost.spec.resolve import Architecture, Block
from mncost.spec.schema import Padding, Row, Rules

__all__ = ["BLOCKS", "build"]


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
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        norm: bool = True,
        bias: bool = False,
        activation: schema.Activation = "none",
        padding: Padding | None = None,
        source: int | None = None,
    ) -> int:
        """Emit a convolution, its batch norm and its activation; return the last of them."""
        op = Conv(
            in_channels,
            out_channels,
            (kernel, kernel),
            (stride, stride),
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
        kernel: int,
        stride: int,
        *,
        norm: bool = True,
        activation: schema.Activation = "none",
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

    def activation(self, role: str, function: schema.Activation) -> int:
        """Emit an activation, unless it is ``none``."""
        return self.last if function == "none" else self.add(f"{role}act", Activation(function))

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
        if wanted and block.stride == 1 and block.in_channels == block.out_channels:
            self.add("add", Add(), start, self.last)


def build(architecture: Architecture) -> Graph:
    """Emit the graph of an architecture."""
    emitter = Emitter(architecture.in_channels, architecture.rules)
    for block in architecture.blocks:
        emitter.block = block.name
        BLOCKS[type(block.row)](emitter, block, block.row)
    return emitter.finish()


def _conv(b: Emitter, block: Block, row: schema.Conv) -> None:
    b.conv(
        "",
        block.in_channels,
        block.out_channels,
        row.kernel,
        block.stride,
        groups=row.groups,
        norm=row.batch_norm,
        bias=not row.batch_norm,
        activation=row.activation,
        padding=row.padding,
    )


def _depthwise(b: Emitter, block: Block, row: schema.Depthwise) -> None:
    b.depthwise(
        "",
        block.in_channels,
        row.kernel,
        block.stride,
        norm=row.batch_norm,
        activation=row.activation,
    )


def _separable(b: Emitter, block: Block, row: schema.Separable) -> None:
    b.depthwise(
        "depthwise.", block.in_channels, row.kernel, block.stride, activation=row.activation
    )
    b.conv("pointwise.", block.in_channels, block.out_channels, activation=row.activation)


def _inverted_residual(b: Emitter, block: Block, row: schema.InvertedResidual) -> None:
    start = b.last
    channels = block.expanded or block.in_channels
    if block.expanded:
        b.conv("expand.", block.in_channels, channels, activation=row.activation)
    b.depthwise("depthwise.", channels, row.kernel, block.stride, activation=row.activation)
    if block.squeezed:
        b.squeeze_excite(channels, block.squeezed)
    b.conv("project.", channels, block.out_channels)
    b.residual(start, block, wanted=row.residual)


def _fused_inverted_residual(b: Emitter, block: Block, row: schema.FusedInvertedResidual) -> None:
    start = b.last
    b.conv(
        "expand.",
        block.in_channels,
        block.expanded,
        row.kernel,
        block.stride,
        activation=row.activation,
    )
    b.conv("project.", block.expanded, block.out_channels)
    b.residual(start, block, wanted=row.residual)


def _uib(b: Emitter, block: Block, row: schema.UniversalInvertedBottleneck) -> None:
    start = b.last
    # The stride stands on the middle depthwise where there is one, else on the start.
    start_stride = 1 if row.middle_kernel else block.stride
    if row.start_kernel:
        b.depthwise("start.", block.in_channels, row.start_kernel, start_stride)
    b.conv("expand.", block.in_channels, block.expanded, activation=row.activation)
    if row.middle_kernel:
        b.depthwise(
            "middle.", block.expanded, row.middle_kernel, block.stride, activation=row.activation
        )
    b.conv("project.", block.expanded, block.out_channels)
    if row.layer_scale:
        b.add("layer_scale", LayerScale(block.out_channels))
    b.residual(start, block, wanted=row.residual)


def _mobile_mqa(b: Emitter, block: Block, row: schema.MobileMQA) -> None:
    start, channels, queries = b.last, block.in_channels, row.heads * row.key_dim
    x = b.norm("", channels)
    query = b.conv("query.", channels, queries, norm=False, source=x)
    key = _keys_or_values(b, "key.", x, channels, row)
    value = _keys_or_values(b, "value.", x, channels, row)
    b.add("attention", Attention(row.heads, row.key_dim), query, key, value)
    b.conv("output.", queries, channels, norm=False)
    if row.layer_scale:
        b.add("layer_scale", LayerScale(channels))
    b.residual(start, block, wanted=row.residual)


def _keys_or_values(b: Emitter, role: str, x: int, channels: int, row: schema.MobileMQA) -> int:
    if row.kv_stride > 1:
        x = b.depthwise(f"{role}down.", channels, row.kv_kernel, row.kv_stride, source=x)
    return b.conv(role, channels, row.key_dim, norm=False, source=x)


def _pool(b: Emitter, block: Block, row: schema.Pool) -> None:
    b.add("pool", GlobalPool())


def _dropout(b: Emitter, block: Block, row: schema.Dropout) -> None:
    b.add("dropout", Dropout(row.rate))


def _linear(b: Emitter, block: Block, row: schema.Linear) -> None:
    if not isinstance(b.nodes[-1].op, Linear | Flatten):
        b.add("flatten", Flatten())
    b.add("linear", Linear(block.in_channels, block.out_channels, row.bias))
    b.activation("", row.activation)


BLOCKS: dict[type[Row], Callable[[Emitter, Block, Any], None]] = {
    schema.Conv: _conv,
    schema.Depthwise: _depthwise,
    schema.Separable: _separable,
    schema.InvertedResidual: _inverted_residual,
    schema.FusedInvertedResidual: _fused_inverted_residual,
    schema.UniversalInvertedBottleneck: _uib,
    schema.MobileMQA: _mobile_mqa,
    schema.Pool: _pool,
    schema.Dropout: _dropout,
    schema.Linear: _linear,
}
