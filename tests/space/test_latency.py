"""Predicted latencies of arrays of networks beside those of each network by itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from msgspec import structs

import mncost
from mncost.measure.runtimes import default_provider
from mncost.measure.runtimes.fake import SCRIPT
from mncost.measure.where import Where
from mncost.predict.predictor import Predictor
from mncost.predict.probes import probes
from mncost.space.goals import goals_of
from mncost.space.space import Space
from mncost.spec.catalog import families
from tests.running import in_process
from tests.space.test_space import EXAMPLE, choices_of


@pytest.fixture(scope="module", params=["onnxruntime", "torch", "litert"])
def predictor(request: pytest.FixtureRequest) -> Predictor:
    """Return what predicts as for a runtime, whose kernels it lists; a script was measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SCRIPT, '{"process": 0.0}')
        networks = [*probes(24), *mncost.grid("v1", alpha="0.35,1.0", resolution="96,224")]
        run = mncost.bench(networks, where=Where(runtime="fake"), twin=False, max_time=3).run
    provider = default_provider(request.param)
    for index, cell in enumerate(run.cells):
        place = structs.replace(cell.place, runtime=request.param, provider=provider)
        run.cells[index] = structs.replace(cell, place=place)
    for process in run.processes:
        process.worker = run.cells[0].worker
    return Predictor.fit(run)


def held_against_single_networks(space: Space, predictor: Predictor, count: int) -> None:
    numbers = np.concatenate([*space.numbers(count, 1)])
    costs, _, possible = space.counter(("macs",), predictor=predictor).count(numbers)
    for place in np.flatnonzero(possible)[:count]:
        network = space.network(int(numbers[place]))
        (one,) = predictor.predict(network)
        assert not one.is_measured
        got = [float(costs[name][place]) for name in ("latency", "latency_lo", "latency_hi")]
        expected = [np.nan if bound is None else bound for bound in one.latency[:3]]
        assert got == pytest.approx(expected, rel=1e-9, nan_ok=True), space.choices(
            int(numbers[place])
        )


@pytest.mark.parametrize(
    "name", ["v2", "v3-large", "v4-hybrid-m", "resnet-50", "shufflenet-v2-1.0"]
)
def test_choices_of_rows(name: str, predictor: Predictor) -> None:
    """Widths in and out of the blocked layout; all rows may change."""
    space = Space.of(
        arch=name, alpha=(1.0, 0.35, 0.66), resolution="128,224", choices=choices_of(name)[:10]
    )
    held_against_single_networks(space, predictor, 8)


@pytest.mark.slow  # some 20 s
@pytest.mark.parametrize("family", [name for name in families() if name != "v1"])  # measured
def test_every_family(family: str, predictor: Predictor) -> None:
    name = families()[family][0]
    space = Space.of(arch=name, alpha=(1.0, 0.6), choices=choices_of(name)[:12])
    held_against_single_networks(space, predictor, 4)


def test_a_family_that_was_measured(predictor: Predictor) -> None:
    space = Space.of(arch="v1", alpha="0.4:0.9:0.05", resolution="100:200:20")
    held_against_single_networks(space, predictor, 20)


def test_beyond_what_was_measured_of_a_family(predictor: Predictor) -> None:
    """Wider, and larger, than what was measured of V1."""
    space = Space.of(arch="v1", alpha=[0.7, 1.3], resolution=[96, 288])
    held_against_single_networks(space, predictor, space.size)
    (one,) = predictor.predict(space.network(2))
    assert one.extrapolated == ("no v1 as wide or narrow, or as large or small, was measured",)


def test_other_repeats_are_no_family_that_was_measured(predictor: Predictor) -> None:
    """As other rows are not: the interval is that of a network of no family."""
    plain, deeper = (
        Space.of(arch="v1", alpha=0.7, resolution=128, **more).counter((), predictor=predictor)
        for more in ({}, {"depth": [1.0, 2.0]})
    )
    assert plain.timer is not None
    assert deeper.timer is not None
    assert (plain.timer.family, deeper.timer.family) == ("v1", None)


def test_the_front_and_the_limit(predictor: Predictor) -> None:
    space = Space.of(arch="v2", alpha="0.35:1.0:0.05", resolution="96:224:32")
    every = space.survey(predictor=predictor)
    most = float(np.median(every.costs["latency_hi"]))
    kept = space.survey("latency,params:max", bounds={("latency_hi",): most}, predictor=predictor)
    assert 0 < len(kept) < kept.fitting < every.fitting
    assert kept.costs["latency_hi"].max() <= most
    assert (np.diff(kept.costs["latency"]) >= 0).all()
    assert (np.diff(kept.costs["params"]) >= 0).all()
    best = space.survey(keep=3, order=goals_of("latency")[0], predictor=predictor)
    assert best.costs["latency"].tolist() == sorted(every.costs["latency"])[:3]
    frame = best.to_frame(rows=None)
    assert list(frame["latency"]) == best.costs["latency"].tolist()
    assert (frame["latency_lo"] < frame["latency"]).all()


def test_the_command_predicts(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mncost.predict.profile.read_profile", lambda place, precision: predictor.calibration
    )
    words = ["space", str(EXAMPLE), "--sample", "40"]
    every = json.loads(in_process([*words, "--predicted", "-f", "json"]).out)["rows"]
    assert len(every) == 40
    most = sum(sorted(row["latency_hi"] for row in every)[20:22]) / 2
    limit = ["--max-latency", f"{most * 1e6:.6f} us", "-f", "json"]
    kept = json.loads(in_process([*words, *limit]).out)["rows"]
    assert kept == [row for row in every if row["latency_hi"] <= most]
    front = json.loads(in_process([*words, "--pareto", "macs:max,latency", "-f", "json"]).out)
    assert {row["number"] for row in front["rows"]} == {
        one["number"]
        for one in every
        if not any(
            other["macs"] >= one["macs"]
            and other["latency"] <= one["latency"]
            and (other["macs"], other["latency"]) != (one["macs"], one["latency"])
            for other in every
        )
    }
    people = in_process([*words, "--predicted", "--rows", "2"])
    assert "predicted, with 90 % intervals" in people.out


def test_without_a_profile() -> None:
    done = in_process(["space", str(EXAMPLE), "--max-latency", "5ms"])
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert "mncost calibrate makes one" in done.err
    refused = in_process(["space", str(EXAMPLE), "--threads", "2"])
    assert refused.status == 2
    assert "add --predicted" in refused.err
