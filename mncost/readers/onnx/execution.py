"""One run of a model in ONNX Runtime, for the shapes that no inference finds.

It happens in a process of its own: a file that somebody else made may take a runtime down.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from mncost.files import size_of
from mncost.readers.model import InputSpec
from mncost.readers.onnx.skeleton import LARGEST, tensors_of

__all__ = ["run_once"]

SECONDS = 120.0
_PROGRAM = """
import json, os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import numpy as np
import onnxruntime
asked = json.loads(sys.stdin.read())
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(asked["file"], options, providers=["CPUExecutionProvider"])
random = np.random.default_rng(0)
feed = {}
for name, (shape, dtype) in asked["inputs"].items():
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        feed[name] = random.standard_normal(shape).astype(dtype)
    else:
        feed[name] = np.ones(shape, dtype)
names = [entry.name for entry in session.get_outputs()]
shapes = {
    name: list(value.shape)
    for name, value in zip(names, session.run(None, feed))
    if hasattr(value, "shape")
}
print(json.dumps(shapes))
"""


def run_once(
    file: Path | None,
    model: onnx.ModelProto,
    inputs: Mapping[str, InputSpec],
    wanted: Collection[str],
) -> dict[str, tuple[int, ...]]:
    """Return the shapes that some tensors have in one run; none if it cannot be run.

    Args:
        file: where the model is, if it keeps its weights in other files.
        model: with the values of its weights; its outputs are changed.
        inputs: what it is given.
        wanted: the tensors.
    """
    if find_spec("onnxruntime") is None:
        return {}
    del model.graph.output[:]
    for name in wanted:
        model.graph.output.add().name = name
    for entry in model.graph.input:
        if entry.name in inputs:
            tensor = entry.type.tensor_type
            tensor.shape.ClearField("dim")
            for side in inputs[entry.name].shape:
                tensor.shape.dim.add().dim_value = side
    asked = {name: (one.shape, one.dtype) for name, one in inputs.items()}
    with TemporaryDirectory(prefix="mncost-") as folder:
        where = Path(folder)
        target = where / "model.onnx"
        try:
            if file is not None:
                _bring_weights(model, file.parent, where)
            target.write_bytes(model.SerializeToString())
        except Exception:  # weights that are not there, or more than a protocol buffer holds
            return {}
        return _asked(target, asked)


def _bring_weights(model: onnx.ModelProto, source: Path, target: Path) -> None:
    """Make the files in which a model keeps its weights stand beside it.

    Raises:
        OSError: one is missing, or is too large to be copied from another file system.
    """
    entries = (entry for tensor in tensors_of(model.graph) for entry in tensor.external_data)
    for place in {entry.value for entry in entries if entry.key == "location"}:
        there, here = (source / place).resolve(), target / place
        here.parent.mkdir(parents=True, exist_ok=True)
        try:
            here.hardlink_to(there)
        except OSError:
            if size_of(there) > LARGEST:
                raise
            shutil.copyfile(there, here)


def _asked(file: Path, inputs: Mapping[str, object]) -> dict[str, tuple[int, ...]]:
    request = json.dumps({"file": str(file), "inputs": inputs})
    try:
        ran = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            input=request,
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
        )
        answer: dict[str, list[int]] = json.loads(ran.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, OSError, ValueError, IndexError):
        return {}
    return {name: tuple(shape) for name, shape in answer.items()}
