"""The inputs of a torch module: which its forward takes, and of which shape and type."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn

from mncost.errors import InputError
from mncost.readers.given import GivenInput, InputMisfitError, unknown_input
from mncost.readers.model import InputSpec

__all__ = ["TorchInputs", "example", "input_specs", "specs_of", "usual_inputs", "whole_numbers"]

TorchInputs: TypeAlias = (
    "torch.Tensor | Sequence[int] | Sequence[Sequence[int]] | Sequence[torch.Tensor] | "
    "Mapping[str, Sequence[int] | torch.Tensor]"
)
"""A shape with the batch or a tensor, several of these, or these by the arguments' names."""

_WHOLE_NUMBERS = re.compile(r"(^|_)(ids|tokens|indices|index|labels|attention_mask)$")


def input_specs(name: str, module: nn.Module, given: Sequence[GivenInput]) -> dict[str, InputSpec]:
    """Return the inputs that a module is fed, by the names of its forward's arguments.

    Args:
        name: of the module, for messages.
        module: whose forward it is.
        given: shapes with the batch; the ones without a name stand for arguments in their order.

    Raises:
        InputError: an input is missing, or its forward does not take one.
    """
    needed, accepted, takes_any = _arguments(module)
    shapes: dict[str, tuple[int, ...]] = {}
    for one in given:
        if one.name is not None:
            if one.name not in accepted and not takes_any:
                raise unknown_input(name, one.name, accepted)
            shapes[one.name] = one.shape
    free = iter([argument for argument in accepted if argument not in shapes])
    for one in given:
        if one.name is None:
            argument = next(free, None)
            if argument is None:
                raise InputMisfitError(
                    None,
                    f"{name}: {len(given)} inputs are given, but its forward takes "
                    f"{len(accepted)} ({', '.join(accepted) or 'none'})",
                )
            shapes[argument] = one.shape
    missing = [argument for argument in needed if argument not in shapes]
    if missing or not shapes:
        wanted = (missing or accepted or ["x"])[0]
        hint = f"--input {'' if len(needed) < 2 else f'{wanted}='}1x3x224x224"
        raise InputError(
            f"{name}: the shape of its input {', '.join(missing) or wanted} is not known; accepted "
            f"is e.g. {hint}"
        )
    kind = _floating(module)
    return {
        argument: InputSpec(
            shape,
            "int64" if _WHOLE_NUMBERS.search(argument) else kind,
            0 if shape[:1] == (1,) else None,  # what is no 1 may be the steps of a sequence
        )
        for argument, shape in shapes.items()
    }


def specs_of(name: str, module: nn.Module, inputs: TorchInputs) -> dict[str, InputSpec]:
    """Return the inputs that a caller means: shapes, tensors, several or by name.

    Raises:
        InputError: they are none of these, or do not fit the module's forward.
    """
    if isinstance(inputs, Mapping):
        named: list[tuple[str | None, Any]] = [*inputs.items()]
    elif isinstance(inputs, torch.Tensor) or all(isinstance(side, int) for side in inputs):
        named = [(None, inputs)]
    else:
        named = [(None, one) for one in inputs]
    given = [GivenInput(key, _shape(one)) for key, one in named]
    specs = input_specs(name, module, given)
    order = [argument for argument in specs if argument not in {key for key, _ in named}]
    for key, one in named:
        argument = order.pop(0) if key is None else key
        if isinstance(one, torch.Tensor):
            kind = str(one.dtype).removeprefix("torch.")
            specs[argument] = InputSpec(specs[argument].shape, kind, specs[argument].batch_axis)
    return specs


def _shape(given: Any) -> tuple[int, ...]:
    sides = given.shape if isinstance(given, torch.Tensor) else given
    if isinstance(sides, str) or not all(isinstance(side, int) for side in sides):
        raise InputError(
            f"inputs: {given!r}; accepted are shapes such as (1, 3, 224, 224), tensors"
        )
    if any(side < 1 for side in sides):
        raise InputError(f"inputs: {tuple(sides)}: a dimension below 1")
    return tuple(sides)


def usual_inputs(name: str, module: nn.Module) -> list[GivenInput]:
    """Return the inputs that a project means its module for; empty if it does not say."""
    source, _, model = name.partition(":")
    if source == "timm":
        size = getattr(module, "default_cfg", {}).get("input_size")
        return [GivenInput(None, (1, *size))] if size else []
    if source == "torchvision":
        return [GivenInput(None, (1, 3, *_torchvision_size(model)))]
    return []


def _torchvision_size(model: str) -> tuple[int, int]:
    from torchvision import models

    weights = models.get_model_weights(model)
    crop = getattr(getattr(weights.DEFAULT.transforms, "keywords", {}), "get", lambda _: None)
    size = crop("crop_size") or 224
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def whole_numbers(module: nn.Module, specs: Mapping[str, InputSpec]) -> list[dict[str, InputSpec]]:
    """Return the same inputs as whole numbers, if a module looks things up in a table."""
    if not any(isinstance(one, nn.Embedding) for one in module.modules()):
        return []
    return [{name: InputSpec(one.shape, "int64", one.batch_axis) for name, one in specs.items()}]


def example(
    specs: Mapping[str, InputSpec], device: torch.device | str, *, random: bool = False
) -> dict[str, torch.Tensor]:
    """Return tensors of these shapes and types: empty ones, or random ones to run."""
    tensors = {}
    for name, spec in specs.items():
        dtype: Any = getattr(torch, spec.dtype)
        if not random:
            tensors[name] = torch.empty(spec.shape, dtype=dtype, device=device)
        elif dtype.is_floating_point:
            tensors[name] = torch.randn(spec.shape, dtype=dtype, device=device)
        else:
            tensors[name] = torch.ones(spec.shape, dtype=dtype, device=device)
    return tensors


def _arguments(module: nn.Module) -> tuple[list[str], list[str], bool]:
    """Return the arguments that a forward needs, those that it takes, and if it takes any.

    Raises:
        InputError: its arguments have no names.
    """
    needed, accepted, takes_any = [], [], False
    every = [*inspect.signature(module.forward).parameters.values()]
    for argument in every:
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            takes_any = takes_any or argument.kind is argument.VAR_KEYWORD
            continue
        accepted.append(argument.name)
        if argument.default is argument.empty:
            needed.append(argument.name)
    if any(one.kind is one.VAR_POSITIONAL for one in every) and not accepted:
        raise InputError(
            f"{type(module).__name__}: its forward takes any number of inputs, without names; "
            "accepted is a forward whose arguments have names"
        )
    return needed, accepted, takes_any


def _floating(module: nn.Module) -> str:
    """Return numpy's word for the type of a module's weights."""
    for parameter in module.parameters():
        if parameter.is_floating_point():
            return str(parameter.dtype).removeprefix("torch.")
    return "float32"
