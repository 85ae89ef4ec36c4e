"""Segments of the networks of a space, and what each of them costs.

Between two segments one image is alive and nothing else. So what a segment costs depends on its own
choices and on that image, and on nothing that was chosen before: each different case is counted
once, by what counts every other network.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from mncost.cost import memory
from mncost.cost.memory import InPlace, Precision, Schedule
from mncost.cost.work import held, macs_of_nodes
from mncost.errors import InputError
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Shape, Size
from mncost.graph.shapes import infer_shapes
from mncost.space.file import Axis, Design, changed
from mncost.spec.axis import Resolution, size_of_image
from mncost.spec.build import emit, is_sized
from mncost.spec.emitter import Emitter
from mncost.spec.reading import IMAGE, Read, Table
from mncost.spec.resolve import TableWidths
from mncost.spec.rows import Row
from mncost.spec.values import Scaling

if TYPE_CHECKING:
    from mncost.predict.kernels import Plan
    from mncost.space.latency import Timer

__all__ = [
    "METRICS",
    "TIMES",
    "Impossible",
    "Metric",
    "Priced",
    "Pricer",
    "Segment",
    "Start",
    "State",
    "first",
    "segments",
]

Metric: TypeAlias = Literal["macs", "params", "weight_bytes", "peak_activation_bytes"]
METRICS: tuple[Metric, ...] = get_args(Metric)
"""What is counted: of a network the sum over its segments; the peak is the maximum."""
TIMES = ("latency", "doubt")
"""What is predicted too: seconds, and the doubt about them, as of a :class:`Piece` of latency."""

_ONE: Size = (1, 1)


class Start(NamedTuple):
    """The image that a segment reads, and what scales its rows.

    Attributes:
        alpha, depth: the network's.
        channels: of the image; ``nominal``: the same at α = 1.
        size: its height and width.
        strides: how far its pixels lie apart, and the dilation there.
        in_blocks: the layout in which a runtime has it, where latencies are predicted.
    """

    alpha: float
    depth: float
    channels: int
    nominal: int
    size: Size
    strides: tuple[Size, Size] = (_ONE, _ONE)
    in_blocks: bool = False


class Ended(NamedTuple):
    """The state behind the last segment: there is no image."""


class Impossible(NamedTuple):
    """The state behind a segment that cannot be built, and why."""

    why: str


State: TypeAlias = Start | Ended | Impossible


class Priced(NamedTuple):
    """What a segment costs for one case, in the metrics asked for, and what the next one reads."""

    costs: tuple[float, ...]
    end: State


class Segment(NamedTuple):
    """Rows from ``start`` up to ``stop``, and the space's axes that change them (their places)."""

    start: int
    stop: int
    axes: tuple[int, ...]


class _Piece:
    """A segment's graph for given choices, for images of any size unless ``is_sized``."""

    def __init__(self, graph: Graph, end: tuple[int, int], strides: tuple[Size, Size]) -> None:
        """Take the graph, and the channels and strides of its result."""
        self.graph, self.end, self.strides = graph, end, strides
        self.is_sized = is_sized(graph)
        self._kernels: dict[bool, Plan] = {}

    @cached_property
    def params(self) -> int:
        """The trainable parameters."""
        return sum(held(node.op)[0] for node in self.graph.nodes)

    def kernels(self, timer: Timer, start: Start, *, is_last: bool) -> Plan:
        """Return the kernels, for the layout of what the piece reads."""
        if start.in_blocks not in self._kernels:
            made = timer.plan(self.graph, starts_in_blocks=start.in_blocks, is_last=is_last)
            self._kernels[start.in_blocks] = made
        return self._kernels[start.in_blocks]

    @cached_property
    def plan(self) -> Schedule:
        """The graph as fused steps."""
        return memory.schedule(self.graph)


def first(design: Design, alpha: float, depth: float, resolution: Resolution) -> Start:
    """Return the image of a network."""
    channels = design.in_channels
    return Start(alpha, depth, channels, channels, size_of_image(resolution))


def segments(design: Design) -> tuple[Segment, ...]:
    """Return the segments of a design's networks, in order."""
    cuts = _cuts(design)
    ends = list(zip([0, *cuts], [*cuts, len(design.names)], strict=True))
    made = [Segment(*ends_of, _axes_of(design.axes, *ends_of)) for ends_of in ends]
    return tuple(_joined(made))


def _axes_of(axes: Sequence[Axis], start: int, stop: int) -> tuple[int, ...]:
    return tuple(
        index
        for index, axis in enumerate(axes)
        if any(start <= place < stop for place in axis.places)
    )


def _joined(made: Sequence[Segment]) -> list[Segment]:
    """Join neighbours that no axis changes: the fewer segments, the fewer passes over arrays."""
    joined: list[Segment] = []
    for one in made:
        if joined and not one.axes and not joined[-1].axes:
            joined[-1] = Segment(joined[-1].start, one.stop, ())
        else:
            joined.append(one)
    return joined


def _cuts(design: Design) -> list[int]:
    """Return the rows before which one image is alive and nothing else."""
    rows, spec = design.spec.rows, design.spec
    widths = _widths(design, rows, first(design, 1.0, spec.depth, spec.native))
    begins, ranks = [], []
    emitter = Emitter(design.in_channels, spec.rules, size_of_image(spec.native))
    for place in range(len(rows)):
        begins.append(len(emitter.nodes))
        made = len(widths.blocks)
        widths.add(place)
        emit(emitter, spec.name, widths.blocks[made:], ())
        ranks.append(emitter.rank)
    return [
        place
        for place in range(1, len(rows))
        if ranks[place - 1] == 3
        and _reads_one(widths.table, spec.outputs, place)
        and not _fuses(emitter.nodes[begins[place] :])
    ]


