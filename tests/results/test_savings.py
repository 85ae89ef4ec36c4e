"""What separable layers save, from runs whose numbers are worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from mncost.interval import Interval
from mncost.measure.bursts import Counts
from mncost.measure.records import (
    Ceilings,
    Cell,
    Failure,
    LayerShare,
    LeftOut,
    MemoryPeak,
    Pair,
    PairCells,
    Place,
    Profile,
    Run,
)
from mncost.results.own_times import OwnTimes
from mncost.results.results import Results
from mncost.results.roofline import Roofline
from mncost.results.savings import Savings
from tests.measure.synthetic import cell, process, run_of

# Network, its twin; then a pair, its two layers, and the convolution that replaces it.
NETWORK, TWIN, BOTH, FIRST, SECOND, MERGED = range(6)
PART = "row2.depthwise + row2.pointwise"
NS = {NETWORK: 2000, TWIN: 9000, BOTH: 1000, FIRST: 500, SECOND: 600, MERGED: 3000}
MACS = {NETWORK: 300, TWIN: 2400, BOTH: 100, FIRST: 10, SECOND: 90, MERGED: 800}


def cells(**changes: Any) -> list[Cell]:
    """Return the cells of V2, its twin and one pair."""
    parts: list[dict[str, Any]] = [
        {},
        {"twin": "standard"},
        {"part": PART},
        {"part": "row2.depthwise"},
        {"part": "row2.pointwise"},
        {"part": PART, "twin": "standard"},
    ]
    bytes_ = {"params": 10, "weight_bytes": 40, "moved_bytes": 100, "peak_activation_bytes": 1000}
    return [
        cell(index, macs=MACS[index], **bytes_ | part | changes) for index, part in enumerate(parts)
    ]


PAIR = Pair(
    names=("row2.depthwise", "row2.pointwise"),
    kinds=("depthwise", "pointwise"),
    kernel=3,
    stride=1,
    in_channels=32,
    out_channels=64,
    theoretical_share=0.1,
    counts={NETWORK: 2},
    cells=[PairCells(BOTH, FIRST, SECOND, MERGED)],
)


def measured(generations: Sequence[Mapping[int, int]], **changes: Any) -> Run:
    """Return a run with one burst of each cell in each generation, of so many nanoseconds."""
    processes = [
        process(generation, {index: [[time]] for index, time in ns.items()})
        for generation, ns in enumerate(generations)
    ]
    return run_of(cells(), processes, pairs=[PAIR], **changes)


def profile(of: int, generation: int, own: int, rest: int) -> Profile:
    """Return a profile: so many nanoseconds in the layer's kernels, so many beside them."""
    layers = [
        LayerShare(layer="first.conv", kind="depthwise", macs=1, kernels=["k"], ns=Counts([own])),
        LayerShare(
            layer="(reordering)", kind="", macs=0, kernels=["ReorderInput"], ns=Counts([rest])
        ),
    ]
    return Profile(
        cell=of, generation=generation, profiled_ns=[own + rest], plain_ns=[100], layers=layers
    )


def saving(run: Run) -> Savings:
    return Results(run).savings


def bounds(summary: Interval | None) -> tuple[float, float | None, float | None]:
    assert summary is not None
    return summary.center, summary.lo, summary.hi


def test_a_network_beside_its_twin() -> None:
    (found,) = saving(measured([NS, NS])).networks
    assert (found.network.cell.id, found.twin.cell.id) == (NETWORK, TWIN)
    assert (found.macs_ratio, found.params_ratio) == (8.0, 1.0)
    assert found.speedup is not None
    assert bounds(found.speedup) == pytest.approx((4.5, 4.5, 4.5))
    assert bounds(found.efficiency) == pytest.approx((4.5 / 8,) * 3)
    assert found.why is None


def test_a_pair_beside_its_convolution() -> None:
    (found,) = saving(measured([NS, NS])).pairs
    assert (found.macs_ratio, found.occurrences) == (8.0, 2)
    assert found.theoretical_macs_ratio == pytest.approx(10.0)
    assert bounds(found.time) == pytest.approx((1000e-9,) * 3)
    assert bounds(found.merged_time) == pytest.approx((3000e-9,) * 3)
    assert found.speedup is not None
    assert bounds(found.speedup) == pytest.approx((3, 3, 3))
    assert bounds(found.efficiency) == pytest.approx((0.3, 0.3, 0.3))
    assert [point.kind for point in found.points] == ["depthwise", "pointwise", "conv"]


