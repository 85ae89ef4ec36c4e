"""The time of each layer of a network: shares of a profile, times the latency without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from mncost.interval import Interval
from mncost.measure.records import LayerShare, Profile, Run
from mncost.results.samples import series_by_cell
from mncost.stats.location import log_interval

__all__ = ["GroupTime", "LayerTime", "group_times", "layer_times", "overhead", "own_share"]


class LayerTime(NamedTuple):
    """One layer of a cell. Times are in nanoseconds for one call, without the profiler."""

    layer: str
    kind: str
    macs: int
    time: Interval
    share: Interval  # of the time of a whole run
    kernels: Sequence[str]


class GroupTime(NamedTuple):
    """Layers of a cell together. The time is in nanoseconds for one call, without the profiler."""

    time: Interval
    share: Interval  # of the time of a whole run


def layer_times(run: Run, cell: int) -> list[LayerTime]:
    """Return the layers of a cell: shares under the profiler, of the median of the timed runs.

    A process gives one value, from the faster half of its profiled runs: what interrupts a run hits
    one layer of it. The interval is Student's t over processes, as for any latency. Empty if the
    cell was not profiled.
    """
    found = group_times(run, cell, lambda layer: layer.layer)
    profiles = _profiled(run, cell)
    return [
        LayerTime(layer.layer, layer.kind, layer.macs, *found[layer.layer], layer.kernels)
        for layer in (profiles[0][0].layers if profiles else ())
    ]


def group_times(run: Run, cell: int, group_of: Callable[[LayerShare], str]) -> dict[str, GroupTime]:
    """Return the layers of a cell added up, as :func:`layer_times` does for each.

    They are added up in each process, and the interval is that of the sums: layers of one process
    resemble each other, so the intervals of single layers say nothing about it.

    Args:
        run: whose profiles.
        cell: its id.
        group_of: the name of a layer's group.
    """
    profiles = _profiled(run, cell)
    members: dict[str, list[int]] = {}
    for index, layer in enumerate(profiles[0][0].layers if profiles else ()):
        members.setdefault(group_of(layer), []).append(index)
    found = {}
    for name, indices in members.items():
        parts = [_share(profile, [profile.layers[i] for i in indices]) for profile, _ in profiles]
        times = [part * whole for part, (_, whole) in zip(parts, profiles, strict=True)]
        found[name] = GroupTime(log_interval(times), log_interval(parts))
    return found


def _profiled(run: Run, cell: int) -> list[tuple[Profile, float]]:
    """Return the profiles of a cell, and the median of the timed runs in the same process."""
    whole = {
        series.generation: float(median(series.ns.tolist())) for series in series_by_cell(run)[cell]
    }
    return [
        (profile, whole[profile.generation])
        for profile in run.profiles
        if profile.cell == cell and profile.generation in whole
    ]


def own_share(profile: Profile) -> float:
    """Return the share of a run that the layers' own kernels take, in the faster half of the runs.

    The others are those in brackets, and what is done to the input before the first layer.
    """
    own = [x for x in profile.layers if x.kind != "input" and not x.layer.startswith("(")]
    return _share(profile, own)


def _share(profile: Profile, layers: Sequence[LayerShare]) -> float:
    """Return the share of some layers, together, in the faster half of the runs."""
    runs = profile.profiled_ns
    fast = sorted(range(len(runs)), key=runs.__getitem__)[: (len(runs) + 1) // 2]
    share = sum(layer.ns[run] for layer in layers for run in fast) / sum(runs[i] for i in fast)
    return max(share, 1e-6)  # the profiler counts whole microseconds


def overhead(run: Run, cell: int) -> Interval | None:
    """Return how many times as long a run takes under the profiler."""
    ratios = [
        median(profile.profiled_ns) / median(profile.plain_ns)
        for profile in run.profiles
        if profile.cell == cell
    ]
    return log_interval(ratios) if ratios else None
