"""The inputs of an ONNX model, and the values of their open dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
from onnx import helper

from mncost.errors import InputError
from mncost.readers.given import GivenInput, InputMisfitError, unknown_input
from mncost.readers.model import InputSpec

__all__ = ["fix_inputs"]


def fix_inputs(
    model: onnx.ModelProto, given: Sequence[GivenInput], name: str
) -> dict[str, InputSpec]:
    """Set every open dimension of the inputs; ``model`` is changed.

    The first dimension of an input is its batch, and 1 unless it is given. Dimensions of one
    symbol are one number.

    Raises:
        InputError: a dimension is open and not given, or what is given does not fit.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in weights]
    for entry in inputs:
        if not entry.type.HasField("tensor_type"):
            raise InputError(f"{name}: the input {entry.name} is no tensor")
    shapes = {entry.name: _dims(entry) for entry in inputs}
    shape: tuple[int | None, ...]
    wanted = _by_name(given, shapes, name)
    symbols: dict[str, int] = {}
    for key, sides in wanted.items():
        _check(name, key, shapes[key], sides, given)
        symbols |= _symbols(name, shapes[key] or (), sides, symbols)
    fixed: dict[str, InputSpec] = {}
    for entry in inputs:
        dims = shapes[entry.name]
        shape = wanted.get(entry.name) or _filled(dims, symbols)
        whole = tuple([side for side in shape if side is not None])
        if len(whole) < len(shape) or (dims is None and not whole):
            raise _open(name, shapes, symbols)
        fixed[entry.name] = InputSpec(whole, _dtype(entry), _batch_axis(dims))
        _set(entry, whole)
    return fixed


_NAMELESS = ("?", "-1", "None")  # what exporters write for a dimension without a name

_Dims = tuple[int | str, ...]
"""The dimensions of an input: a number, a symbol, or an empty text that stands for itself."""


def _dims(entry: onnx.ValueInfoProto) -> _Dims | None:
    """Return the dimensions of an input; ``None`` if not even their number is known."""
    tensor = entry.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(
        dim.dim_value
        if dim.HasField("dim_value") and dim.dim_value > 0
        else ""
        if dim.dim_param in _NAMELESS
        else dim.dim_param
        for dim in tensor.shape.dim
    )


def _by_name(
    given: Sequence[GivenInput], shapes: Mapping[str, _Dims | None], name: str
) -> dict[str, tuple[int, ...]]:
    wanted: dict[str, tuple[int, ...]] = {}
    for one in given:
        if one.name is not None and one.name not in shapes:
            raise unknown_input(name, one.name, shapes)
        if one.name is None and len(shapes) != 1:
            listed = ", ".join(shapes) or "none"
            raise InputMisfitError(
                None,
                f"{name} has {len(shapes)} inputs: {listed}; name=1x3x224x224 says which one",
            )
        wanted[next(iter(shapes)) if one.name is None else one.name] = one.shape
    return wanted


def _check(
    name: str, key: str, dims: _Dims | None, shape: tuple[int, ...], given: Sequence[GivenInput]
) -> None:
    if dims is None:
        return
    if len(dims) != len(shape) or any(
        isinstance(dim, int) and dim != side for dim, side in zip(dims, shape, strict=True)
    ):
        said = key if any(one.name == key for one in given) else None
        raise InputMisfitError(
            said, f"{name}: the input {key} takes {_text(dims)}, and not {_text(shape)}"
        )


def _symbols(
    name: str, dims: _Dims, shape: tuple[int, ...], known: Mapping[str, int]
) -> dict[str, int]:
    """Return what the shape of one input says about symbols."""
    values = dict(known)
    for dim, side in zip(dims, shape, strict=False):
        if isinstance(dim, str) and dim and values.setdefault(dim, side) != side:
            raise InputError(f"{name}: the dimension {dim} is given as {values[dim]} and as {side}")
    return values


def _filled(dims: _Dims | None, symbols: Mapping[str, int]) -> tuple[int | None, ...]:
    """Return a shape with what is known about its open dimensions."""
    if dims is None:
        return ()
    filled: list[int | None] = []
    for axis, dim in enumerate(dims):
        usual = 1 if _is_batch(axis, dim) else None
        filled.append(dim if isinstance(dim, int) else symbols.get(dim, usual) if dim else usual)
    return tuple(filled)


def _is_batch(axis: int, dim: int | str) -> bool:
    return isinstance(dim, str) and (axis == 0 or dim.lower() == "batch")


def _batch_axis(dims: _Dims | None) -> int | None:
    """Return the open dimension that is the batch, if there is one."""
    return 0 if dims and isinstance(dims[0], str) else None


def _open(name: str, shapes: Mapping[str, _Dims | None], symbols: Mapping[str, int]) -> InputError:
    """Return the error that lists what is open, and what would be accepted."""
    listed, options = [], []
    for key, dims in shapes.items():
        filled = _filled(dims, symbols)
        if dims is None:
            listed.append(f"{key} (not even its rank)")
            options.append(f"--input {key}=…")
        elif None in filled:
            listed.append(f"{key} ({_text(dims)})")
            sides = "x".join("…" if side is None else str(side) for side in filled)
            options.append(f"--input {key}={sides}")
    return InputError(
        f"{name}: open dimensions: {'; '.join(listed)}; accepted is {' '.join(options)} with "
        "numbers for …"
    )


def _text(dims: Sequence[int | str]) -> str:
    return "x".join(str(dim) or "?" for dim in dims)


def _dtype(entry: onnx.ValueInfoProto) -> str:
    try:
        return str(helper.tensor_dtype_to_np_dtype(entry.type.tensor_type.elem_type))
    except (KeyError, ValueError):
        return "float32"


def _set(entry: onnx.ValueInfoProto, shape: tuple[int, ...]) -> None:
    tensor = entry.type.tensor_type
    tensor.shape.ClearField("dim")
    for side in shape:
        tensor.shape.dim.add().dim_value = side
