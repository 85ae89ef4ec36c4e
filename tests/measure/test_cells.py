"""From networks and places to cells."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import mncost
from mncost.errors import InputError, MeasureError
from mncost.measure.cells import digest
from mncost.measure.places import first_place
from mncost.measure.plan import plan
from mncost.measure.records import Cell, WorkerSpec
from mncost.measure.where import Where
from tests.measure.scripted import Asked, fake_request

CPU, DNNL = "CPUExecutionProvider", "DnnlExecutionProvider"


def offer(runtime: str, python: str | None) -> Sequence[str | None]:
    """Offer two providers, as a package built with oneDNN does."""
    return [CPU, DNNL] if runtime == "onnxruntime" else [None]


def found(asked: Asked) -> list[Cell]:
    return plan(asked.networks, asked.where, asked.what, offer, copies=asked.copies).planned.cells


def test_every_combination_is_one_cell() -> None:
    request = fake_request(
        arch="v1,v2",
        alpha="0.5,1.0",
        resolution="128,160,192",
        batch=[1, 8],
        runtime=["onnxruntime", "torch"],
        threads=[1, 2],
        copies=2,
    )
    cells = found(request)
    # 2 architectures, 2 α, 3 sizes, with twins; 2 batches; 2 providers and torch; 2 threads; twice
    assert len(cells) == 2 * 2 * 3 * 2 * 2 * 3 * 2 * 2
    assert [cell.id for cell in cells] == list(range(len(cells)))
    assert len({cell.words() for cell in cells}) == len(cells)
    assert Counter(cell.worker for cell in cells).keys() == {
        WorkerSpec(runtime, threads) for runtime in ("onnxruntime", "torch") for threads in (1, 2)
    }


def test_a_cell_says_what_its_network_costs() -> None:
    request = fake_request(arch="v2", alpha="0.5", resolution="160", runtime=["torch"])
    own, twin = found(request)
    network = mncost.load("v2", alpha=0.5, resolution=160)
    assert (own.macs, own.params) == (network.macs, network.params)
    assert own.weight_bytes == network.weight_bytes
    assert (twin.macs, twin.subject.twin) == (network.standard.macs, "standard")


def test_int8_cells_have_int8_bytes() -> None:
    request = fake_request(
        arch="v2", twin=None, precision=["fp32", "int8"], runtime=["onnxruntime"], provider=["cpu"]
    )
    full, quantised = found(request)
    assert quantised.weight_bytes == mncost.load("v2", precision="int8").weight_bytes
    assert quantised.weight_bytes < full.weight_bytes
    assert quantised.digest == full.digest


def test_what_a_runtime_does_not_have_is_left_out_with_a_note() -> None:
    request = fake_request(
        arch="v2", twin=None, precision=["fp32", "int8"], runtime=["onnxruntime", "torch"]
    )
    planned = plan(request.networks, request.where, request.what, offer)
    combinations = {(c.place.runtime, c.place.precision) for c in planned.planned.cells}
    assert combinations == {("onnxruntime", "fp32"), ("onnxruntime", "int8"), ("torch", "fp32")}
    assert planned.notes == ["left out: torch has no models in int8; accepted: fp32"]


def test_a_network_without_separable_pairs_has_no_twin(tmp_path: Path) -> None:
    file = tmp_path / "plain.toml"
    file.write_text(
        'format = 1\nname = "plain"\ntitle = "Plain"\nresolution = 32\n'
        "rules = { divisor = 8, minimum = 8, classes = 10 }\n"
        'defaults = { kernel = 3, activation = "relu" }\n'
        'rows = [{ block = "conv", out = 8, stride = 2 }, { block = "pool" }, '
        '{ block = "linear", out = "classes" }]\n'
    )
    cells = found(fake_request(arch=str(file), runtime=["torch"]))
    assert [cell.subject.twin for cell in cells] == [None]


@pytest.mark.parametrize("name", ["dnnl", "DNNL", DNNL, "DnnlExecutionProvider"])
def test_a_provider_is_chosen_by_name(name: str) -> None:
    request = fake_request(arch="v2", twin=None, runtime=["onnxruntime"], provider=[name])
    assert [cell.place.provider for cell in found(request)] == [DNNL]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runtime": ["onxruntime"]}, "unknown runtime 'onxruntime' (did you mean 'onnxruntime'?)"),
        ({"precision": ["int4"]}, "unknown precision 'int4'"),
        ({"precision": ["fp16"]}, "unknown precision 'fp16'"),
        ({"batch": [0]}, "batch 0: accepted are 1 to 4096"),
        ({"threads": [0]}, "threads 0: accepted are 1 to 1024"),
        ({"provider": ["dnl"]}, "no execution provider 'dnl' for CPUs is installed"),
        ({"runtime": ["torch"], "provider": ["cpu"]}, "the runtimes chosen have no providers"),
        ({"runtime": ["torch"], "precision": ["int8"]}, "torch has no models in int8"),
        ({"runtime": ["torch"], "by_layer": True}, "torch does not say how long each layer takes"),
        ({"arch": "v9"}, "unknown architecture 'v9'"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {"arch": "v2", "runtime": ["onnxruntime"], **changes}
    with pytest.raises(InputError) as error:
        found(fake_request(**fields))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_digest_is_of_the_computation() -> None:
    def of(network: mncost.Network) -> str:
        return digest(network.graph, network.inputs)

    base = mncost.load("v2")
    assert of(base) == of(mncost.load("v2"))
    others = {
        of(mncost.load("v2", resolution=192)),
        of(base.standard),
        of(mncost.load("v2", alpha=0.75)),
        of(mncost.load("v2", dialect="keras")),
    }
    assert len(others) == 4
    assert of(base) not in others


@pytest.mark.parametrize("poor", [None, "/there/python"])
def test_a_provider_that_one_of_two_interpreters_lacks(poor: str | None) -> None:
    def uneven(runtime: str, python: str | None) -> Sequence[str | None]:
        return [CPU] if python == poor else [CPU, DNNL]

    where = Where(runtime="onnxruntime", provider="dnnl", python="/there/python")
    rich = "/there/python" if poor is None else None
    assert first_place(where, uneven, rich).provider == DNNL
    with pytest.raises(MeasureError, match=f"{poor or sys.executable} has no .* dnnl$"):
        first_place(where, uneven, poor)
