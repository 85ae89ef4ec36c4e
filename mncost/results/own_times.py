"""The time of layers that were measured by themselves, as small networks.

A small network is timed like any other. Its runtime also spends time beside the layers' own
kernels: it starts the session, and turns the input into the layout that the kernels want. A large
network does not spend that on these layers. So where the runtime has a profiler, a layer's own time
is the time of a call times the share of its own kernels in the profile of the same process.
Elsewhere it is the time of the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mncost.interval import Interval
from mncost.measure.records import Pair, PairCells
from mncost.results.layer_times import own_share
from mncost.results.series import Clock, Series, paired_rounds
from mncost.stats.location import log_interval
from mncost.stats.ratios import paired_ratio

if TYPE_CHECKING:
    from mncost.results.statistics import Statistics

__all__ = ["OwnTimes", "PairSums"]


class PairSums(NamedTuple):
    """All pairs of one network together, each as often as the network has it.

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


class OwnTimes:
    """The own times of the layers of a run, in seconds for one call."""

    def __init__(self, results: Statistics) -> None:
        """Take a run."""
        self._results = results
        self._shares: dict[int, dict[int, float]] = {}  # of own kernels, by cell and generation
        for profile in results.run.profiles:
            self._shares.setdefault(profile.cell, {})[profile.generation] = own_share(profile)

    def times(self, cell: int, clock: Clock | None = None) -> dict[int, float]:
        """Return a cell's own time by generation."""
        clock = clock or self._results.clock(cell)
        medians = ((one, one.median(clock), share) for one, share in self._shared(cell))
        return {one.generation: median * share for one, median, share in medians if median}

    def time(self, cell: int) -> Interval | None:
        """Return a cell's own time; ``None`` without a sample."""
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
        cells = self._results.run.cells
        counts = [count for _, _, count in members]
        both = [place.both for _, place, _ in members]
        merged = [place.merged for _, place, _ in members]
        depthwise = [_depthwise(pair, place) for pair, place, _ in members]
        singles = [*(p.first for _, p, _ in members), *(p.second for _, p, _ in members)]

        def macs(ids: Iterable[int]) -> int:
            return sum(n * cells[i].macs for n, i in zip(counts, ids, strict=True))

        return PairSums(
            macs(both),
            macs(merged),
            self._ratio(counts, merged, counts, both),
            macs(depthwise) / macs(both),
            self._ratio(counts, depthwise, counts * 2, singles),
        )

    def _members(self, network: int) -> Iterator[tuple[Pair, PairCells, int]]:
        """Yield the pairs of a network with their cells where the network was measured."""
        cells = self._results.run.cells
        for pair in self._results.run.pairs:
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
        """Return sum / sum, from the generations that have a time of each cell."""
        clock = self._results.clock(*above, *below)
        times = {cell: self.times(cell, clock) for cell in {*above, *below}}
        whole = set.intersection(*(set(one) for one in times.values()))

        def total(counts: Sequence[int], ids: Sequence[int], generation: int) -> float:
            return sum(n * times[i][generation] for n, i in zip(counts, ids, strict=True))

        ratios = [
            total(above_counts, above, g) / total(below_counts, below, g) for g in sorted(whole)
        ]
        return log_interval(ratios) if ratios else None

    def _shared(self, cell: int) -> list[tuple[Series, float]]:
        """Return the series of a cell with the share of its own kernels.

        A process that was not profiled says nothing about a cell that others profiled.
        """
        shares, series = self._shares.get(cell), self._results.series[cell]
        if shares is None:
            return [(one, 1.0) for one in series]
        return [(one, shares[one.generation]) for one in series if one.generation in shares]

    def _paired(self, one: int, other: int) -> list[tuple[list[float], list[float]]]:
        ours, theirs = self._shared(one), self._shared(other)
        above = {series.generation: share for series, share in ours}
        below = {series.generation: share for series, share in theirs}
        clock = self._results.clock(one, other)
        pairs = paired_rounds(
            [series for series, _ in ours], [series for series, _ in theirs], clock
        )
        return [
            ([above[g] * time for time in a], [below.get(g, 1.0) * time for time in b])
            for g, (a, b) in pairs.items()
        ]


def _depthwise(pair: Pair, place: PairCells) -> int:
    return place.first if pair.kinds[0] == "depthwise" else place.second
