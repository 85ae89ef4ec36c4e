"""What separable layers save: on paper, and by the clock. Times are in seconds for one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mncost.interval import Interval
from mncost.measure.records import Cell, Pair, PairCells, Place
from mncost.render.shown import Shown
from mncost.results.cell_summary import CellSummary
from mncost.results.own_times import OwnTimes, PairSums
from mncost.results.roofline import LayerPoint, Roofline, point
from mncost.results.roofline import roofline as roofline_of

if TYPE_CHECKING:
    from mncost.results.statistics import Statistics

__all__ = ["NetworkSaving", "PairSaving", "PeakMemory", "Savings"]


class PeakMemory(NamedTuple):
    """Peak memory of a call in bytes.

    Attributes:
        analytic: of the activations, as counted.
        measured: of everything that a call takes, beside the loaded model; ``None``: not measured.
    """

    analytic: int
    measured: int | None

    @property
    def ratio(self) -> float | None:
        """Measured / analytic."""
        return self.measured / self.analytic if self.measured and self.analytic else None


class NetworkSaving(NamedTuple):
    """A network beside its twin, at one place.

    Attributes:
        network, twin: their cells and latencies.
        macs_ratio, params_ratio: of the twin / of the network.
        speedup: latency of the twin / of the network.
        efficiency: speed-up / MACs ratio.
        memory, twin_memory: peak memory.
        sums: its pairs of layers together, if they were measured.
        why: why there is no speed-up, if there is none.
    """

    network: CellSummary
    twin: CellSummary
    macs_ratio: float
    params_ratio: float
    speedup: Interval | None
    efficiency: Interval | None
    memory: PeakMemory
    twin_memory: PeakMemory
    sums: PairSums | None
    why: str | None


class PairSaving(NamedTuple):
    """A pair of layers beside the convolution that replaces it, at one place.

    Times are the layers' own (:mod:`mncost.results.own_times`).

    Attributes:
        pair: which layers.
        both, merged: the cells of the pair, and of the convolution.
        occurrences: how often the network, or all networks together, have it.
        macs_ratio: MACs of the convolution / of the pair.
        theoretical_macs_ratio: the same by the paper's formula.
        time, merged_time: of the pair, and of the convolution.
        speedup: time of the convolution / of the pair.
        efficiency: speed-up / the formula's ratio.
        points: the pair's two layers and the convolution under the roofline.
        why: why there is no speed-up, if there is none.
    """

    pair: Pair
    both: Cell
    merged: Cell
    occurrences: int
    macs_ratio: float
    theoretical_macs_ratio: float
    time: Interval | None
    merged_time: Interval | None
    speedup: Interval | None
    efficiency: Interval | None
    points: tuple[LayerPoint, LayerPoint, LayerPoint]
    why: str | None


class Savings(Shown):
    """Everything that a run says about what is saved.

    Attributes:
        results: of the run.
        networks: each network that has a twin, at each place.
        pairs: each pair of layers that was measured, at each place.
        rooflines: the ceilings by place, where they were measured.
    """

    def __init__(self, results: Statistics) -> None:
        """Take a run; :attr:`mncost.results.results.Results.savings` is one."""
        self.results = results
        own_times = OwnTimes(results)
        self.networks = [
            _network(results, summary, summary.twin, own_times)
            for summary in results.summaries
            if summary.cell.subject.part is None and summary.twin is not None
        ]
        self.pairs = [
            _pair(results, pair, cells, own_times)
            for pair in results.run.pairs
            for cells in pair.cells
        ]
        self.rooflines: dict[Place, Roofline] = {}
        for cell in results.run.cells:
            if cell.place not in self.rooflines and (roofline := roofline_of(results, cell.id)):
                self.rooflines[cell.place] = roofline

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"<Savings of {len(self.networks)} networks, {len(self.pairs)} pairs of layers>"


def _network(
    results: Statistics, network: CellSummary, twin: CellSummary, own_times: OwnTimes
) -> NetworkSaving:
    macs_ratio = twin.cell.macs / network.cell.macs
    speedup = network.speedup
    return NetworkSaving(
        network=network,
        twin=twin,
        macs_ratio=macs_ratio,
        params_ratio=twin.cell.params / network.cell.params,
        speedup=speedup,
        efficiency=speedup.scaled(1 / macs_ratio) if speedup else None,
        memory=_memory(results, network.cell),
        twin_memory=_memory(results, twin.cell),
        sums=own_times.sums(network.cell.id),
        why=_why(network, twin),
    )


def _pair(results: Statistics, pair: Pair, place: PairCells, own_times: OwnTimes) -> PairSaving:
    cells = results.run.cells
    both, merged = cells[place.both], cells[place.merged]
    theoretical_macs_ratio = 1 / pair.theoretical_share
    speedup = own_times.speedup(place)
    first, second, third = (
        point(cells[cell], kind, roofline_of(results, cell), own_times.time(cell))
        for cell, kind in (
            (place.first, pair.kinds[0]),
            (place.second, pair.kinds[1]),
            (place.merged, "conv"),
        )
    )
    return PairSaving(
        pair=pair,
        both=both,
        merged=merged,
        occurrences=sum(n for cell, n in pair.counts.items() if cells[cell].place == both.place),
        macs_ratio=merged.macs / both.macs,
        theoretical_macs_ratio=theoretical_macs_ratio,
        time=own_times.time(both.id),
        merged_time=own_times.time(merged.id),
        speedup=speedup,
        efficiency=speedup.scaled(1 / theoretical_macs_ratio) if speedup else None,
        points=(first, second, third),
        why=_why(results.summaries[place.both], results.summaries[place.merged]),
    )


def _memory(results: Statistics, cell: Cell) -> PeakMemory:
    peaks = [
        seen.peak_bytes - seen.loaded_bytes for seen in results.run.memory if seen.cell == cell.id
    ]
    return PeakMemory(cell.place.batch * cell.peak_activation_bytes, peaks[-1] if peaks else None)


def _why(*summaries: CellSummary) -> str | None:
    """Return why one of some cells was not measured, if one was not."""
    reasons = (one.failure or one.left_out for one in summaries)
    return next((reason for reason in reasons if reason), None)
