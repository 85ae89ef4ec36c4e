"""Sentences below the tables of savings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mncost.graph.twin import SPLITTING
from mncost.measure.runtime_names import RUNTIMES
from mncost.measure.runtimes import runtime_class
from mncost.render.units import with_interval, written
from mncost.results.roofline import Roofline
from mncost.results.savings import NetworkSaving, PairSaving

__all__ = ["about_layers", "about_memory", "about_networks", "about_pairs"]

_LAYERS = {
    "standard": "its separable layers",
    "fused": "its expand and depthwise layers",
    "separable": "the twin's separable layers",
}
_THEORY = {
    "standard": "1 / (1/N + 1/k²) for N output channels",
    "fused": "1 / (s²/k² + 1/C) for C input channels",
    "separable": "1 / (1/N + 1/k²) for N output channels",
}


def about_networks(networks: Sequence[NetworkSaving]) -> Iterator[str]:
    """Say what networks save, each if they are few, and why a twin was not timed."""
    for saving in networks:
        if saving.why:
            yield f"not timed: {saving.twin.cell.words()}: {saving.why}"
    timed = [saving for saving in networks if saving.speedup]
    for place in dict.fromkeys(saving.network.cell.place for saving in timed):
        there = [one for one in timed if one.network.cell.place == place]
        if len(there) == 1 or any(saving.sums for saving in timed):
            yield from (sentence for saving in there for sentence in _one_by_one(saving))
        else:
            yield _together(there)


def _together(networks: Sequence[NetworkSaving]) -> str:
    cell, twin = networks[0].network.cell, networks[0].twin.cell
    ratios = [saving.macs_ratio for saving in networks]
    speedups = [saving.speedup.center for saving in networks if saving.speedup]
    if twin.subject.twin in SPLITTING:
        return (
            f"{cell.place.words()}: the {twin.subject.twin} twins have {1 / max(ratios):.1f} to "
            f"{1 / min(ratios):.1f} times fewer MACs and are {1 / max(speedups):.1f} to "
            f"{1 / min(speedups):.1f} times as fast"
        )
    return (
        f"{cell.place.words()}: {min(ratios):.1f} to {max(ratios):.1f} times fewer MACs than the "
        f"{twin.subject.twin} twins, {min(speedups):.1f} to {max(speedups):.1f} times as fast"
    )


def _one_by_one(saving: NetworkSaving) -> Iterator[str]:
    cell, twin = saving.network.cell, str(saving.twin.cell.subject.twin)
    assert saving.speedup is not None
    if twin in SPLITTING:
        yield (
            f"{cell.words()}: its {twin} twin has {1 / saving.macs_ratio:.1f} times fewer MACs and "
            f"is {with_interval(saving.speedup.inverse)} times as fast"
        )
    else:
        yield (
            f"{cell.words()}: {saving.macs_ratio:.1f} times fewer MACs than the {twin} twin, "
            f"{with_interval(saving.speedup)} times as fast"
        )
    sums = saving.sums
    if sums is None or sums.speedup is None or sums.depthwise_time is None:
        return
    yield (
        f"{_LAYERS[twin]} need {sums.merged_macs / sums.macs:.1f} times fewer MACs than the "
        f"convolutions that replace them and run {with_interval(sums.speedup)} times as fast; the "
        f"depthwise ones hold {100 * sums.depthwise_macs:.1f} % of their MACs and take "
        f"{with_interval(sums.depthwise_time.scaled(100))} % of their time"
    )


def about_memory(networks: Sequence[NetworkSaving]) -> Iterator[str]:
    """Say what the measured bytes hold that the counted ones do not."""
    yield (
        "analytic: the most bytes of activations alive at once. Measured: how far the resident "
        "memory of a process of its own grows, from the loaded model to the high-water mark of its "
        "runs. That holds also copies in other layouts, the kernels' work space, and what the "
        "allocator keeps or rounds up"
    )
    if any(saving.memory.measured is None for saving in networks):
        yield "some were not measured: the notes below say why"


def about_pairs(pairs: Sequence[PairSaving]) -> Iterator[str]:
    """Say what the times of layers are, and why some are missing."""
    runtime = pairs[0].both.place.runtime
    own = {
        True: "the time of its own kernels, without changing the layout of its input and output "
        "and without starting the call",
        False: "the time of a call",
    }[runtime in RUNTIMES and runtime_class(runtime).profiles]
    yield (
        f"each is a small network with its batch norms and activations; time: {own}; ×: how often "
        f"the network has it; theory: {_THEORY[str(pairs[0].merged.subject.twin)]}; efficiency: "
        "speed-up / theory"
    )
    for saving in pairs:
        if saving.why:
            yield f"not timed: {saving.both.subject.part}: {saving.why}"


def about_layers(roofline: Roofline | None, pairs: Sequence[PairSaving]) -> Iterator[str]:
    """Say what the ceilings are, and which layers are under which."""
    if roofline is None:
        yield "no ceilings: none were measured, or processes differ too much in them"
        return
    yield (
        f"ceilings: {written('rate', roofline.macs_per_second)}MAC/s (a large matrix product), "
        f"{written('rate', roofline.bytes_per_second)}B/s (a large copy); below "
        f"{roofline.ridge:.1f} MACs a byte a layer is memory-bound"
    )
    points = [(one.cell.subject.twin or one.kind, one) for pair in pairs for one in pair.points]
    words = []
    for kind in dict.fromkeys(kind for kind, _ in points):
        alike = [point for name, point in points if name == kind]
        bound = sum(point.bound == "memory-bound" for point in alike)
        shares = sorted(point.ceiling_share.center for point in alike if point.ceiling_share)
        reach = f", at {shares[0]:.0%} to {shares[-1]:.0%} of the ceiling" if shares else ""
        words.append(f"{bound} of {len(alike)} {kind} layers are memory-bound{reach}")
    yield "; ".join(words)
    if any(one.ceiling_share and (one.ceiling_share.lo or 0) > 1 for _, one in points):
        yield (
            "above 100 %: tensors that stay in the caches move faster than the copy, which does "
            "not fit there; and a kernel can suit a layer better than the product"
        )
