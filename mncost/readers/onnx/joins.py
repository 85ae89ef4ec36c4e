"""Operators of ONNX that are one of ours: what joins, parts and resizes tensors, and layer norm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from mncost.graph.ops import Concat, LayerNorm, Op, Resize, Slice
from mncost.readers.onnx.prices import Call
from mncost.readers.shapes import without_batch

__all__ = ["JOINS", "Values", "attribute_word"]

Values: TypeAlias = Callable[[int], list[float] | None]
"""Returns the numbers of an input that is a small constant."""

_HALF_PIXEL = ("half_pixel", "pytorch_half_pixel")


def attribute_word(value: Any) -> str:
    """Return an attribute that is a text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _layer_norm(call: Call, values: Values) -> Op | None:
    read = without_batch(call.read(0))
    last = int(call.attributes.get("axis", -1)) % len(call.read(0)) == len(call.read(0)) - 1
    if not last or len(read) > 2 or len(call.reads) < 3 or not all(call.constant[1:3]):
        return None  # over several dimensions, or of an image whose channels are last
    return LayerNorm(read[-1], float(call.attributes.get("epsilon", 1e-5)), len(read) - 1)


def _concat(call: Call, values: Values) -> Op | None:
    """Channels, or tokens, one after the other."""
    shape = call.read(0)
    second = len(shape) > 2 and shape[0] == 1 and int(call.attributes["axis"]) % len(shape) == 1
    return Concat() if second and not any(call.constant) else None


def _slice(call: Call, values: Values) -> Op | None:
    """Some channels, or tokens, one after the other."""
    shape = call.read(0)
    starts: Sequence[float] | None
    stops: Sequence[float] | None
    axes: Sequence[float] | None
    steps: Sequence[float]
    if "starts" in call.attributes:  # before opset 10
        starts, stops = call.attributes["starts"], call.attributes["ends"]
        axes, steps = call.attributes.get("axes") or range(len(starts or ())), [1.0]
    else:
        starts, stops, axes, steps = values(1), values(2), values(3), values(4) or [1.0]
    if starts is None or stops is None or axes is None or len(axes) != 1 or steps[0] != 1:
        return None
    if len(shape) < 3 or shape[0] != 1 or int(axes[0]) % len(shape) != 1:
        return None
    start, stop, _ = slice(int(starts[0]), int(stops[0])).indices(shape[1])
    return Slice(start, stop)


def _resize(call: Call, values: Values) -> Op | None:
    """An image that is a whole number of times as large."""
    before, after, given = call.read(0), call.out, call.attributes
    mode = attribute_word(given.get("mode", "nearest"))
    usual = "asymmetric" if call.operator == "Upsample" else "half_pixel"
    where = attribute_word(given.get("coordinate_transformation_mode", usual))
    rounded = attribute_word(given.get("nearest_mode", "round_prefer_floor"))
    if call.operator == "Upsample":  # it has no such attributes
        rounded = "floor"
    factor = after[2] // before[2]
    whole = len(before) == 4 and before[:2] == after[:2] and _reads_one(call)
    if not whole or after[2:] != (before[2] * factor, before[3] * factor) or factor < 2:
        return None
    if mode == "linear" and where in _HALF_PIXEL and not given.get("antialias"):
        return Resize("bilinear", factor)
    copies = (where == "asymmetric" and rounded == "floor") or (
        where in _HALF_PIXEL and rounded.startswith("round_prefer")
    )
    return Resize("nearest", factor) if mode == "nearest" and copies else None


def _reads_one(call: Call) -> bool:
    """Whether only the first input is not constant; those that are left out are none."""
    rest = zip(call.reads[1:], call.constant[1:], strict=True)
    return all(constant or shape is None for shape, constant in rest)


JOINS: Mapping[str, Callable[[Call, Values], Op | None]] = {
    "LayerNormalization": _layer_norm,
    "Concat": _concat,
    "Slice": _slice,
    "Resize": _resize,
    "Upsample": _resize,
}
"""What makes our operator, by that of ONNX."""
