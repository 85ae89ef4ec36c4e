"""From a runtime's kernels to our layers, and from a profile to the time of each layer.

A runtime fuses operators, and names what comes of it after one of them: ``row2.expand.act_nchwc``
is the convolution ``row2.expand.conv`` with its batch norm and activation. Our steps
(:mod:`mncost.cost.memory`) say which operator such a kernel is about. Some kernels at the end of a
model are called after its output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from mncost.cost.count import count
from mncost.cost.layers import kind_of
from mncost.cost.memory import schedule
from mncost.graph.graph import Graph
from mncost.graph.ops import LayerScale
from mncost.graph.shapes import infer_shapes
from mncost.interval import Interval
from mncost.measure.records import LayerShare, Profile, Run
from mncost.results.samples import series_by_cell
from mncost.stats.location import log_interval

__all__ = [
    "CONVERT",
    "REORDER",
    "SESSION",
    "GroupTime",
    "LayerTime",
    "ProfileError",
    "group_times",
    "layer_times",
    "overhead",
    "own_share",
    "shares",
]

CONVERT = "(conversion)"  # of a quantised model's input and output
REORDER = "(reordering)"  # tensors between the layouts that kernels want
SESSION = "(session)"  # what a run takes beside its kernels

# The model's input and output, in the files that runtimes load: mncost.models.onnx_model.
_INPUT, _OUTPUT = "input", "output"
_CONVERSIONS = (f"{_INPUT}_QuantizeLinear", f"{_OUTPUT}_DequantizeLinear")


class ProfileError(Exception):
    """A profile that cannot be mapped to the layers; the message says why."""


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


def shares(
    graph: Graph, resolution: int, runs: Sequence[int], kernels: Mapping[str, Sequence[int]]
) -> list[LayerShare]:
    """Return the time of each layer in each run, in the order of the graph.

    Args:
        graph: what was run.
        resolution: pixels of a side of the image.
        runs: nanoseconds of each whole run.
        kernels: nanoseconds of each kernel in each run, by the runtime's names.

    Raises:
        ProfileError: a layer that has multiply-accumulates has no kernel.
    """
    heads = _heads(graph)
    costs = count(graph, infer_shapes(graph, resolution))
    macs = {node.name: cost.terms.macs for node, cost in zip(graph.nodes, costs, strict=True)}
    kinds = {node.name: kind_of(node.op) for node in graph.nodes}
    found: dict[str, list[str]] = {}
    for kernel in kernels:
        found.setdefault(_layer_of(kernel, heads), []).append(kernel)
    if silent := [name for name, n in macs.items() if n and name not in found]:
        raise ProfileError(f"the profile has no kernel for {silent[0]}, which has MACs")
    order = [*macs, REORDER, CONVERT]
    layers = [
        LayerShare(
            layer=name,
            kind=kinds.get(name, ""),
            macs=macs.get(name, 0),
            kernels=found[name],
            ns=[sum(times) for times in zip(*(kernels[k] for k in found[name]), strict=True)],
        )
        for name in order
        if name in found
    ]
    rest = [max(0, run - sum(layer.ns[i] for layer in layers)) for i, run in enumerate(runs)]
    return [*layers, LayerShare(layer=SESSION, kind="", macs=0, kernels=[], ns=rest)]


def _heads(graph: Graph) -> dict[str, str]:
    """Return, for each node, the node whose step it is part of; with a layer scale, the one before.

    ONNX Runtime multiplies a layer scale into the convolution before it. The output stands for the
    last node.
    """
    steps = {s.node for s in schedule(graph) if not isinstance(graph.nodes[s.node].op, LayerScale)}
    heads = {}
    for index, node in enumerate(graph.nodes):
        head = index
        while head not in steps and graph.nodes[head].inputs:
            head = graph.nodes[head].inputs[0]
        heads[node.name] = graph.nodes[head].name
    return {_OUTPUT: heads[graph.nodes[-1].name], **heads}


def _layer_of(kernel: str, heads: Mapping[str, str]) -> str:
    """Return the layer that a kernel is about: its name begins with that of one of our nodes."""
    if kernel.startswith(_CONVERSIONS):
        return CONVERT
    name = kernel
    while name not in heads:
        cut = max(name.rfind(mark) for mark in "._/:")
        if cut < 0:
            return REORDER
        name = name[:cut]
    return heads[name]


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
    own = [x for x in profile.layers if x.layer != _INPUT and not x.layer.startswith("(")]
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
