"""The time of each layer, from profiles that are worked out by hand."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from mncost.measure.bursts import Counts
from mncost.measure.records import LayerShare, Profile, Run
from mncost.results.layer_times import own_share
from mncost.results.results import Results
from tests.measure.synthetic import cell, process, run_of


def profile(runs: list[int], generation: int = 0, **layers: list[int]) -> Profile:
    return Profile(
        cell=0,
        generation=generation,
        profiled_ns=runs,
        plain_ns=list(runs),
        layers=[
            LayerShare(layer=name, kind="", macs=0, kernels=[], ns=Counts(ns))
            for name, ns in layers.items()
        ],
    )


def test_the_own_share_is_that_of_the_layers_in_the_faster_half() -> None:
    """Of five runs the fastest three: 100, 110 and 90 take 60, 60 and 30 in their layers."""
    found = profile(
        [100, 500, 110, 400, 90],
        0,
        **{
            "input": [9, 9, 9, 9, 9],
            "dw.conv": [20, 400, 30, 1, 10],
            "pw.conv": [40, 1, 30, 300, 20],
            "(conversion)": [1, 1, 1, 1, 1],
            "(reordering)": [10, 10, 10, 10, 10],
            "(session)": [20, 79, 30, 79, 40],
        },
    )
    assert own_share(found) == pytest.approx((60 + 60 + 30) / (100 + 110 + 90))


def profiled() -> Run:
    """Return two processes: calls of 1000 and 4000 ns, in which dw takes half and a quarter."""
    processes = [process(0, {0: [[1000]]}), process(1, {0: [[4000]]}), process(2, {0: [[70]]})]
    profiles = [
        profile([100, 900], 0, dw=[50, 1], pw=[30, 1]),
        profile([200, 900], 1, dw=[50, 1], pw=[100, 1]),
    ]
    return run_of([cell()], processes, profiles=profiles)


def test_a_layer_takes_its_share_of_the_calls_without_the_profiler() -> None:
    """dw: 500 and 1000 ns; its shares 1/2 and 1/4. A process without a profile says nothing."""
    dw, pw = Results(profiled()).layers(0)
    assert (dw.layer, pw.layer) == ("dw", "pw")
    assert dw.time.center == pytest.approx((500 * 1000) ** 0.5 * 1e-9)
    assert dw.share.center == pytest.approx((1 / 2 * 1 / 4) ** 0.5)
    assert pw.time.center == pytest.approx((300 * 2000) ** 0.5 * 1e-9)
    assert dw.time.n == pw.share.n == 2


def counted_in_steps(generation: int, call: int, layers: dict[str, list[int]]) -> Profile:
    """Return a profile in whole microseconds: nanoseconds of each kernel of each layer."""
    floors = {name: sum(ns // 1000 * 1000 for ns in kernels) for name, kernels in layers.items()}
    made = profile([call], generation, **{n: [ns] for n, ns in floors.items()})
    session = LayerShare(
        layer="(session)", kind="", macs=0, kernels=[], ns=Counts([call - sum(floors.values())])
    )
    named = [
        msgspec.structs.replace(one, kernels=[f"{one.layer}{i}" for i in range(len(of))])
        for one, of in zip(made.layers, layers.values(), strict=True)
    ]
    return msgspec.structs.replace(made, layers=[*named, session], step_ns=1000)


def test_a_profiler_that_cuts_off_its_steps_leaves_each_layer_in_doubt() -> None:
    """Of 20 µs dw has 0 to 1, pw of two kernels 8 to 10, and the session has what is left.

    Two processes alike have no width of their own: half a step for dw; for pw 1.96 standard
    deviations of two uniform ones, 1.96 * sqrt(2 / 12) = 0.8.
    """
    layers = {"dw": [900], "pw": [4100, 4900]}
    profiles = [counted_in_steps(generation, 20_000, layers) for generation in (0, 1)]
    processes = [process(generation, {0: [[20_000]]}) for generation in (0, 1)]
    results = Results(run_of([cell()], processes, profiles=profiles))
    dw, pw, session = results.layers(0)
    assert dw.time[:3] == pytest.approx((0.5e-6, 0, 1e-6))
    assert pw.time[:3] == pytest.approx((9e-6, 8.2e-6, 9.8e-6), rel=1e-3)
    assert session.time.center == pytest.approx(10.5e-6)
    assert results.profiler_step(0) == pytest.approx(1e-6)
    rate = dw.time.per(8)
    assert rate[:2] == pytest.approx((8 / 0.5e-6, 8e6))
    assert rate.hi is None


def test_the_doubt_about_groups_holds_the_truth() -> None:
    """Of 400 networks of 12 kernels, their groups and the session's rest: 95 % or more."""
    random, inside, tried = Random(0), 0, 0
    for _ in range(400):
        layers = {name: [random.randrange(9000) for _ in range(4)] for name in "abc"}
        call = sum(map(sum, layers.values())) + 5000
        profiles = [counted_in_steps(generation, call, layers) for generation in (0, 1)]
        processes = [process(generation, {0: [[call]]}) for generation in (0, 1)]
        results = Results(run_of([cell()], processes, profiles=profiles))
        truths = [*(sum(layers[name]) for name in "abc"), 5000]
        for layer, truth in zip(results.layers(0), truths, strict=True):
            assert layer.time.lo is not None
            assert layer.time.hi is not None
            inside += layer.time.lo <= 1e-9 * truth <= layer.time.hi
            tried += 1
    assert 0.93 < inside / tried < 0.98


def test_groups_are_added_up_in_each_process() -> None:
    """800 and 3000 ns: not the sum of the layers' own centres."""
    both = Results(profiled()).layer_groups(0, lambda layer: "all")["all"]
    assert both.time.center == pytest.approx((800 * 3000) ** 0.5 * 1e-9)
    # Student's t with one degree of freedom, on logarithms that differ by log(3000 / 800).
    assert both.time.hi == pytest.approx(both.time.center * (3000 / 800) ** (12.7062 / 2), rel=1e-4)


def test_the_profiler_s_own_cost() -> None:
    run = profiled()
    for one in run.profiles:
        one.plain_ns[:] = [200, 200]
    # Medians of 500 and 550 with the profiler, 200 without.
    overhead = Results(run).profiler_overhead(0)
    assert overhead is not None
    assert overhead.center == pytest.approx((2.5 * 2.75) ** 0.5)


def test_a_cell_without_a_profile_has_no_layers() -> None:
    results = Results(run_of([cell()], [process(0, {0: [[10]]})]))
    assert results.layers(0) == []
    assert results.profiler_overhead(0) is None
