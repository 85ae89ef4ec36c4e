"""ExecuTorch programs: what is counted of them, what they say of themselves, how they are run.

A small network, because lowering takes a minute for a large one; few have ExecuTorch.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Some

import numpy as np
import pytest

import mncost
from mncost.errors import InputError
from mncost.graph.ops import Foreign
from mncost.measure.given_models import given_of
from mncost.measure.layer_shares import layer_shares
from mncost.measure.runtimes.executorch import ExecuTorch
from mncost.measure.workers.process import start_worker
from mncost.measure.workers.worker import WorkerSpec
from mncost.models.export import FILES, Choices
from mncost.network import Network
from mncost.readers.pte import reading
from tests.measure import asking
from tests.running import Result

Cli = Callable[..., Result]

NET = Path(__file__).parents[1] / "tiny.toml"


def net() -> Network:
    return mncost.load(str(NET), 1.0, 32)


def test_executorch_is_missing(here: Path, run_cli: Cli) -> None:
    from importlib.util import find_spec

    if find_spec("executorch"):
        pytest.skip("it is installed")
    for words in ("table mine.pte", "bench mine.pte", "export v2 -o mine.pte"):
        status, out, err = run_cli(words.split())
        assert (status, out) == (2, "")
        command = "-m pip install 'mncost[executorch]'\n"
        assert err.startswith("mncost: needs executorch: ")
        assert err.endswith(command)


@pytest.fixture(scope="module", params=["fp32", "int8"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("executorch", reason="pip install 'mncost[executorch]'")
    import torch

    folder = tmp_path_factory.mktemp(request.param)
    torch.save(net().to_torch(seed=9).state_dict(), folder / "weights.pt")
    choices = Choices(weights=str(folder / "weights.pt"), precision=request.param)
    (folder / "mine.pte").write_bytes(FILES[".pte"].export(net(), choices).content)
    return folder / "mine.pte"


@pytest.mark.slow
def test_a_program(program: Path) -> None:
    """All of it in one test: what it takes to make a program is shared by nothing else."""
    precision = program.parent.name[:4]
    read = mncost.load(str(program))
    assert (read.macs, read.precision) == (net().macs, precision)
    assert [one.macs for one in read.layers if one.macs] == [x.macs for x in net().layers if x.macs]
    with pytest.raises(InputError, match="a program's shapes are fixed"):
        mncost.load(str(program), input="1x3x8x8")
    assert read.source is not None
    check_what_it_computes(program, precision)
    given_of(read.source).write(program.parent)
    worker = start_worker(WorkerSpec("executorch", 1))
    try:
        assert worker.hello.versions["executorch"].count(".") == 2
        assert all(ns > 0 for ns in worker.ask(asking.load(0, program.parent)).ns)
        profiled = worker.ask(asking.profile(program.parent, precision=precision, rounds=2))
    finally:
        worker.close()
    layers = layer_shares(ExecuTorch, read.graph, read.inputs, profiled, as_given=True)
    assert {layer.layer for layer in layers} >= {one.name for one in read.layers if one.macs}
    damaged = program.with_name("damaged.pte")
    damaged.write_bytes(program.read_bytes()[:200])
    with pytest.raises(InputError, match="no usable ExecuTorch program"):
        mncost.load(str(damaged))
    damaged.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="no identifier ET"):
        mncost.load(str(damaged))


def check_what_it_computes(program: Path, precision: str) -> None:
    """Run it by ExecuTorch in a process of its own, beside torch; what it says of itself, too."""
    import torch

    image = np.random.default_rng(3).standard_normal((1, 3, 32, 32), dtype="float32")
    np.save(program.with_name("in.npy"), image)
    script = """
import numpy as np, torch
from executorch.runtime import Runtime
program = Runtime.get().load_program("mine.pte")
assert program.load_method("alpha").execute([]) == ["1.0"]
assert program.load_method("resolution").execute([]) == ["32"]
image = torch.from_numpy(np.load("in.npy"))
np.save("out.npy", program.load_method("forward").execute([image])[0].numpy())
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=program.parent, timeout=600)
    logits = np.load(program.with_name("out.npy"))
    module = net().to_torch(weights=str(program.with_name("weights.pt"))).eval()
    with torch.no_grad():
        wanted = module(torch.from_numpy(image)).numpy()
    error = np.abs(logits - wanted).max() / wanted.std()
    assert (error <= 1e-4) if precision == "fp32" else (1e-3 < error < 0.5)


class DelegateCall:
    """How a program's instruction says that a delegate computes; it is known by its name."""

    delegate_index, args = 0, (0, 1)


def fully_connected(reads: int, writes: int) -> dict[str, object]:
    ids = {"input1_id": reads, "filter_id": 1, "output_id": writes}
    return {"xnode_union_type": "XNNFullyConnected", "xnode_union": ids}


def test_rows_that_are_no_batch_and_weights_that_two_layers_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Five rows through one matrix, twice; its 4 × 4 numbers have half a byte each."""
    tensors = [(0, [5, 4], "fp32"), (1, [4, 4], "qcint4"), (2, [5, 4], "fp32"), (3, [5, 4], "fp32")]
    graph = {
        "input_ids": [0],
        "output_ids": [3],
        "xvalues": [
            {"xvalue_union": {"id_out": n, "dims": dims, "datatype": f"xnn_datatype_{kind}"}}
            for n, dims, kind in tensors
        ],
        "xnodes": [fully_connected(0, 2), fully_connected(2, 3)],
    }
    value = Some(val=Some(sizes=[5, 4], scalar_type=Some(name="FLOAT")))
    plan = Some(
        name="forward",
        inputs=[0],
        outputs=[1],
        values=[value, value],
        chains=[Some(instructions=[Some(instr_args=DelegateCall())])],
        delegates=[Some(id="XnnpackBackend", processed=Some(index=0))],
    )
    program = Some(execution_plan=[plan], backend_delegate_data=[Some(data=b"")])
    monkeypatch.setattr(reading, "program_of", lambda content: program)
    monkeypatch.setattr(reading, "xnnpack_graph", lambda payload: graph)
    (tmp_path / "it.pte").write_bytes(b"    ET12")
    read = reading.read_file(str(tmp_path / "it.pte"), [])
    assert read.inputs == {"input": (5, 4)}
    work = [node.op.work for node in read.graph.nodes if isinstance(node.op, Foreign)]
    assert work == [(("linear", 5 * 4 * 4),)] * 2
    assert (read.weight_bytes, read.precision) == (4 * 4 // 2, "int8")
