"""The torch reader: a module's graph by ``torch.export``, or else by one real run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mncost.errors import InputError, one_line
from mncost.extras import require
from mncost.readers.model import InputSpec, ReadModel, TorchSource

if TYPE_CHECKING:
    import torch
    from torch import nn

    from mncost.cost.memory import Precision
    from mncost.readers.given import GivenInput
    from mncost.readers.torch.recorder import Recorded

__all__ = ["read", "read_module"]

Specs: TypeAlias = Mapping[str, InputSpec]

_HALVES: dict[str, Precision] = {"torch.float16": "fp16", "torch.bfloat16": "bf16"}


def read(name: str, given: Sequence[GivenInput] = ()) -> ReadModel:
    """Read the torch module of a name; its weights take no memory, if it can be made without.

    Args:
        name: see :func:`mncost.readers.torch.names.made`.
        given: the shapes of its inputs; by default those that its project means it for.

    Raises:
        InputError: it cannot be made, or cannot be read for inputs of these shapes.
    """
    require("torch")
    from mncost.readers.torch.inputs import input_specs, usual_inputs
    from mncost.readers.torch.names import made

    module = made(name, weightless=True)
    specs = input_specs(name, module, given or usual_inputs(name, module))
    return read_module(module, specs, name, lambda: made(name))


def read_module(
    module: nn.Module, specs: Specs, name: str, again: Callable[[], nn.Module] | None = None
) -> ReadModel:
    """Read a torch module in hand.

    Args:
        module: on any device; it is looked at in evaluation mode, and left as it was.
        specs: its inputs by the names of its forward's arguments.
        name: what its network is called.
        again: makes it with memory for its weights, if it has none.

    Raises:
        InputError: it cannot be read for these inputs.
    """
    from mncost.readers.torch.names import folder_of

    shown = type(module).__name__ if name.startswith("here:") else name
    with _evaluating(module):
        recorded, specs, notes = _recorded(module, specs, shown, again)
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    weights = [*(tensors[key] for key in recorded.read), *recorded.packed]
    return ReadModel(
        name=shown,
        graph=recorded.graph,
        inputs=recorded.inputs,
        forms=recorded.forms,
        source=TorchSource(name, dict(specs), folder=folder_of(name)),
        precision=_precision(weights),
        weight_bytes=_bytes(weights),
        notes=(*notes, *_unread(shown, module, recorded.read)),
    )


class _Reading(NamedTuple):
    recorded: Recorded
    specs: Specs
    notes: list[str]


def _recorded(
    module: nn.Module, specs: Specs, name: str, again: Callable[[], nn.Module] | None
) -> _Reading:
    """Export a module, or run it; with whole numbers for inputs where it looks them up."""
    from mncost.readers.torch.export import exported
    from mncost.readers.torch.inputs import example, whole_numbers
    from mncost.readers.torch.run import run_once

    choices = [specs, *whole_numbers(module, specs)]
    reasons: list[BaseException] = []
    for chosen in choices:
        try:
            return _Reading(exported(module, example(chosen, _device(module))), chosen, [])
        except (Exception, SystemExit) as error:  # torch.export fails in many ways
            reasons.append(error)
    if again is not None:
        module = again()
    for chosen in choices:
        try:
            recorded = run_once(module, example(chosen, _device(module), random=True))
        except (Exception, SystemExit) as error:
            reasons.append(error)
            continue
        note = (
            f"{name}: torch.export cannot trace it ({type(reasons[0]).__name__}); counted in one "
            "run on random input: what depends on the data may be more or less"
        )
        return _Reading(recorded, chosen, [note])
    failed = reasons[len(choices)]
    raise InputError(f"{name}: its forward raises {_said(failed)}") from failed


def _said(error: BaseException) -> str:
    first = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {one_line(first)}" if first else type(error).__name__


def _device(module: nn.Module) -> torch.device | str:
    return next((one.device for one in module.parameters()), "cpu")


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and each of its modules back into what it was in."""
    modes = [(one, one.training) for one in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for one, training in modes:
            one.training = training


def _unread(name: str, module: nn.Module, read: Collection[str]) -> Iterator[str]:
    """Say which parameters no call reads: they are not counted."""
    known = set(read)
    unread = {key: one.numel() for key, one in module.named_parameters() if key not in known}
    if unread:
        parts = dict.fromkeys(key.partition(".")[0] for key in unread)
        yield (
            f"{name}: {sum(unread.values()):,} parameters are not counted, because its forward "
            f"does not read them in evaluation mode ({', '.join(list(parts)[:4])})"
        )


def _bytes(weights: Sequence[torch.Tensor]) -> int | None:
    """Return the bytes of weights; ``None`` if all are float32."""
    sizes = {one.dtype.itemsize for one in weights if one.is_floating_point() or one.is_quantized}
    return sum(one.numel() * one.dtype.itemsize for one in weights) if sizes - {4} else None


def _precision(weights: Sequence[torch.Tensor]) -> Precision:
    """Return the precision that most weights are stored in."""
    elements: Counter[Precision] = Counter()
    for one in weights:
        if one.is_quantized:
            elements["int8"] += one.numel()
        elif one.is_floating_point():
            elements[_HALVES.get(str(one.dtype), "fp32")] += one.numel()
    return elements.most_common(1)[0][0] if elements else "fp32"
