"""An operator that somebody adds does not type-check until everything knows it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import mncost
from mncost.graph.ops import Op, Operator, parameters

PACKAGE = Path(mncost.__file__).parent
MADE_UP = '''

class Blur(Operator, frozen=True):
    """Made up."""

    sharpness: float

'''
# Where something has to be said about it: its tensors, its shape, its work, the memory it needs
# beside its result, random weights, the torch form, the ONNX form.
PLACES = {
    "graph/ops.py",
    "graph/shapes.py",
    "cost/work.py",
    "cost/memory.py",
    "models/weights.py",
    "models/torch_model.py",
    "models/onnx_model.py",
}
TRAITS = ("kind", "fuses_into_previous", "keeps_channels_apart", "is_view")


def test_the_type_checker_names_every_place(tmp_path: Path) -> None:
    """mypy, on a copy of these files whose union has one operator more."""
    pytest.importorskip("mypy")
    copy = tmp_path / "mncost"
    read = {path.relative_to(PACKAGE).as_posix() for path in (PACKAGE / "graph").glob("*_ops.py")}
    read |= {"graph/graph.py", "graph/operator.py", "errors.py", "py.typed"}
    read |= {f"models/{name}.py" for name in ("onnx_writer", "onnx_tokens", "torch_functions")}
    for place in (*PLACES, *read):
        (copy / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / place, copy / place)
    for folder in (copy, copy / "graph", copy / "cost", copy / "models"):
        (folder / "__init__.py").touch()
    ops = copy / "graph/ops.py"
    text = ops.read_text("utf-8")
    union = "Op: TypeAlias = ("
    assert text.count(union) == 1
    ops.write_text(text.replace(union, f"{MADE_UP}\n{union}\n    Blur |"), "utf-8")
    # What the operators become is of no interest here, and takes mypy a minute to read.
    skipped = "[mypy-torch.*,onnx.*,numpy.*]\nfollow_imports = skip\n"
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nstrict = true\n{skipped}", "utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "mncost"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    missing = [line for line in checked.stdout.splitlines() if "Blur" in line and "Never" in line]
    named = {line.partition(":")[0].removeprefix("mncost/") for line in missing}
    assert named == PLACES, checked.stdout


@pytest.mark.parametrize("op", get_args(Op))
def test_every_operator_states_its_traits(op: type) -> None:
    """None of them is inherited, so that none has a value that nobody thought of."""
    assert [trait for trait in TRAITS if trait not in vars(op)] == []


def test_what_is_not_stated_is_an_error() -> None:
    class Blur(Operator, frozen=True):
        pass

    for trait in TRAITS:
        with pytest.raises(NotImplementedError):
            getattr(Blur(), trait)
    with pytest.raises(AssertionError):
        parameters(Blur())
