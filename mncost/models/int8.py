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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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

from mncost.models.formats import Closeness

__all__ = ["Quantised", "quantised"]

CALIBRATION_IMAGES, TEST_IMAGES = 8, 16

# All that MobileNets have but batch norms that are not folded: their weights have no second
# dimension, which the quantiser takes for granted where weights have a scale for each channel.
_OPERATORS = (
    *("Conv", "Gemm", "MatMul", "Add", "Mul", "Clip", "Relu", "Sigmoid", "Softmax"),
    *("GlobalAveragePool", "Flatten", "Reshape", "Transpose"),
)


class Quantised(NamedTuple):
    """A quantised model, and how close it is to the original."""

    model: bytes
    closeness: Closeness


def quantised(model: bytes, seed: int = 0) -> Quantised:
    """Quantise an ONNX model of one input and one output.

    Args:
        model: float32, as a file's content; its first dimension, the batch, may be open.
        seed: of the images that it is calibrated and tried with: standard-normal noise.
    """
    with tempfile.TemporaryDirectory(prefix="mncost-") as scratch, _silence():
        given, folded, result = (Path(scratch) / f"{name}.onnx" for name in "abc")
        given.write_bytes(model)
        shape = _image_shape(given)
        random = np.random.default_rng(seed)
        # Folds batch norms. Every shape is in the model: none has to be found out.
        quant_pre_process(given, folded, skip_symbolic_shape=True)
        quantize_static(
            folded,
            result,
            _Calibration(_images(random, CALIBRATION_IMAGES, shape)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_OPERATORS),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        images = _images(random, TEST_IMAGES, shape)
        return Quantised(
            result.read_bytes(), _closeness(_outputs(given, images), _outputs(result, images))
        )


class _Calibration(CalibrationDataReader):
    """Hands out one image after the other."""

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._images, None)
        return None if image is None else {"input": image}


def _image_shape(file: Path) -> tuple[int, ...]:
    """Return the shape of one image, with a batch of one."""
    (entry,) = onnx.load(file).graph.input
    return 1, *(dim.dim_value for dim in entry.type.tensor_type.shape.dim[1:])


def _images(random: np.random.Generator, count: int, shape: tuple[int, ...]) -> list[np.ndarray]:
    return [random.standard_normal(shape, dtype="float32") for _ in range(count)]


def _outputs(file: Path, images: Sequence[np.ndarray]) -> np.ndarray:
    """Return a model's output for each image, as rows."""
    options = SessionOptions()
    options.log_severity_level = 3
    session = InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"input": x})[0].reshape(1, -1) for x in images])


def _closeness(expected: np.ndarray, found: np.ndarray) -> Closeness:
    difference = float(np.sqrt(np.mean((found - expected) ** 2)))
    same = int((found.argmax(1) == expected.argmax(1)).sum())
    return Closeness(len(expected), same, difference / float(expected.std()))


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the quantiser from telling whoever logs what it does."""
    before: Any = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
