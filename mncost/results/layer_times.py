"""From the profiles of a cell to the time of each of its layers. Times are in seconds for one call.

A profile says which share of a call each layer takes. The time of a layer is that share of the time
that calls take without the profiler, in the same process.

Most profilers count whole microseconds and cut off the rest of each kernel. So a kernel is taken
for half a step more than they say, which may be wrong by half a step whatever the number of calls:
the intervals are as wide as that at least.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import hypot, sqrt
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from mncost.interval import Interval
from mncost.measure.layer_shares import SESSION
from mncost.measure.records import LayerShare, Profile
from mncost.stats.location import log_interval

if TYPE_CHECKING:
    from mncost.results.statistics import Statistics

__all__ = ["GroupTime", "LayerTime", "group_times", "layer_times", "overhead", "own_share"]

LEAST_SHARE = 1e-6  # a layer's time may be 0


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
        errors = [_cut_off(profile, indices) for profile, _ in profiles]
        times = [share * whole for share, (_, whole) in zip(shares, profiles, strict=True)]
        slips = [error * whole for error, (_, whole) in zip(errors, profiles, strict=True)]
        groups[name] = GroupTime(
            _widened(log_interval(times), slips), _widened(log_interval(shares), errors)
        )
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
    fast = np.argsort(calls, kind="stable")[: _half(profile)]
    whole = float(calls[fast].mean())
    shares = []
    for layer in profile.layers:
        half_steps = profile.step_ns / 2 * _kernels(profile, layer)
        known = float(np.array(layer.ns, dtype=np.float64)[fast].mean())
        added = -half_steps if layer.layer == SESSION else half_steps
        shares.append(max(known + added, 0.0) / whole)
    return shares


def _half(profile: Profile) -> int:
    return (len(profile.profiled_ns) + 1) // 2


def _kernels(profile: Profile, layer: LayerShare) -> int:
    """Return how many kernels the time of a layer is made of; the session's is what all leave."""
    layers = profile.layers if layer.layer == SESSION else (layer,)
    return sum(len(one.kernels) for one in layers)


def _cut_off(profile: Profile, layers: Iterable[int]) -> float:
    """Return by which share of a call layers may be wrong together, for what was cut off.

    What is cut off of a kernel is anything from 0 to a step: half a step at most beside what was
    added, and of several kernels 95 % of the normal distribution of their sum.
    """
    kernels = sum(_kernels(profile, profile.layers[index]) for index in layers)
    steps = min(kernels / 2, 1.96 * sqrt(kernels / 12))
    return profile.step_ns * steps / median(sorted(profile.profiled_ns)[: _half(profile)])


def _widened(interval: Interval, errors: Sequence[float]) -> Interval:
    """Return an interval with an error that more calls or processes do not make smaller."""
    center, lo, hi = interval[:3]
    error = fmean(errors)
    if not error or lo is None or hi is None:
        return interval
    below, above = hypot(center - lo, error), hypot(hi - center, error)
    least = center - below
    return interval._replace(lo=least if least > LEAST_SHARE * center else 0.0, hi=center + above)


def _together(shares: Iterable[float]) -> float:
    return max(sum(shares), LEAST_SHARE)
