"""``model.tflite``: fp32, or 8-bit integers quantised by Google's AI Edge Quantizer.

It has a batch of one, which the runtime resizes. A model that is given stays where it is:
``given.json`` says where.
"""

from __future__ import annotations

from pathlib import Path

from mncost.graph.shapes import infer_shapes
from mncost.models.formats import Closeness, Format, Model

__all__ = ["FORMAT"]

_LARGEST = 2**31 - 2**20  # of a flat buffer, less what is no weight


def _write(model: Model, folder: Path) -> Closeness | None:
    if model.given is not None:
        model.given.write(folder)
        return None
    from mncost.models.tflite_model import tflite_model

    content = tflite_model(model.graph, infer_shapes(model.graph, model.inputs), model.weights())
    closeness = None
    if model.precision == "int8":
        from mncost.models.tflite_int8 import quantised

        content, closeness = quantised(content)
    (folder / "model.tflite").write_bytes(content)
    return closeness


FORMAT = Format(_write, {"fp32": 6, "int8": 10}, _LARGEST)
