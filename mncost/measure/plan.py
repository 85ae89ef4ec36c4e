"""From networks and places to the cells that are timed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mncost.errors import MeasureError, UnknownNameError
from mncost.graph.graph import Graph
from mncost.graph.ops import Size
from mncost.graph.twin import TWINS
from mncost.measure.cells import Planned
from mncost.measure.given_models import has_foreign, runs_at
from mncost.measure.input_data import with_data
from mncost.measure.parts import CutPair, cut_pairs
from mncost.measure.places import Offer, every_place, has_models, no_models
from mncost.measure.records import LeftOut, Pair, PairCells, Place, Subject
from mncost.measure.where import ALL, Where
from mncost.network import Network
from mncost.readers.model import OnnxSource, TorchSource
from mncost.spec.axis import resolution_of
from mncost.training.trained import fake_quantised

__all__ = ["Plan", "What", "plan"]


@dataclass(frozen=True)
class What:
    """What is measured of each network beside its latency.

    Attributes:
        twin: measure the twin of this name too; ``None``: none.
        twins_only: leave out networks that have no such twin.
        max_twin_gmacs: leave out twins of more GMACs.
        pairs: measure each pair of layers that the twin has one convolution for, as small networks
            of their own, and the machine's ceilings.
        by_layer: profile each network: the time of each layer.
        memory: measure the peak memory of each network, in a separate process.
        teacher: a network that is distilled from: its inference is measured beside training steps.
    """

    twin: str | None = "standard"
    twins_only: bool = False
    max_twin_gmacs: float | None = None
    pairs: bool = False
    by_layer: bool = False
    memory: bool = False
    teacher: Network | None = None

    def __post_init__(self) -> None:
        """Check the twin.

        Raises:
            InputError: there is no such twin, or pairs without one.
        """
        if self.twin is not None and self.twin not in TWINS:
            raise UnknownNameError("twin", self.twin, TWINS)
        if self.pairs and self.twin is None:
            raise MeasureError("pairs of layers need a twin, and none is asked for")


class Plan(NamedTuple):
    """The cells to measure, and what is left out."""

    planned: Planned
    left_out: list[LeftOut]
    pairs: list[Pair]
    notes: list[str]


def plan(
    networks: Sequence[Network], where: Where, what: What, offer: Offer, *, copies: int = 1
) -> Plan:
    """Return the cells of networks at every place, and their pairs of layers.

    Args:
        networks: networks or twins.
        where: at which places.
        what: what is measured of each.
        offer: says which execution providers there are.
        copies: how often each model is entered.

    Raises:
        InputError: a value cannot be used, or there is nothing to measure.
    """
    of_modules = any(isinstance(network.source, TorchSource) for network in networks)
    usual = not where.runtime or ALL in where.runtime
    files = {network.source.format for network in networks if network.source}
    where = where.with_runtimes(by_layer=what.by_layer, of_modules=of_modules, files=files)
    if where.input_data is not None:
        networks = with_data([*networks], where.input_data)
    absent: list[str] = []
    every = every_place(where, offer, absent if usual else None)
    places = [place for place in every if has_models(place)]
    if not places:
        raise no_models(every[0])
    if what.teacher is not None:
        networks = [*networks, what.teacher]
    planner = _Planner(what, copies)
    pairs = planner.plan(networks, places)
    unable = [place for place in every if not has_models(place)]
    notes = list(dict.fromkeys(f"left out: {no_models(place)}" for place in unable))
    if not planner.planned.cells:
        raise MeasureError(f"nothing to measure: {'; '.join(planner.notes)}")
    notes = [*absent, *notes, *planner.notes]
    return Plan(planner.planned, planner.left_out, pairs, notes)


class _Planner:
    """One call of :func:`plan`."""

    def __init__(self, what: What, copies: int) -> None:
        self.what = what
        self.copies = copies
        self.planned = Planned()
        self.left_out: list[LeftOut] = []
        self.notes: list[str] = []
        self.mixed = False  # whether architectures are measured beside models

    def plan(self, networks: Sequence[Network], places: Sequence[Place]) -> list[Pair]:
        """Enter everything; return the pairs of layers."""
        self.mixed = any(network.source is None for network in networks)
        cut = cut_pairs(networks, self.what.twin) if self.what.pairs and self.what.twin else []
        pairs = [_pair(pair) for pair in cut]
        for place in places:
            cells = {
                index: self.network(network, place)
                for index, network in enumerate(networks)
                if self.runs(network, place)
            }
            for pair, record in zip(cut, pairs, strict=True):
                if there := [cells[index] for index in pair.places if index in cells]:
                    record.counts.update(Counter(there))
                    record.cells.append(self.pair(pair, place))
        return pairs

    def network(self, network: Network, place: Place) -> int:
        """Enter a network and its twin; return the cell of the first copy of the network."""
        first, twin = len(self.planned.cells), self.twin(network)
        for one in (network, twin) if twin else (network,):
            for copy in range(1, self.copies + 1):
                cell = self.planned.enter(one, place, copy=copy)
                self.limit_twin(cell)
                if self.what.twins_only and not twin:
                    reason = f"it has no {self.what.twin} twin"
                    self.left_out.append(LeftOut(cell=cell, reason=reason))
        return first

    def runs(self, network: Network, place: Place) -> bool:
        """Whether a network can be measured at a place; if not, take a note."""
        if place.training is not None and network is self.what.teacher:
            return False
        if network.source is None:
            if place.training is not None:
                network.training(fake_quantised(place.training)[0])  # refuses what it has not
            return True
        if place.training is not None or place.sparsity:
            what = "trained" if place.training else "made sparse"
            self.note(f"left out: {network.arch} runs as it is: it is not {what}")
            return False
        if network.precision != "fp32":
            self.note(f"{network.arch} runs as it is: most of its weights are {network.precision}")
        if runs_at(network.source, place):
            if isinstance(network.source, TorchSource) and self.mixed:
                self.note(f"{network.arch} keeps its memory format; our modules are channels last")
            return True
        where = f"{place.runtime} in {place.precision}"
        self.note(f"left out: {network.arch} runs as it is, and not on {where}")
        return False

    def note(self, text: str) -> None:
        """Take a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    def twin(self, network: Network) -> Network | None:
        """Return the twin that is asked for, if the network has one and is not a twin itself."""
        if self.what.twin is None or network.twin is not None:
            return None
        twin = network.as_twin(self.what.twin)
        if twin.graph == network.graph:
            return None
        if network.source is not None and network.precision == "int8":
            self.note(f"{network.arch}: its twin is not measured: its weights are quantised")
            return None
        if has_foreign(twin) and (reason := _unable(network)):
            self.note(f"{network.arch}: its twin is not measured: {reason}")
            return None
        return twin

    def pair(self, pair: CutPair, place: Place) -> PairCells:
        """Enter the four small networks of a pair."""
        first, second = pair.names
        both = f"{first} + {second}"
        layers = pair.cost.first, pair.cost.second
        cut, sizes = pair.pieces, [(layer.in_height, layer.in_width) for layer in layers]

        def enter(graph: Graph, size: Size, part: str, twin: str | None = None) -> int:
            subject = Subject(pair.network.label, resolution_of(size), part=part, twin=twin)
            cell = self.planned.enter_graph(subject, graph, graph.images(*size), place)
            self.limit_twin(cell)
            return cell

        return PairCells(
            both=enter(cut.both, sizes[0], both),
            first=enter(cut.first, sizes[0], first),
            second=enter(cut.second, sizes[1], second),
            merged=enter(cut.merged, sizes[0], both, self.what.twin),
        )

    def limit_twin(self, index: int) -> None:
        """Leave a cell out if it is of a twin that is too large."""
        cell, limit = self.planned.cells[index], self.what.max_twin_gmacs
        if cell.subject.twin and limit is not None and cell.macs > limit * 10**9:
            reason = f"{cell.macs / 1e9:.1f} GMACs, more than the {limit:g} that are timed"
            self.left_out.append(LeftOut(cell=index, reason=reason))


def _unable(network: Network) -> str | None:
    """Return why a twin cannot be made of a model itself, if it cannot."""
    if not isinstance(network.source, OnnxSource):
        return "not all operators can be built; of an ONNX file the twin would be made of the file"
    return None


def _pair(pair: CutPair) -> Pair:
    cost = pair.cost
    return Pair(
        names=pair.names,
        kinds=(cost.first.kind, cost.second.kind),
        kernel=(cost.merged.kernel or (1, 1))[0],
        stride=(cost.merged.stride or (1, 1))[0],
        in_channels=cost.merged.in_channels,
        out_channels=cost.merged.out_channels,
        theoretical_share=float(cost.theoretical_share),
        counts={},
        cells=[],
    )
