"""How long each module of a torch module takes: hooks around their calls.

A call of a module is counted without the calls inside it, so that the times of all add up.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mncost.measure.runtimes import KernelTimes

if TYPE_CHECKING:
    from torch import nn

    from mncost.graph.graph import Graph

__all__ = ["ModuleTimes", "nodes_of_modules"]

_now = time.perf_counter_ns


class ModuleTimes:
    """Runs a module, and keeps the time of each module in it."""

    def __init__(self, module: nn.Module, images: Sequence[Any], named: Mapping[str, Any]) -> None:
        """Put hooks around every module."""
        self._run, self._images, self._named = module, images, named
        self._runs: list[int] = []
        self._times: list[Counter[str]] = []
        self._open: list[list[int]] = []  # when a call began, and what the calls inside it took
        for path, inner in module.named_modules():
            if path:
                inner.register_forward_pre_hook(self._enter)
                inner.register_forward_hook(self._leaving(path), always_call=True)

    def call(self) -> object:
        """Run it once."""
        import torch

        self._open.clear()
        self._times.append(Counter())
        began = _now()
        with torch.inference_mode():
            result: object = self._run(*self._images, **self._named)
        self._runs.append(_now() - began)
        return result

    def finish(self) -> KernelTimes:
        """Return the times of all runs."""
        paths = dict.fromkeys(path for times in self._times for path in times)
        kernels = {path: [times[path] for times in self._times] for path in paths}
        return KernelTimes(self._runs, kernels)

    def _enter(self, module: nn.Module, given: Any) -> None:
        self._open.append([_now(), 0])

    def _leaving(self, path: str) -> Callable[..., None]:
        def leave(module: nn.Module, given: Any, result: Any) -> None:
            began, inside = self._open.pop()
            taken = _now() - began
            self._times[-1][path] += taken - inside
            if self._open:
                self._open[-1][1] += taken

        return leave


def nodes_of_modules(modules: Iterable[str], graph: Graph) -> dict[str, str]:
    """Return the node that each module's time belongs to.

    A module that computes several nodes itself gives its time to one of them, which has parameters
    if any has; one that computes none has itself for a name, which is no layer.
    """
    from mncost.graph.ops import parameters

    paths = [*modules]
    known, by_module = {*paths}, dict[str, list[str]]()
    for node in graph.nodes:
        name = node.name.partition("@")[0]
        group = by_module.setdefault(name if name in known else name.rpartition(".")[0], [])
        group.insert(0 if parameters(node.op) else len(group), node.name)
    return {path: next(iter(by_module.get(path, [])), path) for path in paths}