def _fuses(nodes: Sequence[Node]) -> bool:
    """Whether the first operator of a row becomes part of the kernel before it."""
    return not nodes or nodes[0].op.fuses_into_previous or nodes[0].op.is_view


def _reads_one(table: Table, outputs: Sequence[str], place: int) -> bool:
    """Whether rows from a place on read nothing above it but the row before, and that once."""
    reads = [
        (reader, read)
        for reader in range(place, len(table.rows))
        for read in table.sources(reader)
        if read.row < place
    ]
    if len(reads) != 1 or any(read.row < place for read in table.outputs(outputs)):
        return False
    reader, read = reads[0]
    return reader == place and read == Read(place - 1, table.block_name(place - 1))


class Pricer:
    """Prices segments; each graph is made once."""

    def __init__(
        self,
        design: Design,
        metrics: Sequence[Metric],
        precision: Precision = "fp32",
        in_place: InPlace = "none",
        timer: Timer | None = None,
    ) -> None:
        """Price nothing yet; with a timer, the costs end with :data:`TIMES`."""
        self.design, self.metrics, self.timer = design, tuple(metrics), timer
        self.precision, self.in_place = precision, in_place
        self._pieces: dict[tuple[Any, ...], _Piece] = {}
        self._rows: dict[tuple[Any, ...], Row] = {}

    def price(self, segment: Segment, start: State, chosen: tuple[Any, ...]) -> Priced:
        """Return what a segment costs.

        Args:
            segment: one of the design's.
            start: what it reads.
            chosen: the value of each of its axes.
        """
        nothing = (0,) * (len(self.metrics) + (len(TIMES) if self.timer else 0))
        if not isinstance(start, Start):
            return Priced(nothing, start)
        try:
            piece = self._piece(segment, start, chosen)
            shapes = infer_shapes(piece.graph, piece.graph.images(*start.size))
        except InputError as error:
            return Priced(nothing, Impossible(str(error)))
        costs = [self._cost(metric, piece, shapes) for metric in self.metrics]
        end = self._end(segment, start, piece, shapes)
        if self.timer is None:
            return Priced(tuple(costs), end)
        plan = piece.kernels(self.timer, start, is_last=isinstance(end, Ended))
        timed = self.timer.time(plan, shapes)
        if isinstance(end, Start):
            end = end._replace(in_blocks=timed.ends_in_blocks)
        return Priced((*costs, timed.seconds, timed.doubt), end)

    def _cost(self, metric: Metric, piece: _Piece, shapes: Sequence[Shape]) -> int:
        graph = piece.graph
        match metric:
            case "macs":
                return sum(macs_of_nodes(graph, shapes))
            case "params":
                return piece.params
            case "weight_bytes":
                return memory.weight_bytes(piece.plan, self.precision)
            case "peak_activation_bytes":
                return memory.peak(graph, piece.plan, shapes, self.precision, self.in_place).bytes

    def _end(self, segment: Segment, start: Start, piece: _Piece, shapes: Sequence[Shape]) -> State:
        if segment.stop == len(self.design.names):
            return Ended()
        channels, height, width = shapes[piece.graph.outputs[0]]
        return start._replace(
            channels=channels, nominal=piece.end[1], size=(height, width), strides=piece.strides
        )

    def _piece(self, segment: Segment, start: Start, chosen: tuple[Any, ...]) -> _Piece:
        key = (segment.start, start._replace(size=_ONE, in_blocks=False), chosen)
        known = self._pieces.get(key) or self._pieces.get((key, start.size))
        if known is None:
            known = self._made(segment, start, chosen)
            self._pieces[(key, start.size) if known.is_sized else key] = known
        return known

    def _made(self, segment: Segment, start: Start, chosen: tuple[Any, ...]) -> _Piece:
        design = self.design
        widths = _widths(design, self._changed(segment, chosen), start)
        table, before = widths.table, IMAGE
        if segment.start:
            before = table.block_name(segment.start - 1)
            widths.ends[before] = start.channels, start.nominal
            widths.strides.at[before] = start.strides
        for place in range(segment.start, segment.stop):
            widths.add(place)
        blocks = widths.blocks
        emitter = Emitter(start.channels, design.spec.rules, start.size)
        emitter.ends[before] = 0
        last = blocks[-1].name
        is_end = segment.stop == len(design.names)
        outputs = [str(read) for read in table.outputs(design.spec.outputs)] if is_end else [last]
        graph = emit(emitter, design.spec.name, blocks, outputs)
        return _Piece(graph, widths.ends[last], widths.strides.at.get(last, (_ONE, _ONE)))

    def _changed(self, segment: Segment, chosen: tuple[Any, ...]) -> list[Row]:
        """Return the rows with what was chosen for a segment."""
        changes: dict[int, dict[str, Any]] = {}
        for index, value in zip(segment.axes, chosen, strict=True):
            axis = self.design.axes[index]
            for place in axis.places:
                if segment.start <= place < segment.stop:
                    changes.setdefault(place, {})[axis.key] = value
        rows = list(self.design.spec.rows)
        for place, own in changes.items():
            key = (place, *own.items())
            if key not in self._rows:
                self._rows[key] = changed(rows[place], own)
            rows[place] = self._rows[key]
        return rows


def _widths(design: Design, rows: Sequence[Row], start: Start) -> TableWidths:
    spec = design.spec
    image = Scaling(
        start.alpha * spec.alpha, spec.rules, design.classes, start.channels, start.nominal
    )
    table = Table(rows, design.names, start.depth)
    return TableWidths(spec.name, table, image, design.output_stride)
