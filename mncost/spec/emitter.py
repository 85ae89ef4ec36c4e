"""From a resolved architecture to its graph, and what the blocks emit it with."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from mncost.errors import SpecError
from mncost.graph.graph import Builder, Graph, Node, pruned
from mncost.graph.ops import Activation as ActivationOp
from mncost.graph.ops import (
    AdaptivePool,
    Add,
    BatchNorm,
    Conv,
    Flatten,
    GlobalPool,
    Input,
    LayerNorm,
    Linear,
    Op,
    Positions,
    PReLU,
    Scale,
    Select,
    Shape,
    Size,
)
from mncost.graph.ops import Padding as PaddingOp
from mncost.graph.shapes import infer_shapes
from mncost.spec.axis import size_of_image
from mncost.spec.rows import Activation, Block, Residual, Rules

if TYPE_CHECKING:
    from mncost.spec.resolve import Architecture

__all__ = ["Emitter", "build", "is_pooled", "is_sized"]

_ONE: Size = (1, 1)


def is_pooled(nodes: Sequence[Node], index: int) -> bool:
    """Whether one number a channel is left of the image, whatever its size."""
    is_product = False  # of a vector it is one, of tokens there is one for each
    while inputs := nodes[index].inputs:
        op = nodes[index].op
        if isinstance(op, (GlobalPool, Select)) or (is_product and isinstance(op, Flatten)):
            return True
        is_product |= isinstance(op, Linear)
        index = inputs[0]
    return is_product and len(_given(nodes[index].op)) == 1


def _given(op: Op) -> tuple[int | None, ...]:
    return op.shape if isinstance(op, Input) else ()


def is_sized(graph: Graph) -> bool:
    """Whether a graph fits one size of images only.

    A linear layer reads more than one pixel, or each place has a learned vector.
    """
    return any(
        isinstance(node.op, Positions)
        or (isinstance(node.op, Flatten) and not _is_fixed(graph.nodes, node.inputs[0]))
        for node in graph.nodes
    )


def _is_fixed(nodes: Sequence[Node], index: int) -> bool:
    """Whether a result has one size for images of every size."""
    return isinstance(nodes[index].op, AdaptivePool) or is_pooled(nodes, index)


def build(architecture: Architecture, size: Size | None = None) -> Graph:
    """Emit the graph of an architecture.

    Args:
        architecture: a resolved one.
        size: height and width of the image: decides the weights of a linear layer that reads more
            than one pixel. By default the native one.
    """
    size = size or size_of_image(architecture.native_resolution)
    emitter = Emitter(architecture.in_channels, architecture.rules, size)
    return emitter.graph(architecture.name, architecture.blocks, architecture.outputs)


class Emitter(Builder):
    """A graph under construction, and the rules that all of its blocks share."""

    def __init__(self, channels: int, rules: Rules, size: Size) -> None:
        """Start a graph with an image of so many channels, of this height and width."""
        super().__init__(channels)
        self.rules, self.size = rules, size
        self.ends = {"input": 0}  # the node that holds each block's result, or that of a part
        self.sources: tuple[int, ...] = (0,)  # what the block reads

    def graph(self, origin: str, blocks: Sequence[Block], outputs: Sequence[str]) -> Graph:
        """Emit blocks; return the graph.

        Args:
            origin: what messages call the network.
            blocks: in order; each reads blocks before it, or what :attr:`ends` names.
            outputs: the names of the results that the graph gives.

        Raises:
            SpecError: a block cannot be emitted.
        """
        for block in blocks:
            self.begin(block)
            try:
                block.row.emit(self, block)
            except ValueError as error:
                where = f"{origin}: row {block.number} ({block.name})"
                raise SpecError(f"{where}: {error}") from None
            self.ends[block.name] = self.last
        ends = {name: self.ends[name] for name in outputs}
        if len(set(ends.values())) < len(ends):
            same = " and ".join(name for name in ends if [*ends.values()].count(ends[name]) > 1)
            raise SpecError(f"{origin}: outputs: {same} are one result")
        if len(ends) > 1 and 0 in ends.values():
            same = next(name for name, index in ends.items() if index == 0)
            raise SpecError(f"{origin}: outputs: {same} is the image as it is")
        graph = self.finish(tuple(ends.values()))
        return graph if all(block.row.whole for block in blocks) else pruned(graph)

    def begin(self, block: Block) -> None:
        """Begin a block: the next node reads what the block reads first."""
        self.block = block.name
        if block.sources:
            self.sources = tuple(self.ends[source] for source in block.sources)
            self.last = self.sources[0]
        else:
            self.sources = (self.last,)

    def mark(self, part: str) -> None:
        """Call the newest result by the name of a part of the block, for other rows to read."""
        self.ends[f"{self.block}.{part}"] = self.last

    def features(self, channels: int) -> int:
        """Return how many elements of the newest result, of so many channels, a layer reads.

        Those of an image that is not pooled are all of its elements, those of tokens one token's.
        """
        if self.rank == 2 or is_pooled(self.nodes, self.last):
            return channels
        return prod(self.shape())

    def shape(self) -> Shape:
        """Return the shape of the newest result, for the image that the graph is made for."""
        graph = self.finish()
        return infer_shapes(graph, graph.images(*self.size))[self.last]

    def conv(  # noqa: PLR0913  the options of a convolution are what they are
        self,
        role: str,
        in_channels: int,
        out_channels: int,
        kernel: Size = _ONE,
        stride: Size = _ONE,
        *,
        dilation: Size = _ONE,
        groups: int = 1,
        norm: bool = True,
        bias: bool | None = None,
        activation: Activation = "none",
        padding: PaddingOp | None = None,
        eps: float | None = None,
        source: int | None = None,
    ) -> int:
        """Emit a convolution, its batch norm and its activation; return the last of them.

        Without batch norm it has a bias unless told otherwise, with one only if told so.
        """
        op = Conv(
            in_channels,
            out_channels,
            kernel,
            stride,
            _ONE if kernel == _ONE else dilation,  # a single pixel has none
            groups=groups,
            bias=not norm if bias is None else bias,
            padding=padding or self.rules.padding,
        )
        self.add(f"{role}conv", op, *(() if source is None else (source,)))
        if norm:
            self.norm(role, out_channels, eps)
        return self.activation(role, activation, out_channels)

    def depthwise(  # noqa: PLR0913  likewise
        self,
        role: str,
        channels: int,
        kernel: Size,
        stride: Size,
        *,
        dilation: Size = _ONE,
        norm: bool = True,
        bias: bool | None = None,
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
            dilation=dilation,
            groups=channels,
            norm=norm,
            bias=bias,
            activation=activation,
            source=source,
        )

    def norm(self, role: str, channels: int, eps: float | None = None) -> int:
        """Emit a batch norm, with the rules' ``eps`` unless another is given."""
        rules, dimensions = self.rules, self.ranks[self.last] - 1
        op = BatchNorm(channels, eps or rules.batch_norm_eps, rules.batch_norm_momentum, dimensions)
        return self.add(f"{role}bn", op)

    def layer_norm(self, role: str, channels: int, eps: float) -> int:
        """Emit a layer norm."""
        return self.add(f"{role}ln", LayerNorm(channels, eps, self.rank - 1))

    def activation(self, role: str, function: Activation, channels: int) -> int:
        """Emit an activation of so many channels, unless it is ``none``."""
        if function == "none":
            return self.last
        op = PReLU(channels) if function == "prelu" else ActivationOp(function)
        return self.add(f"{role}act", op)

    def squeeze_excite(self, channels: int, squeezed: int) -> int:
        """Emit a squeeze-excite: pool, 1×1 down, activation, 1×1 up, gate, product."""
        rules, features = self.rules, self.last
        self.add("se.pool", GlobalPool())
        self.conv("se.reduce.", channels, squeezed, norm=False, activation=rules.se_activation)
        gate = self.conv("se.expand.", squeezed, channels, norm=False, activation=rules.se_gate)
        return self.add("se.scale", Scale(), features, gate)

    def residual(self, start: int, block: Block, *, wanted: Residual) -> None:
        """Add the block's input to its output, where both have one shape or can be given one."""
        end, strided = self.last, block.stride != _ONE
        if not wanted or (strided and wanted != "always"):
            return
        widths = block.in_channels, block.out_channels
        if strided or widths[0] != widths[1]:
            if wanted is True:
                return
            start = self.conv("shortcut.", *widths, stride=block.stride, source=start)
        self.add("add", Add(), start, end)