def test_all_pairs_of_a_network_together() -> None:
    """Twice 100 MACs against twice 800; of two layers' 500 + 600 ns, 500 are the depthwise's."""
    sums = OwnTimes(Results(measured([NS, NS]))).sums(NETWORK)
    assert sums is not None
    assert (sums.macs, sums.merged_macs) == (200, 1600)
    assert bounds(sums.speedup) == pytest.approx((3, 3, 3))
    assert sums.depthwise_macs == pytest.approx(0.1)
    assert bounds(sums.depthwise_time) == pytest.approx((500 / 1100,) * 3)


def test_several_pairs_count_as_often_as_they_stand_in_the_network() -> None:
    """2 × (1000, 3000) and 3 × (100, 1000): 9000 / 2300."""
    more = [cell(6 + index, part=f"p{index}", macs=10) for index in range(4)]
    ns = NS | {6: 100, 7: 60, 8: 40, 9: 1000}
    run = measured([ns, ns])
    run.cells = [*run.cells, *more]
    other = Pair(
        **{name: getattr(PAIR, name) for name in PAIR.__struct_fields__ if name not in _OTHER},
        counts={NETWORK: 3},
        cells=[PairCells(6, 7, 8, 9)],
    )
    run.pairs = [PAIR, other]
    sums = OwnTimes(Results(run)).sums(NETWORK)
    assert sums is not None
    assert bounds(sums.speedup) == pytest.approx((9000 / 2300,) * 3)
    assert (sums.macs, sums.merged_macs) == (2 * 100 + 3 * 10, 2 * 800 + 3 * 10)


_OTHER = ("counts", "cells")


def test_own_time_is_without_what_a_large_network_does_not_spend() -> None:
    """Half of the pair's call is reordering: 500 of 1000 ns; the convolution has none."""
    profiles = [profile(BOTH, 0, own=70, rest=70), profile(MERGED, 0, own=80, rest=0)]
    profiles += [profile(BOTH, 1, own=50, rest=50), profile(MERGED, 1, own=80, rest=0)]
    (found,) = saving(measured([NS, NS], profiles=profiles)).pairs
    assert bounds(found.time) == pytest.approx((500e-9,) * 3)
    assert bounds(found.merged_time) == pytest.approx((3000e-9,) * 3)
    assert found.speedup is not None
    assert bounds(found.speedup) == pytest.approx((6, 6, 6))


def test_a_process_without_a_profile_says_nothing_of_own_times() -> None:
    slow = {name: 10 * ns for name, ns in NS.items()}
    profiles = [profile(BOTH, 0, own=50, rest=50), profile(MERGED, 0, own=80, rest=0)]
    (found,) = saving(measured([NS, slow], profiles=profiles)).pairs
    assert found.time is not None
    assert found.time.center == pytest.approx(500e-9)
    assert found.time.n == 1
    assert found.speedup is not None
    assert found.speedup.center == pytest.approx(6)
    assert found.speedup.n == 1


def test_the_interval_is_over_processes() -> None:
    """Speed-ups 2 and 8: the middle is 4; Student's t of 1 degree of freedom is 12.7062."""
    runs = [NS | {BOTH: 1000, MERGED: 2000}, NS | {BOTH: 1000, MERGED: 8000}]
    speedup = OwnTimes(Results(measured(runs))).speedup(PAIR.cells[0])
    assert speedup is not None
    # The logarithms are ln 2 and ln 8: standard error ln 2.
    assert bounds(speedup) == pytest.approx((4, 4 * 2**-12.7062, 4 * 2**12.7062), rel=1e-4)


def test_a_cell_that_was_left_out_has_a_reason_and_no_speedup() -> None:
    ns = {index: time for index, time in NS.items() if index != TWIN}
    too_large = LeftOut(cell=TWIN, reason="45.2 GMACs, more than the 20 that are timed")
    (found,) = saving(measured([ns, ns], left_out=[too_large])).networks
    assert (found.speedup, found.efficiency) == (None, None)
    assert found.macs_ratio == 8.0
    assert found.why == "45.2 GMACs, more than the 20 that are timed"


def test_a_pair_that_failed_has_a_reason() -> None:
    ns = {index: time for index, time in NS.items() if index != MERGED}
    failure = Failure(cell=MERGED, generation=0, reason="out of memory")
    found = saving(measured([ns, ns], failures=[failure]))
    assert found.pairs[0].speedup is None
    assert found.pairs[0].why == "out of memory"
    sums = found.networks[0].sums
    assert sums is not None
    assert sums.speedup is None


