"""Static post-training quantisation to 8-bit integers, by ONNX Runtime's own quantiser.

Weights are signed, with a scale for each output channel; activations are unsigned, the pair that
ONNX Runtime's kernels multiply on x86-64 (other kinds are converted when a model is loaded) and
that it has for Arm too. The weights have their full range on every CPU, so that one graph gives one
model everywhere: ``reduce_range`` costs a bit, changes no time, and only helps CPUs without VNNI,
on which sums of products can saturate.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # is read when the first session is made

import numpy as np
import onnx
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)

from mncost.models.formats import CALIBRATION_IMAGES, TEST_IMAGES, Closeness

if TYPE_CHECKING:
    from mncost.models.qat import Range

__all__ = ["Quantised", "quantised"]

_QUANTISED = {
    *("Conv", "Gemm", "MatMul", "Add", "Mul", "Clip", "Relu", "Sigmoid", "Softmax"),
    *("GlobalAveragePool", "AveragePool", "MaxPool", "Flatten", "Reshape", "Transpose"),
    *("Concat", "Slice", "Resize", "Gather", "Identity"),
}
# What stays in floats. The weights of a batch norm that is not folded have no second dimension,
# which the quantiser takes for granted where weights have a scale for each channel.
_FLOATS = {
    *("BatchNormalization", "Constant", "Dropout", "Gelu", "HardSigmoid", "HardSwish"),
    *("Elu", "LeakyRelu", "Mish", "PRelu", "Tanh", "LayerNormalization", "ReduceMean"),
    *("Shape", "Expand", "LpNormalization"),
}


class Quantised(NamedTuple):
    """A quantised model, and how close it is to the original."""

    model: bytes
    closeness: Closeness


def quantised(
    model: bytes,
    seed: int = 0,
    ranges: Mapping[str, Range] = MappingProxyType({}),
    original: bytes | None = None,
) -> Quantised:
    """Quantise an ONNX model.

    Args:
        model: float32, as a file's content; its first dimension, the batch, may be open.
        seed: of the inputs that it is calibrated and tried with: standard-normal noise.
        ranges: of layers that training has rounded, by name; other ranges are calibrated.
        original: the model that its outputs are compared with, by default itself.

    Raises:
        ValueError: nothing says whether an operator of the model is quantised.
    """
    with tempfile.TemporaryDirectory(prefix="mncost-") as scratch, _silence():
        given, folded, result = (Path(scratch) / f"{name}.onnx" for name in "abc")
        given.write_bytes(model)
        shapes = _input_shapes(given)
        random = np.random.default_rng(seed)
        # Folds batch norms. Every shape is in the model: none has to be found out.
        quant_pre_process(given, folded, skip_symbolic_shape=True)
        known = {"TensorQuantOverrides": _overrides(onnx.load(folded).graph, ranges)}
        quantize_static(
            folded,
            result,
            _Calibration(_feeds(random, CALIBRATION_IMAGES, shapes)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=sorted(_QUANTISED),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options=known if ranges else {},
        )
        if original is not None:
            given.write_bytes(original)
        feeds = _feeds(random, TEST_IMAGES, shapes)
        return Quantised(
            result.read_bytes(), Closeness.of(_outputs(given, feeds), _outputs(result, feeds))
        )


def _overrides(graph: Any, ranges: Mapping[str, Range]) -> dict[str, list[dict[str, Any]]]:
    """Return the known ranges by the tensors that layers read, and by their weights."""
    known: dict[str, list[dict[str, Any]]] = {}
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm") or node.name not in ranges:
            continue
        one = ranges[node.name]
        known[node.input[0]] = [_known(QuantType.QUInt8, one.scale, one.zero_point)]
        scales = [_known(QuantType.QInt8, scale, 0) for scale in one.weight_scales]
        known[node.input[1]] = [{**scales[0], "axis": 0}, *scales[1:]]
    return known


def _known(kind: QuantType, scale: float, zero_point: int) -> dict[str, Any]:
    zero = np.array(zero_point, np.uint8 if kind == QuantType.QUInt8 else np.int8)
    return {"quant_type": kind, "scale": np.array(scale, np.float32), "zero_point": zero}


_Feed: TypeAlias = "dict[str, np.ndarray]"
"""One input of each name, in a batch of one."""


class _Calibration(CalibrationDataReader):
    """Hands out one input after the other."""

    def __init__(self, feeds: Sequence[_Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> _Feed | None:
        return next(self._feeds, None)


def _input_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each input, with a batch of one; check that all operators are known."""
    graph = onnx.load(file).graph
    if unknown := {node.op_type for node in graph.node} - _QUANTISED - _FLOATS:
        raise ValueError(f"nothing says whether the ONNX operator {min(unknown)} is quantised")
    return {
        entry.name: (1, *(dim.dim_value for dim in entry.type.tensor_type.shape.dim[1:]))
        for entry in graph.input
    }


def _feeds(
    random: np.random.Generator, count: int, shapes: Mapping[str, tuple[int, ...]]
) -> list[_Feed]:
    return [
        {name: random.standard_normal(shape, dtype="float32") for name, shape in shapes.items()}
        for _ in range(count)
    ]


def _outputs(file: Path, feeds: Sequence[_Feed]) -> np.ndarray:
    """Return all outputs of a model for each of its inputs, as rows."""
    options = SessionOptions()
    options.log_severity_level = 3
    session = InferenceSession(file, options, providers=["CPUExecutionProvider"])
    rows = [[output.reshape(1, -1) for output in session.run(None, feed)] for feed in feeds]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the quantiser's messages out of the log."""
    before: Any = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
