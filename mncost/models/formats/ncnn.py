"""``model.param`` and ``model.bin``: what ncnn loads, in fp32, for one image.

``inputs.json`` has the shapes of the inputs, which these files do not say. A given ONNX file is
converted as it is.
"""

from __future__ import annotations

import json
from pathlib import Path

from mncost.graph.shapes import infer_shapes
from mncost.models.formats import Closeness, Format, Model, Writable

__all__ = ["FORMAT"]

_LARGEST = 2**31 - 2**20  # of the protocol buffer that it is made of


def _write(model: Model, folder: Path) -> Closeness | None:
    from mncost.models.ncnn_model import ncnn_model

    sizes = [*model.inputs.values()]
    if model.given is None:
        from mncost.models.onnx_model import onnx_model

        shapes = infer_shapes(model.graph, model.inputs)
        emitted = onnx_model(model.graph, shapes, model.weights(), portable=True)
        content: bytes = emitted.SerializeToString()
    else:
        from mncost.models.formats.onnx import with_twin

        twin = folder / "twin.onnx"
        given = with_twin(model.given, twin)
        content, sizes = Path(given.model).read_bytes(), _images(given)
        twin.unlink(missing_ok=True)  # no runtime loads it
    converted = ncnn_model(content, sizes)
    (folder / "inputs.json").write_text(json.dumps(sizes), "utf-8")
    (folder / "model.param").write_text(converted.param, "utf-8")
    (folder / "model.bin").write_bytes(converted.bin)
    return None


def _images(given: Writable) -> list[tuple[int, ...]]:
    """Return the shapes of a given model's inputs without the batch.

    Raises:
        ValueError: ncnn cannot be fed such an input.
    """
    for name, one in given.inputs.items():
        if one["dtype"] != "float32" or one["shape"][:1] != [1]:
            text = "x".join(map(str, one["shape"]))
            raise ValueError(f"{name} is {one['dtype']} {text}; ncnn takes one float32 image")
    return [tuple(one["shape"][1:]) for one in given.inputs.values()]


FORMAT = Format(_write, {"fp32": 8}, _LARGEST)
