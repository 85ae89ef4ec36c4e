"""How many numbers of a model are denormal: so small that CPUs compute with them in microcode."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import TensorProto

__all__ = ["denormal_share"]

SECONDS, LARGEST = 120.0, 500_000_000  # bytes of a file that is run once more
_SMALLEST = np.finfo(np.float32).tiny  # that is normal
_PROGRAM = """
import json, os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import numpy as np
import onnxruntime
file, feed = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
few = many = 0
for value in session.run(None, dict(np.load(feed))):
    if getattr(value, "dtype", None) == np.float32:
        size = np.abs(value)
        few += int(((size > 0) & (size < np.finfo(np.float32).tiny)).sum())
        many += size.size
print(json.dumps([few, many]))
"""


def denormal_share(file: Path, feed: Mapping[str, np.ndarray]) -> float:
    """Return the share of denormal numbers among the weights, or the activations, if that is more.

    Activations are those of one call in ONNX Runtime, in a process of its own.
    """
    try:
        model = onnx.load(file)
    except Exception:  # what cannot be read is for the runtime to say
        return 0.0
    weights = [one for one in model.graph.initializer if one.data_type == TensorProto.FLOAT]
    few = many = 0
    for tensor in weights:
        size = np.abs(onnx.numpy_helper.to_array(tensor))
        few += int(((size > 0) & (size < _SMALLEST)).sum())
        many += size.size
    return max(few / many if many else 0.0, _of_activations(model, file, feed))


def _of_activations(model: onnx.ModelProto, file: Path, feed: Mapping[str, np.ndarray]) -> float:
    if file.stat().st_size > LARGEST:
        return 0.0
    there = {entry.name for entry in model.graph.output}
    for node in model.graph.node:
        for name in node.output:
            if name and name not in there and node.op_type != "Constant":
                model.graph.output.add().name = name
    with TemporaryDirectory(prefix="mncost-") as folder:
        try:
            onnx.save(model, Path(folder) / "model.onnx")
            np.savez(Path(folder) / "feed.npz", **feed)  # type: ignore[arg-type]
            ran = subprocess.run(
                [sys.executable, "-c", _PROGRAM, f"{folder}/model.onnx", f"{folder}/feed.npz"],
                capture_output=True,
                text=True,
                check=True,
                timeout=SECONDS,
            )
            few, many = json.loads(ran.stdout.splitlines()[-1])
        except Exception:  # a model that cannot be run so says nothing
            return 0.0
    return float(few / many) if many else 0.0
