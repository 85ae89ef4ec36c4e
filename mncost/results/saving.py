"""What separable layers save: on paper, and by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mncost.interval import Interval
from mncost.measure.records import Cell, Pair, PairCells, Place, Run
from mncost.results.parts import PairSums, Parts
from mncost.results.roofline import LayerPoint, Roofline, point, roofline_of
from mncost.results.summary import CellSummary, summarise

__all__ = ["Memory", "NetworkSaving", "PairSaving", "Saving", "saving"]


class Memory(NamedTuple):
    """Peak memory of activations in bytes; ``measured`` includes whatever else a run takes."""

    analytic: int
    measured: int | None


class NetworkSaving(NamedTuple):
    """A network beside its twin, in one place.

    Attributes:
        network, twin: their cells and latencies.
        macs_ratio, params_ratio: of the twin / of the network.
        speedup: latency of the twin / of the network.
        efficiency: speed-up / MACs ratio.
        sums: its pairs of layers together, if they were measured.
        why: why there is no speed-up, if there is none.
    """

    network: CellSummary
    twin: CellSummary
    macs_ratio: float
    params_ratio: float
    speedup: Interval | None
    efficiency: Interval | None
    memory: Memory
    twin_memory: Memory
    sums: PairSums | None
    why: str | None


class PairSaving(NamedTuple):
    """A pair of layers beside the convolution that replaces it, in one place.

    Times are the layers' own (:mod:`mncost.results.parts`), in nanoseconds for one call.

    Attributes:
        occurrences: how often it stands in the network or networks.
        macs_ratio: of the convolution / of the pair.
        theoretical_ratio: the same by the paper's formula.
        efficiency: speed-up / theoretical ratio.
        points: the pair's two layers and the convolution under the roofline.
    """

    pair: Pair
    both: Cell
    merged: Cell
    occurrences: int
    macs_ratio: float
    theoretical_ratio: float
    time: Interval | None
    merged_time: Interval | None
    speedup: Interval | None
    efficiency: Interval | None
    points: tuple[LayerPoint, LayerPoint, LayerPoint]
    why: str | None


class Saving(NamedTuple):
    """All that a run says about what is saved; ``rooflines`` by the place of the cells."""

    networks: list[NetworkSaving]
    pairs: list[PairSaving]
    rooflines: dict[Place, Roofline]


def saving(run: Run) -> Saving:
    """Return what a run says about every network that has a twin, and about their pairs."""
    return _Reader(run).saving()


class _Reader:
    """Reads a run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.parts = Parts(run)
        self.peaks = {seen.cell: seen.peak_bytes - seen.loaded_bytes for seen in run.memory}
        self.gone = {left.cell: left.reason for left in run.left_out}
        self.gone |= {failure.cell: failure.reason for failure in reversed(run.failures)}

    def saving(self) -> Saving:
        networks = list(self.networks())
        pairs = [self.pair(pair, place) for pair in self.run.pairs for place in pair.cells]
        places = {cell.place: roofline_of(self.run, cell) for cell in self.run.cells}
        return Saving(networks, pairs, {place: r for place, r in places.items() if r})

    def networks(self) -> Iterator[NetworkSaving]:
        summaries = summarise(self.run, ())
        for summary in summaries:
            if summary.cell.part is None and summary.twin is not None:
                yield self.network(summary, summaries[summary.twin])

    def network(self, network: CellSummary, twin: CellSummary) -> NetworkSaving:
        macs_ratio = twin.cell.macs / network.cell.macs
        speedup = network.speedup
        return NetworkSaving(
            network,
            twin,
            macs_ratio,
            twin.cell.params / network.cell.params,
            speedup,
            speedup.scaled(1 / macs_ratio) if speedup else None,
            self.memory(network.cell),
            self.memory(twin.cell),
            self.parts.sums(network.cell.id),
            self.why(network.cell, twin.cell),
        )

    def pair(self, pair: Pair, place: PairCells) -> PairSaving:
        cells = self.run.cells
        both, merged = cells[place.both], cells[place.merged]
        theoretical = 1 / pair.theoretical_ratio
        speedup = self.parts.speedup(place)
        first, second, third = (
            self.point(cells[cell], kind)
            for cell, kind in (
                (place.first, pair.kinds[0]),
                (place.second, pair.kinds[1]),
                (place.merged, "conv"),
            )
        )
        return PairSaving(
            pair,
            both,
            merged,
            sum(n for cell, n in pair.counts.items() if cells[cell].place == both.place),
            merged.macs / both.macs,
            theoretical,
            self.parts.time(both.id),
            self.parts.time(merged.id),
            speedup,
            speedup.scaled(1 / theoretical) if speedup else None,
            (first, second, third),
            self.why(both, merged),
        )

    def point(self, cell: Cell, kind: str) -> LayerPoint:
        return point(cell, kind, roofline_of(self.run, cell), self.parts.time(cell.id))

    def memory(self, cell: Cell) -> Memory:
        return Memory(cell.batch * cell.peak_activation_bytes, self.peaks.get(cell.id))

    def why(self, *cells: Cell) -> str | None:
        """Return why one of some cells was not measured."""
        return next((self.gone[cell.id] for cell in cells if cell.id in self.gone), None)
