"""From what was asked for to the cells that are timed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from itertools import product
from typing import Any, NamedTuple

from msgspec import structs

from mncost.api import grid
from mncost.cost import memory
from mncost.cost.memory import PRECISIONS, Precision
from mncost.cost.work import count
from mncost.errors import MeasureError, UnknownNameError
from mncost.graph.graph import Graph, Shapes
from mncost.graph.shapes import infer_shapes
from mncost.graph.twin import TWINS
from mncost.measure.parts import CutPair, cut_pairs
from mncost.measure.places import Offer, places
from mncost.measure.records import (
    Cell,
    LeftOut,
    ModelRecord,
    Pair,
    PairCells,
    Place,
    Request,
    Subject,
)
from mncost.measure.runtimes import MAX_BATCH, MAX_THREADS, RUNTIMES, runtime_class
from mncost.network import Network

__all__ = ["DEVICES", "Plan", "Planned", "check", "digest", "plan", "title"]

DEVICES = ("cpu",)


class Planned:
    """The cells of a run that is planned, and the models that they run."""

    def __init__(self) -> None:
        """Begin with none."""
        self.cells: list[Cell] = []
        self.models: dict[str, ModelRecord] = {}

    def enter(
        self, network: Network, place: Place, *, copy: int = 1, baseline_of: int | None = None
    ) -> int:
        """Enter a network or a twin at a place, in the network's precision; return its cell."""
        subject = Subject(network.label, network.resolution, twin=network.twin, copy=copy)
        where = structs.replace(place, precision=network.precision)
        return self.enter_graph(subject, network.graph, network.inputs, where, baseline_of)

    def enter_graph(
        self,
        subject: Subject,
        graph: Graph,
        inputs: Shapes,
        place: Place,
        baseline_of: int | None = None,
    ) -> int:
        """Enter any graph for inputs of these shapes; return its cell."""
        name = digest(graph, inputs)
        record = ModelRecord(graph=graph, inputs=dict(inputs), label=subject.label)
        self.models.setdefault(name, record)
        cell = Cell(
            id=len(self.cells),
            subject=subject,
            place=place,
            baseline_of=baseline_of,
            digest=name,
            **_counts(graph, inputs, place.precision),
        )
        self.cells.append(cell)
        return cell.id


class Plan(NamedTuple):
    """What is to be measured."""

    planned: Planned
    left_out: list[LeftOut]
    pairs: list[Pair]
    notes: list[str]


def plan(request: Request, offer: Offer) -> Plan:
    """Return every cell that a request asks for, its pairs of layers, and what is worth a note.

    Raises:
        InputError: something in it cannot be used, or there is nothing to measure.
    """
    check(request)
    return _Planner(request, list(places(request, offer))).plan()


class _Planner:
    """One call of :func:`plan`."""

    def __init__(self, request: Request, where: Sequence[Place]) -> None:
        self.request = request
        self.places = where
        self.planned = Planned()
        self.left_out: list[LeftOut] = []
        self.notes: list[str] = []
        self.unable: set[tuple[str, str]] = set()

    @property
    def twin_name(self) -> str:
        assert self.request.twin is not None, "pairs are those of a twin"
        return self.request.twin

    def plan(self) -> Plan:
        pairs: list[Pair] = []
        for name in self.request.precision:
            precision = _as_precision(name)
            networks = self.networks(precision)
            cut = cut_pairs(networks, self.twin_name) if self.request.pairs else []
            for batch, offered in product(self.request.batch, self.places):
                if precision not in runtime_class(offered.runtime).precisions:
                    self.unable.add((offered.runtime, precision))
                    continue
                place = structs.replace(offered, precision=precision, batch=batch)
                placed = [self.network(network, place) for network in networks]
                for index, pair in enumerate(cut):
                    if index == len(pairs):
                        pairs.append(_pair(pair))
                    pairs[index].counts.update(Counter(placed[network] for network in pair.places))
                    pairs[index].cells.append(self.pair(pair, place))
        if not self.planned.cells:
            runtime, name = sorted(self.unable)[0]
            accepted = ", ".join(runtime_class(runtime).precisions)
            raise MeasureError(f"{runtime} has no models in {name}; accepted: {accepted}")
        self.notes += [f"left out: {runtime} in {name}" for runtime, name in sorted(self.unable)]
        return Plan(self.planned, self.left_out, pairs, self.notes)

    def networks(self, precision: Precision) -> list[Network]:
        """Return the networks of the grid."""
        request = self.request
        found = grid(
            request.arch,
            request.alpha,
            request.resolution,
            rho=request.rho,
            dialect=request.dialect,
            classes=request.classes,
            precision=precision,
        )
        self.notes += [note for note in found.notes if note not in self.notes]
        return list(found)

    def network(self, network: Network, place: Place) -> int:
        """Enter a network and its twin; return the cell of the first copy of the network."""
        first, twin = len(self.planned.cells), self.twin(network)
        for one in (network, twin) if twin else (network,):
            for copy in range(1, self.request.copies + 1):
                cell = self.planned.enter(one, place, copy=copy)
                self.limit_twin(cell)
                if self.request.twins_only and not twin:
                    reason = f"it has no {self.request.twin} twin"
                    self.left_out.append(LeftOut(cell=cell, reason=reason))
        return first

    def twin(self, network: Network) -> Network | None:
        """Return the twin that is asked for, if the network has one."""
        if self.request.twin is None:
            return None
        twin = network.as_twin(self.request.twin)
        return None if twin.graph == network.graph else twin

    def pair(self, pair: CutPair, place: Place) -> PairCells:
        """Enter the four small networks of a pair."""
        first, second = pair.names
        both = f"{first} + {second}"
        cut, sides = pair.pieces, (pair.cost.first.in_height, pair.cost.second.in_height)

        def enter(graph: Graph, side: int, part: str, twin: str | None = None) -> int:
            subject = Subject(pair.network.label, side, part=part, twin=twin)
            cell = self.planned.enter_graph(subject, graph, graph.images(side), place)
            self.limit_twin(cell)
            return cell

        return PairCells(
            both=enter(cut.both, sides[0], both),
            first=enter(cut.first, sides[0], first),
            second=enter(cut.second, sides[1], second),
            merged=enter(cut.merged, sides[0], both, self.twin_name),
        )

    def limit_twin(self, index: int) -> None:
        """Leave a cell out if it is of a twin that is too large."""
        cell, limit = self.planned.cells[index], self.request.max_twin_gmacs
        if cell.subject.twin and limit is not None and cell.macs > limit * 10**9:
            reason = f"{cell.macs / 1e9:.1f} GMACs, more than the {limit:g} that are timed"
            self.left_out.append(LeftOut(cell=index, reason=reason))


