"""What a torch operator does: by the price list, by torch's tags, or by the operators it calls."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from mncost.readers.torch.calls import Call, Value
from mncost.readers.torch.rules import Rated, rated

__all__ = ["bound", "expanded", "operator_name", "shapes_of"]

_REDUCTION = getattr(torch.Tag, "reduction", None)


def expanded(target: Any, call: Call, replay: tuple[Any, Any] | None = None) -> Rated:
    """Return what a call does.

    Args:
        target: torch's operator.
        call: of it.
        replay: its arguments as torch has them, positional and named: without a rule it runs once
            more on tensors without memory, and what it calls is looked up.
    """
    return rated(call) or _by_tags(target, call) or _by_calls(target, call, replay) or _unknown()


def operator_name(target: Any) -> str:
    """Return ``conv2d`` for ``aten.conv2d.default``, ``relu`` for ``aten.relu_.default``.

    Quantised operators are namesakes of others with other arguments: ``quantized.conv2d``.
    """
    parts = str(target).split(".")
    name = parts[1] if len(parts) > 1 else parts[0]
    if parts[0] == "quantized":
        return f"quantized.{name}"
    stripped = name.rstrip("_")
    return stripped if name == f"{stripped}_" else name


def bound(target: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """Return arguments by the names of an operator's schema, with its defaults."""
    schema = getattr(target, "_schema", None)
    if schema is None:
        return {**{str(place): value for place, value in enumerate(args)}, **kwargs}
    given = {}
    for place, argument in enumerate(schema.arguments):
        if place < len(args):
            given[argument.name] = args[place]
        elif argument.name in kwargs:
            given[argument.name] = kwargs[argument.name]
        elif argument.has_default_value():
            given[argument.name] = argument.default_value
    return given


def shapes_of(result: Any) -> list[tuple[int, ...]]:
    """Return the shapes of the tensors in a result."""
    if isinstance(result, torch.Tensor):
        return [tuple(int(side) for side in result.shape)]
    if isinstance(result, list | tuple):
        return [shape for one in result for shape in shapes_of(one)]
    return []


def _by_tags(target: Any, call: Call) -> Rated | None:
    tags = getattr(target, "tags", ())
    if torch.Tag.pointwise in tags:
        return Rated("elementwise", {"elementwise": prod(call.out)})
    if _REDUCTION is not None and _REDUCTION in tags:
        return Rated("reduction", {"reduction": prod(call.tensors[0].shape)})
    schema = getattr(target, "_schema", None)
    aliases = [one.alias_info for one in schema.returns] if schema else []
    if any(alias is not None and not alias.is_write for alias in aliases):
        return Rated("view", {}, view=True)
    return Rated("move", {}) if not call.tensors else None


def _by_calls(target: Any, call: Call, replay: tuple[Any, Any] | None) -> Rated | None:
    """Add up the operators that an operator calls; none of its own may be without a rule."""
    if replay is None:
        return None
    mode = _Collect(target)
    try:
        args, kwargs = tree_map_only(torch.Tensor, _weightless, replay)
        with mode, torch.no_grad():
            target(*args, **kwargs)
    except Exception:  # whatever an operator raises that cannot run without memory
        return None
    if not mode.parts:
        return None
    work: Counter[str] = Counter()
    for part in mode.parts:
        if part.work is None:
            return Rated("other", None)
        work.update(part.work)
    if "matmul" in work and any(value.is_constant for value in call.tensors):
        work["linear"] += work.pop("matmul")
    word = max(mode.parts, key=lambda part: max((part.work or {"": 0}).values(), default=0)).word
    return Rated(word, work)


def _unknown() -> Rated:
    return Rated("other", None)


def _weightless(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(tuple(int(side) for side in tensor.shape), dtype=tensor.dtype, device="meta")


class _Collect(TorchDispatchMode):
    """Rates every operator that runs under it; one that calls only itself has no rule."""

    def __init__(self, outer: Any) -> None:
        super().__init__()
        self.parts: list[Rated] = []
        self._outer = outer

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is self._outer:
            return result
        tensors = tree_map_only(torch.Tensor, _as_value, bound(func, args, kwargs or {}))
        call = Call(operator_name(func), tensors, tuple(shapes_of(result)))
        self.parts.append(expanded(func, call))
        return result


def _as_value(tensor: torch.Tensor) -> Value:
    return Value(tuple(tensor.shape), index=0)
