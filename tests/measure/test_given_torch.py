"""Torch modules are run as they are: made in the worker by their name, with their own weights."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mncost
from mncost.effort import Effort
from mncost.errors import InputError, MeasureError
from mncost.in_hand import grid_of
from mncost.measure.given_models import given_of
from mncost.measure.plan import What
from mncost.measure.runtimes import Setup
from mncost.measure.where import Where
from mncost.models.formats import Model, format_named
from mncost.readers import read_model
from mncost.readers.given import parse_inputs
from mncost.readers.model import TorchSource
from mncost.results.results import Results
from mncost.runs.begin import begin
from mncost.runs.resume import resumed

pytest.importorskip("torch")

import torch

CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(2, 3, dtype=torch.bfloat16)
        torch.nn.init.constant_(self.table.weight, 2)
    def forward(self, ids, factor):
        return self.table(ids) * factor
class Elsewhere(nn.Linear):
    def __init__(self):
        super().__init__(3, 3, device="meta")
calls = []
def make():
    if not torch.empty(1).is_meta:
        calls.append(1)
        raise ValueError("only once")
    return nn.Linear(3, 3)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"given_{abs(hash(tmp_path)):x}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(CODE))
    monkeypatch.syspath_prepend(tmp_path)
    return name


def loaded(name: str, inputs: str, folder: Path, batch: int = 1) -> Any:
    """Return the call of a module that is loaded as a worker loads it."""
    from mncost.measure.runtimes.torch import Torch

    model = read_model(name, parse_inputs(inputs))
    assert model.source is not None
    given = given_of(model.source)
    assert given.folder == str(folder)
    into = folder / "model"
    into.mkdir()
    format_named("torch").write(Model(model.graph, model.inputs, "fp32", dict, given), into)
    return Torch().load(Setup(into, batch))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_module_runs_with_its_own_weights(package: str, batch: int, tmp_path: Path) -> None:
    """Inputs have the types that its arguments need; numpy has no bfloat16."""
    result = loaded(f"{package}:Net", "ids=1x4,factor=1x4x3", tmp_path, batch)()
    assert (result.shape, result.dtype) == ((batch, 4, 3), torch.bfloat16)
    factor = np.random.default_rng(0).standard_normal((batch, 4, 3), dtype="float32")
    assert torch.equal(result, 2 * torch.from_numpy(factor).to(torch.bfloat16))


@pytest.mark.parametrize(
    ("what", "said"), [("Elsewhere", "is on meta; accepted is the CPU"), ("make", "only once")]
)
def test_what_cannot_run_says_why(package: str, what: str, said: str, tmp_path: Path) -> None:
    """It could be counted, without memory."""
    with pytest.raises(RuntimeError, match=said):
        loaded(f"{package}:{what}", "1x3", tmp_path)


def test_it_runs_on_torch_only_and_is_not_resumed(package: str, tmp_path: Path) -> None:
    """A run file does not choose what Python imports."""
    from mncost.measure.run_file import write_run

    network = mncost.load(f"{package}:Elsewhere", input="1x3")
    run = begin(
        grid_of(network), Where(runtime=("torch", "onnxruntime")), Effort(target_error=0.01), What()
    )
    assert [cell.place.runtime for cell in run.cells] == ["torch"]
    assert any("runs as it is, and not on onnxruntime" in note for note in run.notes)
    write_run(run, path := tmp_path / "run.json")
    with pytest.raises(MeasureError, match="a file does not choose what Python imports"):
        resumed(path, Effort())
    assert run.imports_python
    advice = [one.remedy for one in Results(run).warnings if one.name == "target"]
    assert advice
    assert all("--resume" not in one for one in advice)


class Doubled(torch.nn.Module):  # type: ignore[misc]
    """Its class is in no package that a worker could import."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = 2 * self.layer(x)
        return out