def title(cell: Cell) -> str:
    """Say in words which cell it is."""
    return cell.words()


def digest(graph: Graph, inputs: Shapes) -> str:
    """Return a name for a computation: the same graph and inputs, the same digest."""
    return sha256(f"{graph!r} {dict(inputs)}".encode()).hexdigest()[:16]


def check(request: Request) -> None:
    """Check the words and numbers of a request that say how to measure.

    Raises:
        MeasureError: one of them is not accepted.
    """
    for runtime in request.runtime:
        if runtime not in RUNTIMES:
            raise UnknownNameError("runtime", runtime, RUNTIMES)
        if request.by_layer and not runtime_class(runtime).profiles:
            able = ", ".join(name for name in RUNTIMES if runtime_class(name).profiles)
            raise MeasureError(
                f"{runtime} does not say how long each layer takes; accepted: {able}"
            )
    if request.pairs and request.twin is None:
        raise MeasureError("pairs are those of a twin: none is asked for")
    if request.twin is not None and request.twin not in TWINS:
        raise UnknownNameError("twin", request.twin, TWINS)
    for batch in request.batch:
        if not 1 <= batch <= MAX_BATCH:
            raise MeasureError(f"batch {batch}: accepted are 1 to {MAX_BATCH}")
    for threads in request.threads:
        if not 1 <= threads <= MAX_THREADS:
            raise MeasureError(f"threads {threads}: accepted are 1 to {MAX_THREADS}")
    if not 1 <= request.copies <= 10:
        raise MeasureError(f"copies {request.copies}: accepted are 1 to 10")


def _as_precision(name: str) -> Precision:
    """Check a precision against those that some runtime can run."""
    measured = {p for runtime in RUNTIMES for p in runtime_class(runtime).precisions}
    for precision in PRECISIONS:
        if precision == name and name in measured:
            return precision
    raise UnknownNameError("precision", name, [p for p in PRECISIONS if p in measured])


def _pair(pair: CutPair) -> Pair:
    cost = pair.cost
    return Pair(
        names=pair.names,
        kinds=(cost.first.kind, cost.second.kind),
        kernel=(cost.merged.kernel or (1, 1))[0],
        stride=(cost.merged.stride or (1, 1))[0],
        in_channels=cost.merged.in_channels,
        out_channels=cost.merged.out_channels,
        theoretical_ratio=float(cost.theoretical_share),
        counts={},
        cells=[],
    )


def _counts(graph: Graph, inputs: Shapes, name: str) -> dict[str, Any]:
    """Return those fields of a cell that follow from what is run."""
    precision = _as_precision(name)
    shapes = infer_shapes(graph, inputs)
    costs = count(graph, shapes)
    steps = memory.schedule(graph)
    return {
        "macs": sum(cost.macs for cost in costs),
        "params": sum(cost.params for cost in costs),
        "weight_bytes": memory.weight_bytes(steps, precision),
        "peak_activation_bytes": memory.peak(graph, steps, shapes, precision).bytes,
        "moved_bytes": sum(sum(memory.traffic(step, shapes, precision)) for step in steps),
    }
