"""A torch module's calls by ``torch.export``: nothing is computed, only shapes."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch import fx, nn
from torch.export.graph_signature import InputKind
from torch.utils._pytree import tree_leaves, tree_map

from mncost.readers.torch.calls import Value
from mncost.readers.torch.expand import bound, shapes_of
from mncost.readers.torch.recorder import Place, Recorded, Recorder

__all__ = ["exported", "program_of"]


def exported(module: nn.Module, inputs: Mapping[str, torch.Tensor]) -> Recorded:
    """Return a module's graph.

    Args:
        module: in evaluation mode, on any device.
        inputs: by the names of the arguments of its forward.

    Raises:
        Exception: torch.export cannot trace it; each reason has an exception of its own.
    """
    return _Walk(program_of(module, inputs), module).run()


def program_of(
    module: nn.Module, inputs: Mapping[str, torch.Tensor]
) -> torch.export.ExportedProgram:
    """Return a module's exported program; errors are torch's."""
    with _quiet():
        return torch.export.export(module, (), dict(inputs), strict=False)


class _Walk:
    """Walks down an exported graph, and the graphs in it."""

    def __init__(self, program: torch.export.ExportedProgram, module: nn.Module) -> None:
        self.recorder = Recorder(module)
        self._program = program

    def run(self) -> Recorded:
        program = self._program
        placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
        specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
        given = [self._placeholder(node, specs[node.name]) for node in placeholders]
        results = tree_leaves(self._walk(program.graph_module, given))
        return self.recorder.recorded([one for one in results if isinstance(one, Value)])

    def _placeholder(self, node: fx.Node, spec: Any) -> Any:
        shape = shapes_of(node.meta.get("val"))
        if not shape:
            return getattr(spec.arg, "value", None)
        if spec.kind is InputKind.USER_INPUT:
            return self.recorder.input(node.name, shape[0])
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER) and spec.persistent is not False:
            return self.recorder.parameter(spec.target)
        return Value(shape[0])

    def _walk(self, graph: fx.GraphModule, given: Sequence[Any]) -> Any:
        known: dict[fx.Node, Any] = {}
        arguments = iter(given)
        for node in graph.graph.nodes:
            if node.op == "placeholder":
                known[node] = next(arguments)
            elif node.op == "output":
                return tree_map(lambda one: _looked_up(known, one), node.args[0])
            elif node.op == "get_attr":
                attribute = _attribute(graph, str(node.target))
                known[node] = (
                    Value(tuple(attribute.shape))
                    if isinstance(attribute, torch.Tensor)
                    else attribute
                )
            else:
                known[node] = self._call(node, known)
        return None

    def _call(self, node: fx.Node, known: Mapping[fx.Node, Any]) -> Any:
        args = tree_map(lambda one: _looked_up(known, one), tuple(node.args))
        kwargs = tree_map(lambda one: _looked_up(known, one), dict(node.kwargs))
        target = node.target
        if target.__class__.__name__ == "builtin_function_or_method":
            return _computed(target, args)
        graphs = [one for one in args if isinstance(one, fx.GraphModule)]
        if len(graphs) == 1:  # a block under no_grad or autocast, which is entered
            operands = args[args.index(graphs[0]) + 1 :]
            return self._walk(graphs[0], operands)
        outs = shapes_of(node.meta.get("val"))
        if not outs:
            return node.meta.get("val")
        named = bound(target, args, kwargs)
        replay = tuple(tree_map(_example, part) for part in (tuple(node.args), dict(node.kwargs)))
        values = self.recorder.call(target, named, outs, _place(node), (replay[0], replay[1]))
        several = isinstance(node.meta["val"], list | tuple)
        return values if several else values[0]


def _looked_up(known: Mapping[fx.Node, Any], one: Any) -> Any:
    return known[one] if isinstance(one, fx.Node) else one


def _example(one: Any) -> Any:
    return one.meta.get("val") if isinstance(one, fx.Node) else one


def _computed(function: Any, args: Sequence[Any]) -> Any:
    """Run what Python itself computes: an item of a result, arithmetic with sizes."""
    try:
        return function(*args)
    except (TypeError, IndexError):
        return None


def _attribute(graph: fx.GraphModule, path: str) -> Any:
    value: Any = graph
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _place(node: fx.Node) -> Place:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    if not stack:
        return Place("", "")
    path, kind = stack[-1]
    return Place(str(path).partition("@")[0], str(kind))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep off the streams what torch prints: of a module that it cannot trace, the whole graph."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