def test_a_module_in_hand_runs_as_an_exported_program(tmp_path: Path) -> None:
    """With its own weights; and it is read anew for images of another size."""
    from mncost.measure.runtimes.torch import Torch
    from mncost.readers.torch.in_hand import with_program

    module = Doubled()
    network = mncost.from_torch(module, (1, 3, 6, 6))
    assert (network.arch, network.macs) == ("Doubled", 6 * 6 * 12)
    assert network.at(5, 4).macs == 5 * 4 * 12
    source = network.source
    assert isinstance(source, TorchSource)
    filed = with_program(source)
    assert with_program(source) == filed
    model = Model(network.graph, network.inputs, "fp32", dict, given_of(filed))
    format_named("torch").write(model, tmp_path)
    result = Torch().load(Setup(tmp_path))()
    image = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3, 6, 6), "float32"))
    assert torch.allclose(result, 2 * module.layer(image))


def test_a_module_that_was_changed_is_measured_as_it_is_now(tmp_path: Path) -> None:
    from mncost.readers.torch.in_hand import with_program

    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1))
    widths = []
    for channels in (4, 5):
        module[0] = torch.nn.Conv2d(3, channels, 1)
        source = mncost.from_torch(module, (1, 3, 6, 6)).source
        assert isinstance(source, TorchSource)
        program = torch.export.load(with_program(source).name)
        widths.append(program.module()(input=torch.zeros(1, 3, 6, 6)).shape[1])
    assert widths == [4, 5]


def test_a_module_in_hand_that_cannot_run(tmp_path: Path) -> None:
    from mncost.readers.torch.in_hand import with_program

    network = mncost.from_torch(torch.nn.Linear(3, 4, device="meta"), (1, 3))
    assert isinstance(network.source, TorchSource)
    with pytest.raises(InputError, match="Linear is not on the CPU"):
        with_program(network.source)
    with pytest.raises(InputError, match="is gone"):
        with_program(TorchSource("here:Linear.0", network.source.inputs))


class Slow(torch.nn.Module):  # type: ignore[misc]
    """Takes so many ticks of a clock, beside what the modules inside it take."""

    def __init__(self, ticks: int, *inside: torch.nn.Module) -> None:
        super().__init__()
        self.ticks, self.inside = ticks, torch.nn.ModuleList(inside)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        CLOCK.append(self.ticks)
        for inner in self.inside:
            x = inner(x)
        return x


CLOCK: list[int] = []


def test_a_module_takes_what_the_modules_in_it_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from mncost.measure.runtimes import torch_modules

    monkeypatch.setattr(torch_modules, "_now", lambda: sum(CLOCK))
    module = Slow(1, Slow(10, Slow(100), Slow(1000)), Slow(10000))
    times = torch_modules.ModuleTimes(module, [torch.zeros(1)], {})
    times.call()
    times.call()
    runs, kernels = times.finish()
    assert runs == [11111, 11111]
    taken = {"inside.0": 10, "inside.0.inside.0": 100, "inside.0.inside.1": 1000, "inside.1": 10000}
    assert kernels == {path: [ticks, ticks] for path, ticks in taken.items()}


def test_layers_of_a_given_module(package: str) -> None:
    """Each layer with MACs has a module; what a block adds itself is the block's."""
    from mncost.measure.runtimes.torch_modules import nodes_of_modules

    block = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.ReLU())
    graph = mncost.from_torch(Residual(block), (1, 3, 4, 4)).graph
    paths = [path for path, _ in Residual(block).named_modules() if path]
    nodes = nodes_of_modules(paths, graph)
    assert nodes == {path: path for path in paths}  # the container is no layer
    assert "block" not in {node.name for node in graph.nodes}
    run = begin(
        grid_of(mncost.load(f"{package}:Elsewhere", input="1x3")),
        Where(),
        Effort(),
        What(by_layer=True),
    )
    assert [cell.place.runtime for cell in run.cells] == ["torch"]


class Residual(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, block: torch.nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.block(x)
        return out
