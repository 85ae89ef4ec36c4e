"""From the profiles of a cell to the time of each of its layers. Times are in seconds for one call.

A profile says which share of a call each layer takes. The time of a layer is that share of the time
that calls take without the profiler, in the same process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from mncost.interval import Interval
from mncost.measure.records import LayerShare, Profile
from mncost.stats.location import log_interval

if TYPE_CHECKING:
    from mncost.results.statistics import Statistics

__all__ = ["GroupTime", "LayerTime", "group_times", "layer_times", "overhead", "own_share"]

LEAST_SHARE = 1e-6  # the profiler counts whole microseconds, so a layer's time may be 0


class LayerTime(NamedTuple):
    """One layer of a cell.

    Attributes:
        layer: its name, or in brackets what belongs to no layer.
        kind: ``depthwise``, ``pointwise``, ``conv`` and so on; empty for what is no layer.
        macs: multiply-accumulates for one image.
        time: for one call, without the profiler.
        share: of the time of a call.
        kernels: what the runtime calls that which it ran.
    """

    layer: str
    kind: str
    macs: int
    time: Interval
    share: Interval
    kernels: Sequence[str]


class GroupTime(NamedTuple):
    """Several layers of a cell together.

    Attributes:
        time: for one call, without the profiler.
        share: of the time of a call.
    """

    time: Interval
    share: Interval


def layer_times(results: Statistics, cell: int) -> list[LayerTime]:
    """Return the layers of a cell; empty if it was not profiled.

    A process gives one value, from the faster half of its profiled calls: an interruption hits one
    layer of a call. The interval is Student's t over processes, as for any latency.
    """
    times = group_times(results, cell, lambda layer: layer.layer)
    profiles = _profiled(results, cell)
    return [
        LayerTime(layer.layer, layer.kind, layer.macs, *times[layer.layer], layer.kernels)
        for layer in (profiles[0][0].layers if profiles else ())
    ]


def group_times(
    results: Statistics, cell: int, group_of: Callable[[LayerShare], str]
) -> dict[str, GroupTime]:
    """Return the layers of a cell added up by group; empty if it was not profiled.

    They are added up in each process, and the interval is that of the sums: layers of one process
    resemble each other, so their own intervals say nothing about the sum.

    Args:
        results: of the run that has the profiles.
        cell: its id.
        group_of: the name of a layer's group.
    """
    profiles = _profiled(results, cell)
    members: dict[str, list[int]] = {}
    for index, layer in enumerate(profiles[0][0].layers if profiles else ()):
        members.setdefault(group_of(layer), []).append(index)
    shares_of = [_shares(profile) for profile, _ in profiles]
    groups = {}
    for name, indices in members.items():
        shares = [_together(each[i] for i in indices) for each in shares_of]
        times = [share * whole for share, (_, whole) in zip(shares, profiles, strict=True)]
        groups[name] = GroupTime(log_interval(times), log_interval(shares))
    return groups


def overhead(results: Statistics, cell: int) -> Interval | None:
    """Return how many times as long a call takes under the profiler; ``None``: not profiled."""
    ratios = [
        median(profile.profiled_ns) / median(profile.plain_ns)
        for profile in results.run.profiles
        if profile.cell == cell
    ]
    return log_interval(ratios) if ratios else None


def own_share(profile: Profile) -> float:
    """Return the share of the faster half of the calls that the layers' own kernels take.

    The rest is what belongs to no layer, and what is done to the input before the first layer.
    """
    return _together(
        share
        for layer, share in zip(profile.layers, _shares(profile), strict=True)
        if layer.layer != "input" and not layer.layer.startswith("(")
    )


def _profiled(results: Statistics, cell: int) -> list[tuple[Profile, float]]:
    """Return the profiles of a cell, and the median of the timed calls in the same process."""
    clock = results.clock(cell)
    whole = {one.generation: one.median(clock) for one in results.series[cell]}
    return [
        (profile, median)
        for profile in results.run.profiles
        if profile.cell == cell and (median := whole.get(profile.generation))
    ]


def _shares(profile: Profile) -> list[float]:
    """Return the share of each layer in the faster half of the calls."""
    import numpy as np

    calls = np.array(profile.profiled_ns, dtype=np.float64)
    fast = np.argsort(calls, kind="stable")[: (len(calls) + 1) // 2]
    times = (np.array(layer.ns, dtype=np.float64)[fast].sum() for layer in profile.layers)
    whole = float(calls[fast].sum())
    return [float(time) / whole for time in times]


def _together(shares: Iterable[float]) -> float:
    return max(sum(shares), LEAST_SHARE)
