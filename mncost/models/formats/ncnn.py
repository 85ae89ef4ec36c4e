"""``model.param`` and ``model.bin``: what ncnn loads, in fp32, for one image.

``inputs.json`` has the shapes of the inputs, which these files do not say.
"""

from __future__ import annotations

import json
from pathlib import Path

from mncost.graph.shapes import infer_shapes
from mncost.models.formats import Closeness, Format, Model

__all__ = ["FORMAT"]

_LARGEST = 2**31 - 2**20  # of the protocol buffer that it is made of


def _write(model: Model, folder: Path) -> Closeness | None:
    from mncost.models.ncnn_model import ncnn_model
    from mncost.models.onnx_model import onnx_model

    shapes = infer_shapes(model.graph, model.inputs)
    emitted = onnx_model(model.graph, shapes, model.weights(), portable=True)
    sizes = [*model.inputs.values()]
    converted = ncnn_model(emitted.SerializeToString(), sizes)
    (folder / "inputs.json").write_text(json.dumps(sizes), "utf-8")
    (folder / "model.param").write_text(converted.param, "utf-8")
    (folder / "model.bin").write_bytes(converted.bin)
    return None


FORMAT = Format(_write, {"fp32": 8}, _LARGEST)
