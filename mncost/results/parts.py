"""The time of layers that were measured by themselves, as small networks.

A small network is timed like any other. What its runtime spends beside the layers' own kernels
(turning the input into the layout that kernels want, starting the session) a large network does not
spend on these layers: where the runtime has a profiler, a layer's own time is the time of a call
times the share of its own kernels in the profile of the same process. Elsewhere it is the call's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from statistics import median
from typing import NamedTuple

from mncost.interval import Interval
from mncost.measure.records import Pair, PairCells, Run
from mncost.results.layers import own_share
from mncost.results.samples import Series, paired_bursts, series_by_cell
from mncost.stats.location import log_interval
from mncost.stats.ratios import paired_ratio

__all__ = ["PairSums", "Parts"]


class PairSums(NamedTuple):
    """All pairs of one network together, each as often as it stands in the network.

    Attributes:
        macs, merged_macs: of the pairs, and of the convolutions that replace them, for one image.
        speedup: time of these convolutions / of the pairs.
        depthwise_macs: share of the pairs' MACs.
        depthwise_time: share of the pairs' time, from the layers of each pair one by one.
    """

    macs: int
    merged_macs: int
    speedup: Interval | None
    depthwise_macs: float
    depthwise_time: Interval | None


class Parts:
    """The own times of the layers of a run."""

    def __init__(self, run: Run) -> None:
        """Take a run."""
        self._run = run

    @cached_property
    def _series(self) -> list[list[Series]]:
        return series_by_cell(self._run)

    @cached_property
    def _shares(self) -> dict[int, dict[int, float]]:
        """The share of own kernels, by cell and generation."""
        found: dict[int, dict[int, float]] = {}
        for profile in self._run.profiles:
            found.setdefault(profile.cell, {})[profile.generation] = own_share(profile)
        return found

    def times(self, cell: int) -> dict[int, float]:
        """Return a cell's own time in nanoseconds by generation."""
        return {
            series.generation: float(median(series.ns.tolist())) * share
            for series, share in self._shared(cell)
        }

    def time(self, cell: int) -> Interval | None:
        """Return a cell's own time in nanoseconds for one call; ``None`` without a sample."""
        times = list(self.times(cell).values())
        return log_interval(times) if times else None

    def speedup(self, pair: PairCells) -> Interval | None:
        """Return the own time of the merged convolution / of the pair, from paired rounds."""
        return paired_ratio(self._paired(pair.merged, pair.both))

    def sums(self, network: int) -> PairSums | None:
        """Return all pairs of a network together; ``None`` if they were not measured."""
        members = list(self._members(network))
        if not members:
            return None
        cells = self._run.cells
        depthwise = [_depthwise(pair, place) for pair, place, _ in members]
        counts = [count for _, _, count in members]

        def macs(ids: Iterable[int]) -> int:
            return sum(n * cells[i].macs for n, i in zip(counts, ids, strict=True))

        both = macs(place.both for _, place, _ in members)
        merged = [place.merged for _, place, _ in members]
        singles = [*(p.first for _, p, _ in members), *(p.second for _, p, _ in members)]
        return PairSums(
            both,
            macs(merged),
            self._ratio(counts, merged, counts, [place.both for _, place, _ in members]),
            macs(depthwise) / both,
            self._ratio(counts, depthwise, counts * 2, singles),
        )

    def _members(self, network: int) -> Iterable[tuple[Pair, PairCells, int]]:
        """Yield the pairs of a network with their cells where the network was measured."""
        cells = self._run.cells
        for pair in self._run.pairs:
            for place in pair.cells:
                if network in pair.counts and cells[place.both].place == cells[network].place:
                    yield pair, place, pair.counts[network]

    def _ratio(
        self,
        above_counts: Sequence[int],
        above: Sequence[int],
        below_counts: Sequence[int],
        below: Sequence[int],
    ) -> Interval | None:
        """Return sum / sum, from the generations that have a time of each."""
        times = {cell: self.times(cell) for cell in {*above, *below}}
        whole = set.intersection(*(set(found) for found in times.values()))

        def total(counts: Sequence[int], ids: Sequence[int], generation: int) -> float:
            return sum(n * times[i][generation] for n, i in zip(counts, ids, strict=True))

        ratios = [
            total(above_counts, above, g) / total(below_counts, below, g) for g in sorted(whole)
        ]
        return log_interval(ratios) if ratios else None

    def _shared(self, cell: int) -> list[tuple[Series, float]]:
        """Return the series of a cell with the share of its own kernels.

        A process that was not profiled says nothing of a cell that others profiled.
        """
        shares = self._shares.get(cell)
        if shares is None:
            return [(series, 1.0) for series in self._series[cell]]
        return [(s, shares[s.generation]) for s in self._series[cell] if s.generation in shares]

    def _paired(self, one: int, other: int) -> list[tuple[list[float], list[float]]]:
        ours, theirs = self._shared(one), self._shared(other)
        shares = {series.generation: share for series, share in theirs}
        pairs = paired_bursts([s for s, _ in ours], [s for s, _ in theirs])
        return [
            ([share * ns for ns in a], [shares.get(series.generation, 1.0) * ns for ns in b])
            for (series, share), (a, b) in zip(ours, pairs, strict=True)
        ]


def _depthwise(pair: Pair, place: PairCells) -> int:
    return place.first if pair.kinds[0] == "depthwise" else place.second
