"""What goes into a quantised ``.tflite`` model and what comes out, as floats. Needs only numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["as_floats", "as_input"]


def as_input(array: Any, detail: Mapping[str, Any]) -> Any:
    """Return floats as an input of a model takes them: integers, if it is quantised.

    Args:
        array: float32.
        detail: of the interpreter's ``get_input_details()``.
    """
    import numpy as np

    if np.dtype(detail["dtype"]).kind == "f":
        return array.astype(detail["dtype"])
    scale, zero = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(array / scale) + zero, limits.min, limits.max).astype(detail["dtype"])


def as_floats(array: Any, detail: Mapping[str, Any]) -> Any:
    """Return an output of a model as floats; ``detail`` is of ``get_output_details()``."""
    import numpy as np

    if np.dtype(detail["dtype"]).kind == "f":
        return array
    scale, zero = detail["quantization"]
    return (array.astype("float32") - zero) * np.float32(scale)
