"""Given networks as a run of one place, with runtimes that have a script: 40 MACs a nanosecond."""

from __future__ import annotations

from typing import Any

import pytest

import mncost
from mncost.errors import InputError
from mncost.measure.records import Place
from mncost.place import OnePlace
from mncost.results.bench import measure_networks
from mncost.runs.networks import cells_of, one_place
from tests.measure.scripted import instead_of_processes


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    instead_of_processes(monkeypatch)


def test_networks_and_twins_are_cells_in_their_order() -> None:
    network = mncost.load("v2", 0.35, 96)
    networks = [network, network.standard, mncost.load("v1", 0.25, 128)]
    planned = cells_of(networks, one_place(OnePlace("fake", 3), "fp32"))
    cells = planned.cells
    assert [cell.id for cell in cells] == [0, 1, 2]
    assert [cell.subject.twin for cell in cells] == [None, "standard", None]
    assert [cell.macs for cell in cells] == [one.macs for one in networks]
    assert {cell.place for cell in cells} == {Place("fake", threads=3)}
    models = [planned.models[cell.digest] for cell in cells]
    assert [model.graph for model in models] == [one.graph for one in networks]
    assert [model.inputs for model in models] == [{"input": (3, n, n)} for n in (96, 96, 128)]
    assert [model.label for model in models] == [one.label for one in networks]


@pytest.mark.parametrize("by_layer", [False, True])
def test_they_are_measured(by_layer: bool) -> None:
    networks = [mncost.load("v2", 0.35, 96), mncost.load("v2", 1.0, 224)]
    place = one_place(OnePlace("fake"), "fp32", by_layer=by_layer)
    saved: list[Any] = []
    results = measure_networks(networks, place, by_layer=by_layer, save=saved.append)
    run = results.run
    for summary, network in zip(results.summaries, networks, strict=True):
        assert summary.latency is not None
        expected = (network.macs / 40 + 20_000) / 1e9
        assert summary.latency.center == pytest.approx(expected, rel=0.05)
    assert {profile.cell for profile in run.profiles} == ({0, 1} if by_layer else set())
    assert saved[-1] is run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fak", 1, "fp32"), "unknown runtime 'fak' (did you mean 'fake'?)"),
        (("fake", 0, "fp32"), "threads 0: accepted are 1 to 1024"),
        (("fake", 1, "bf16"), "fake has no models in bf16; accepted: fp32, int8"),
    ],
)
def test_a_place_that_cannot_be_used(arguments: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        one_place(OnePlace(*arguments[:2]), arguments[2])
    assert message in str(error.value)


def test_a_runtime_that_knows_no_layers() -> None:
    with pytest.raises(InputError, match="torch does not say how long each layer takes"):
        one_place(OnePlace("torch", 1), "fp32", by_layer=True)
