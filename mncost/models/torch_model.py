"""The graph as a ``torch.nn.Module``: real torch layers under our names, and a plain forward."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, assert_never

import torch
from torch import fx, nn

from mncost.errors import InputError
from mncost.graph import ops
from mncost.graph.foreign_op import not_ours
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Op
from mncost.graph.shapes import conv_pads
from mncost.models import torch_functions as functions
from mncost.models.torch_layers import (
    AddPositions,
    LayerNorm2d,
    LayerScale2d,
    MultiQueryAttention2d,
    PrependToken,
    TokenAttention,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy

    from mncost.graph.ops import ActivationName

__all__ = ["load_weights", "torch_module"]

_ACTIVATIONS: dict[ActivationName, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "hardtanh": nn.Hardtanh,
}


def torch_module(graph: Graph, name: str = "MobileNet") -> fx.GraphModule:
    """Return a module that computes a graph.

    Its submodules have the names of the graph's nodes (``row3.2.expand.conv``); its forward is
    generated code without loops or branches, so that it compiles, exports and trains like a module
    written by hand. It takes a batch for each input of the graph, e.g. ``(batch, channels, height,
    width)``, and returns that of the output, or a tuple where there are several.
    """
    root, plan = nn.Module(), fx.Graph()
    several = len(graph.inputs) > 1
    values: list[fx.Node] = []
    for node in graph.nodes:
        if isinstance(node.op, ops.Input):
            values.append(plan.placeholder(node.name if several else "x"))
        else:
            values.append(_emit(root, plan, node, tuple(values[source] for source in node.inputs)))
    outputs = tuple(values[index] for index in graph.outputs)
    plan.output(outputs if len(outputs) > 1 else outputs[0])
    return fx.GraphModule(root, plan, class_name=name)


def load_weights(module: nn.Module, weights: Mapping[str, numpy.ndarray]) -> None:
    """Copy weights into a module of the same graph; every parameter and statistic must be there."""
    state = {name: torch.from_numpy(values) for name, values in weights.items()}
    missing, unexpected = module.load_state_dict(state, strict=False)
    wrong = [name for name in missing if not name.endswith("num_batches_tracked")] + unexpected
    if wrong:
        raise KeyError(f"weights do not fit the module at {wrong[0]}")


def _emit(root: nn.Module, plan: fx.Graph, node: Node, inputs: tuple[fx.Node, ...]) -> fx.Node:
    op = node.op
    if call := _call(op, inputs):
        return plan.call_function(*call)
    if isinstance(op, ops.Conv):
        inputs = (_padded(plan, op, inputs[0]),)
    _put(root, node.name, _layer(op))
    return plan.call_module(node.name, inputs)


def _call(
    op: Op, inputs: tuple[fx.Node, ...]
) -> tuple[Callable[..., object], tuple[Any, ...]] | None:
    """Return the function, and its arguments, of an operator that holds nothing."""
    match op:
        case ops.Add():
            return operator.add, inputs
        case ops.Scale():
            return operator.mul, inputs
        case ops.AdaptivePool():
            return functions.adaptive_average_pool, (*inputs, op.size)
        case ops.GlobalPool():
            return functions.global_average_pool, inputs
        case ops.Concat():
            return torch.cat, (inputs, 1)
        case ops.Slice():
            return functions.between, (*inputs, op.start, op.stop)
        case ops.Shuffle():
            return functions.shuffle, (*inputs, op.groups)
        case ops.Resize() if op.factor is not None:
            return functions.resize_by, (*inputs, op.mode, op.factor)
        case ops.Resize() if op.multiple is not None:
            return functions.resize_to_multiple, (*inputs, op.mode, op.multiple)
        case ops.Resize():
            return functions.resize_like, (*inputs, op.mode)
        case ops.L2Norm():
            return nn.functional.normalize, inputs
        case ops.Tokens():
            return functions.tokens, (*inputs, op.parts)
        case ops.Select():
            return functions.select, (*inputs, op.index)
        case ops.Unfold():
            return functions.unfold, (*inputs, op.patch)
        case ops.Fold():
            return functions.fold, (*inputs, op.patch)
        case _:
            return None


def _padded(plan: fx.Graph, op: ops.Conv, source: fx.Node) -> fx.Node:
    """Pad what nn.Conv2d cannot: unevenly, or by what the size of the image decides."""
    match _own_padding(op):
        case None:
            return plan.call_function(
                functions.pad_same, (source, op.kernel, op.stride, op.dilation)
            )
        case (top, bottom, left, right) if (top, left) != (bottom, right):
            return plan.call_function(functions.pad_by, (source, (top, bottom, left, right)))
        case _:
            return source


def _own_padding(op: ops.Conv) -> tuple[int, int, int, int] | None:
    """Return what a convolution pads; ``None`` if that depends on the size of the image."""
    return None if op.padding == "same" and op.stride != (1, 1) else conv_pads(op, (1, 1))


def _layer(op: Op) -> nn.Module:
    match op:
        case ops.Conv():
            return _conv(op)
        case ops.BatchNorm():
            kind = nn.BatchNorm2d if op.dimensions else nn.BatchNorm1d
            return kind(op.channels, op.eps, op.momentum)
        case ops.Activation():
            return _ACTIVATIONS[op.function]()
        case ops.PReLU():
            return nn.PReLU(op.channels)
        case ops.Pool():
            return _pool(op)
        case ops.Flatten():
            return nn.Flatten()
        case ops.Linear():
            return nn.Linear(op.in_features, op.out_features, op.bias)
        case ops.LayerNorm():
            return (LayerNorm2d if op.dimensions == 2 else nn.LayerNorm)(op.channels, op.eps)
        case ops.LayerScale():
            return LayerScale2d(op.channels, op.init)
        case ops.MultiHeadAttention():
            return TokenAttention(op.heads, op.sequences)
        case ops.ClassToken():
            return PrependToken(op.features)
        case ops.Positions():
            return AddPositions(op.tokens, op.features)
        case ops.Attention():
            return MultiQueryAttention2d(op.heads, op.key_dim)
        case ops.Dropout():
            return nn.Dropout(op.rate)
        case ops.Foreign():
            raise not_ours(op)
        case (
            ops.Input()
            | ops.Add()
            | ops.Scale()
            | ops.AdaptivePool()
            | ops.GlobalPool()
            | ops.Concat()
            | ops.Slice()
            | ops.Shuffle()
        ) | (ops.Resize() | ops.L2Norm() | ops.Tokens() | ops.Select() | ops.Unfold() | ops.Fold()):
            raise AssertionError(f"{op} is no layer")
        case _:
            assert_never(op)


def _pool(op: ops.Pool) -> nn.Module:
    top, bottom, left, right = op.pads
    if (top, left) != (bottom, right):
        raise InputError(f"a pooling padded by {op.pads}: torch pads poolings evenly")
    kind = nn.MaxPool2d if op.function == "max" else nn.AvgPool2d
    return kind(op.kernel, op.stride, (top, left), ceil_mode=op.ceil)


def _conv(op: ops.Conv) -> nn.Conv2d:
    padding = (0, 0)
    match _own_padding(op):
        case (top, bottom, left, right) if (top, left) == (bottom, right):
            padding = (top, left)
    return nn.Conv2d(
        op.in_channels,
        op.out_channels,
        op.kernel,
        op.stride,
        padding,
        op.dilation,
        groups=op.groups,
        bias=op.bias,
    )


def _put(root: nn.Module, path: str, layer: nn.Module) -> None:
    """Put a layer where its dotted name says, making the modules on the way."""
    *parents, last = path.split(".")
    for parent in parents:
        if not hasattr(root, parent):
            root.add_module(parent, nn.Module())
        root = getattr(root, parent)
    root.add_module(last, layer)
