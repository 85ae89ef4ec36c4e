"""Static post-training quantisation of a ``.tflite`` file, by Google's AI Edge Quantizer.

Weights are signed, with a scale for each output channel; activations are signed too, and so are the
inputs and the outputs of the model.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe

from mncost.models.formats import CALIBRATION_IMAGES, TEST_IMAGES, Closeness
from mncost.models.tflite_values import as_floats, as_input

__all__ = ["quantised"]


def quantised(model: bytes, seed: int = 0) -> tuple[bytes, Closeness]:
    """Return an int8 model, and how close its outputs are to the original's.

    Args:
        model: float32, as a file's content.
        seed: of the inputs that it is calibrated and tried with: standard-normal noise.
    """
    random = np.random.default_rng(seed)
    original = Interpreter(model_content=model, num_threads=1)
    (signature, tensors), *_ = original.get_signature_list().items()
    details = {d["name"]: d for d in original.get_input_details()}
    shapes = {name: tuple(details[name]["shape"]) for name in tensors["inputs"]}

    def feeds(count: int) -> list[dict[str, Any]]:
        return [
            {name: random.standard_normal(shape, dtype="float32") for name, shape in shapes.items()}
            for _ in range(count)
        ]

    with tempfile.TemporaryDirectory(prefix="mncost-") as folder, _silence():
        path = Path(folder) / "model.tflite"
        path.write_bytes(model)
        quantising = quantizer.Quantizer(str(path))
        quantising.load_quantization_recipe(recipe.static_wi8_ai8())
        calibration = quantising.calibrate({signature: feeds(CALIBRATION_IMAGES)})
        result = bytes(quantising.quantize(calibration).quantized_model)
    tried = feeds(TEST_IMAGES)
    return result, Closeness.of(_outputs(model, tried), _outputs(result, tried))


def _outputs(model: bytes, feeds: Sequence[dict[str, Any]]) -> Any:
    """Return all outputs of a model for each of its inputs, as rows."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for feed in feeds:
        for detail in inputs:
            interpreter.set_tensor(detail["index"], as_input(feed[detail["name"]], detail))
        interpreter.invoke()
        each = [as_floats(interpreter.get_tensor(one["index"]), one).reshape(-1) for one in outputs]
        rows.append(np.concatenate(each))
    return np.array(rows)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the quantiser's report and its progress from the standard streams."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        with _without_descriptor(2):  # LiteRT's own library says there which delegate it made
            yield


@contextlib.contextmanager
def _without_descriptor(number: int) -> Iterator[None]:
    """Keep what libraries write to an open descriptor from it."""
    try:
        before = os.dup(number)
    except OSError:  # it is closed: nothing can be written to it
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), number)
        yield
    finally:
        os.dup2(before, number)
        os.close(before)
