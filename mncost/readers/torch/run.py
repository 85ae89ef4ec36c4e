"""A torch module's calls in one real run: for what ``torch.export`` cannot trace."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.weak import WeakIdKeyDictionary

from mncost.readers.torch.calls import Value
from mncost.readers.torch.expand import bound, shapes_of
from mncost.readers.torch.recorder import Place, Recorded, Recorder

__all__ = ["run_once"]


def run_once(module: nn.Module, inputs: Mapping[str, torch.Tensor]) -> Recorded:
    """Return a module's graph.

    What depends on the data (boxes that survive, a loop's turns) is what it was in this run.

    Args:
        module: in evaluation mode, with memory.
        inputs: by the names of the arguments of its forward, with memory.

    Raises:
        Exception: what the module raises.
    """
    watch = _Watch(module)
    for name, tensor in inputs.items():
        watch.known[tensor] = watch.recorder.input(name, tuple(tensor.shape))
    # Fused layers are one operator that has no rule.
    fast, on = torch.backends.mha, torch.backends.mha.get_fastpath_enabled()
    fast.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), _following(module, watch), torch.no_grad(), watch:
            warnings.simplefilter("ignore")
            result = module(**inputs)
    finally:
        fast.set_fastpath_enabled(on)
    outputs = [
        watch.known[one]
        for one in tree_leaves(result)
        if isinstance(one, torch.Tensor) and one in watch.known
    ]
    return watch.recorder.recorded(outputs)


class _Watch(TorchDispatchMode):
    """Enters every operator that runs."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.recorder = Recorder(module)
        self.known: Any = WeakIdKeyDictionary()
        self.stack = [Place("", "")]
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            self.known[tensor] = self.recorder.parameter(name)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        named = tree_map_only(torch.Tensor, self._value, bound(func, args, kwargs))
        result = func(*args, **kwargs)
        outs = shapes_of(result)
        if outs:
            values = self.recorder.call(func, named, outs, self.stack[-1], (args, kwargs))
            tensors = [one for one in tree_leaves(result) if isinstance(one, torch.Tensor)]
            for tensor, value in zip(tensors, values, strict=True):
                self.known[tensor] = value
        return result

    def _value(self, tensor: torch.Tensor) -> Value:
        if tensor not in self.known:
            self.known[tensor] = Value(tuple(tensor.shape))
        value: Value = self.known[tensor]
        return value


@contextmanager
def _following(module: nn.Module, watch: _Watch) -> Iterator[None]:
    """Tell the watch which module runs."""
    handles = []
    for path, inner in module.named_modules():
        if isinstance(inner, torch.jit.ScriptModule):  # which takes no hooks
            continue
        place = Place(path, f"{type(inner).__module__}.{type(inner).__qualname__}")

        def enter(_: nn.Module, given: Any, place: Place = place) -> None:
            watch.stack.append(place)

        def leave(_: nn.Module, given: Any, result: Any) -> None:
            watch.stack.pop()

        handles += [
            inner.register_forward_pre_hook(enter),
            inner.register_forward_hook(leave, always_call=True),
        ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
