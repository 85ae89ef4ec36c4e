"""What the blocks emit their operators with."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from mncost.graph.graph import Builder, Node
from mncost.graph.ops import Activation as ActivationOp
from mncost.graph.ops import (
    Add,
    BatchNorm,
    Conv,
    Flatten,
    GlobalPool,
    Input,
    LayerNorm,
    Linear,
    Op,
    PReLU,
    Scale,
    Select,
    Shape,
    Size,
)
from mncost.graph.ops import Padding as PaddingOp
from mncost.graph.shapes import infer_shapes
from mncost.spec.values import Activation, Residual, Rules

__all__ = ["Emitter", "is_pooled"]

_ONE: Size = (1, 1)


def is_pooled(nodes: Sequence[Node], index: int) -> bool:
    """Whether an image of any size has become one number a channel."""
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


class Emitter(Builder):
    """A graph under construction, and the rules that all of its blocks share."""

    def __init__(self, channels: int, rules: Rules, size: Size) -> None:
        """Start a graph with an image of this many channels, of this height and width."""
        super().__init__(channels)
        self.rules, self.size = rules, size
        self.ends = {"input": 0}  # the node that holds each block's result, or that of a part
        self.sources: tuple[int, ...] = (0,)  # what the block reads

    def begin(self, name: str, sources: Sequence[str] = ()) -> None:
        """Begin a block: the next node reads what the block reads first.

        Args:
            name: of the block.
            sources: names of the results that it reads; none is the newest one.
        """
        self.block = name
        if sources:
            self.sources = tuple(self.ends[source] for source in sources)
            self.last = self.sources[0]
        else:
            self.sources = (self.last,)

    def mark(self, part: str) -> None:
        """Call the newest result by the name of a part of the block, for other rows to read."""
        self.ends[f"{self.block}.{part}"] = self.last

    def features(self, channels: int) -> int:
        """Return how many elements of the newest result, of this many channels, a layer reads.

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

        Without batch norm it has a bias unless told otherwise, with one only if told so, by its row
        or the rules.
        """
        op = Conv(
            in_channels,
            out_channels,
            kernel,
            stride,
            _ONE if kernel == _ONE else dilation,  # a single pixel has none
            groups,
            (not norm or self.rules.bias == "always") if bias is None else bias,
            padding or self.rules.padding,
        )
        last = self.add(f"{role}conv", op, self.last if source is None else source)
        if norm:
            last = self.norm(role, out_channels, eps)
        if activation != "none":
            last = self.activation(role, activation, out_channels)
        return last

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
        padding: PaddingOp | None = None,
        eps: float | None = None,
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
            padding=padding,
            eps=eps,
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
        """Emit an activation of this many channels, unless it is ``none``."""
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

    def residual(
        self, start: int, widths: tuple[int, int], stride: Size, *, wanted: Residual
    ) -> None:
        """Add a block's input to its output, where both have one shape or can be given one.

        Args:
            start: the node that the block reads.
            widths: channels of the block's input and output.
            stride: of the block.
            wanted: what its row says.
        """
        end, strided = self.last, stride != _ONE
        if not wanted or (strided and wanted != "always"):
            return
        if strided or widths[0] != widths[1]:
            if wanted is True:
                return
            start = self.conv("shortcut.", *widths, stride=stride, source=start)
        self.add("add", Add(), start, end)
