"""``model.onnx``: fp32, or 8-bit integers quantised by ONNX Runtime; the batch is open.

``int8-qat`` is quantised likewise, with the weights and ranges of quantisation-aware training.

A model that is given stays where it is: ``given.json`` says where. Only its twin is a new file. A
runtime that computes in bfloat16 rounds an fp32 model itself.
"""

from __future__ import annotations

from pathlib import Path

from mncost.cost.memory import QAT
from mncost.graph.shapes import infer_shapes
from mncost.models.formats import Closeness, Format, Model, Writable

__all__ = ["FORMAT", "with_twin"]

_LARGEST = 2**31 - 2**20  # of a protocol buffer, less what is no weight


def _write(model: Model, folder: Path) -> Closeness | None:
    if model.given is not None:
        with_twin(model.given, folder / "twin.onnx").write(folder)
        return None
    from mncost.models.onnx_model import onnx_model

    file = folder / "model.onnx"
    shapes = infer_shapes(model.graph, model.inputs)
    emitted = onnx_model(model.graph, shapes, model.weights(), dynamic_batch=True, portable=True)
    content = emitted.SerializeToString()
    del emitted
    if model.precision not in ("int8", QAT):
        file.write_bytes(content)
        return None
    from mncost.models.int8 import quantised

    if model.precision == QAT:
        from mncost.models.qat import learned

        after = learned(model.graph, model.inputs, model.weights())
        trained = onnx_model(model.graph, shapes, after.weights, dynamic_batch=True, portable=True)
        made = quantised(trained.SerializeToString(), ranges=after.ranges, original=content)
    else:
        made = quantised(content)
    file.write_bytes(made.model)
    return made.closeness


def with_twin(given: Writable, file: Path) -> Writable:
    """Return a given model; where its twin is asked for, that, written into a file."""
    if given.twin is None:
        return given
    from mncost.readers.onnx.twins import twin_model

    shapes = {name: one["shape"] for name, one in given.inputs.items()}
    file.write_bytes(twin_model(Path(given.model), shapes, given.twin).SerializeToString())
    return given.at(file)


FORMAT = Format(_write, {"fp32": 5, "bf16": 5, "int8": 10, QAT: 60}, _LARGEST)