# --------------------------------------------------------------------------------------- roofline


def ceilings(generation: int, **changes: Any) -> Ceilings:
    """20 MACs a nanosecond at best, 10 bytes a nanosecond at best."""
    where = Place(provider="CPUExecutionProvider")
    fields: dict[str, Any] = {
        "generation": generation,
        "place": replace(where, **changes),
        "macs": 1000,
        "product_ns": [100, 50],
        "bytes": 800,
        "copy_ns": [80, 100],
    }
    return Ceilings(**fields)


def test_the_ceilings_are_the_fastest_runs() -> None:
    run = measured([NS, NS], ceilings=[ceilings(0), ceilings(1)])
    roofline = Results(run).roofline(FIRST)
    assert roofline is not None
    assert bounds(roofline.macs_per_second) == pytest.approx((2e10, 2e10, 2e10))
    assert bounds(roofline.bytes_per_second) == pytest.approx((1e10, 1e10, 1e10))
    assert roofline.ridge == pytest.approx(2.0)


def test_ceilings_that_differ_between_processes_are_none() -> None:
    """A product that one process claims to do in no time says nothing about the machine."""
    impossible = replace(ceilings(1), product_ns=[0, 50])
    run = measured([NS, NS], ceilings=[ceilings(0), impossible])
    assert Results(run).roofline(FIRST) is None


@pytest.mark.parametrize(
    "other", [{"runtime": "torch"}, {"precision": "int8"}, {"threads": 2}, {"provider": None}]
)
def test_the_ceilings_of_another_place_are_not_taken(other: dict[str, object]) -> None:
    run = measured([NS, NS], ceilings=[ceilings(0, **other)])
    assert Results(run).roofline(FIRST) is None


@pytest.mark.parametrize(
    ("macs", "moved", "batch", "attainable"),
    [
        (100, 100, 1, 10.0),  # 100 / 20 = 5 ns of arithmetic, 100 / 10 = 10 ns of traffic
        (1000, 100, 1, 50.0),
        (100, 100, 8, 52.0),  # 8 × 60 bytes of activations, 40 of weights
        (1000, 100, 8, 400.0),
    ],
)
def test_the_attainable_time_is_the_longer_of_two(
    macs: int, moved: int, batch: int, attainable: float
) -> None:
    exact = Interval(2e10, None, None, 1), Interval(1e10, None, None, 1)
    layer = cell(0, macs=macs, moved_bytes=moved, weight_bytes=40, batch=batch)
    assert Roofline(*exact).attainable(layer) == pytest.approx(attainable * 1e-9)


def test_a_layer_under_the_roofline() -> None:
    """The depthwise: 10 MACs, 100 bytes: 0.1 a byte; at least 10 ns, measured 500."""
    run = measured([NS, NS], ceilings=[ceilings(0), ceilings(1)])
    first, second, merged = saving(run).pairs[0].points
    assert first.intensity == pytest.approx(0.1)
    assert second.intensity == pytest.approx(0.9)
    assert merged.intensity == pytest.approx(8.0)
    bound = [point.bound for point in (first, second, merged)]
    assert bound == ["memory-bound", "memory-bound", "compute-bound"]
    assert first.attainable == pytest.approx(10e-9)
    assert bounds(first.ceiling_share) == pytest.approx((0.02, 0.02, 0.02))
    assert merged.attainable == pytest.approx(40e-9)


def test_without_ceilings_nothing_is_said_about_bounds() -> None:
    first, _, _ = saving(measured([NS, NS])).pairs[0].points
    assert (first.attainable, first.ceiling_share, first.bound) == (None, None, None)
    assert first.intensity == pytest.approx(0.1)


# ----------------------------------------------------------------------------------------- memory


def test_memory_is_what_a_run_adds_to_the_loaded_model() -> None:
    peaks = [
        MemoryPeak(cell=NETWORK, loaded_bytes=50_000, peak_bytes=51_500, runs=5),
        MemoryPeak(cell=TWIN, loaded_bytes=60_000, peak_bytes=60_900, runs=5),
    ]
    (found,) = saving(measured([NS, NS], memory=peaks)).networks
    assert found.memory == (1000, 1500)
    assert found.twin_memory == (1000, 900)


def test_analytic_memory_is_that_of_all_images() -> None:
    run = run_of(cells(batch=4), [process(0, {NETWORK: [[10]], TWIN: [[20]]})])
    (found,) = saving(run).networks
    assert found.memory == (4000, None)
