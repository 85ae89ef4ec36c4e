"""How a project writes each operator: as which module, and by calls of which functions.

Counting tools look at classes of modules, at functions, or at the operators of a traced graph, so
that the same network gets other numbers when another project has written it. A :class:`Form` is
what they see of one operator. A project is a rule that gives every operator of a graph its form;
a torch module that was read has the forms that it really has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

from mncost.cost.work import KINDS, OpCost, Tally, Work
from mncost.graph import ops
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import ActivationName, Shape, parameters
from mncost.label import Label

__all__ = ["FUSED", "SEEN_KINDS", "UNFUSED", "WHOLE", "Form", "Seen", "forms_of", "seen"]

FUSED = ("scaled_dot_product_attention",)
"""What a traced graph has for attention by torch's own function."""
UNFUSED = ("_scaled_dot_product_attention_math",)
"""What that function calls beside where it cannot fuse: one head of keys for several of queries."""

WHOLE = ("timm.layers.attention.Attention",)
"""Modules that some tool counts as a whole, and then none of the modules in them."""

SEEN_KINDS = (*KINDS, "params")
"""The kinds of work, and ``params``: the parameters called weight or bias, each once."""


class Form(NamedTuple):
    """What tools see of one operator.

    Attributes:
        module: the class of the innermost module: ``Conv2d`` if it is torch's own, else with its
            package, e.g. ``timm.layers.norm_act.BatchNormAct2d``; empty if it belongs to none.
        calls: the functions that compute it, by the names that a traced graph has for them.
        is_leaf: whether that module holds no further modules.
        within: the class of a module around it, if that is one of :data:`WHOLE`.
    """

    module: str = ""
    calls: tuple[str, ...] = ()
    is_leaf: bool = True
    within: str = ""


Seen: TypeAlias = Mapping[Form, Tally]
"""The work of a network by form, and how many operators have each kind of it."""

Rule: TypeAlias = Callable[[Node, Shape, Label], Form]


def seen(costs: Sequence[OpCost], forms: Sequence[Form]) -> Seen:
    """Add up the work of operators by their forms."""
    tallies: dict[Form, Tally] = {}
    for cost, form in zip(costs, forms, strict=True):
        work = _with_params(cost)
        if work:
            tally = tallies.setdefault(form, Tally(Counter(), Counter()))
            tally.work.update(work)
            tally.operators.update(work.keys())
    return tallies


def forms_of(graph: Graph, shapes: Sequence[Shape], label: Label) -> list[Form]:
    """Return the form of every node: in the dialect's project, or else in our own torch module."""
    rule = PROJECTS.get(label.dialect or "", own_form)
    return [
        rule(node, shapes[node.inputs[0]] if node.inputs else (), label) for node in graph.nodes
    ]


def _with_params(cost: OpCost) -> Work:
    held = parameters(cost.op).items()
    named = sum(
        prod(param.shape)
        for leaf, param in held
        if param.role != "statistic" and leaf in ("weight", "bias")
    )
    return {**cost.work, "params": named} if named else cost.work


_ACTIVATIONS: Mapping[ActivationName, Form] = {
    "relu": Form("ReLU", ("relu",)),
    "relu6": Form("ReLU6", ("hardtanh",)),
    "hardswish": Form("Hardswish", ("hardswish",)),
    "hardsigmoid": Form("Hardsigmoid", ("hardsigmoid",)),
    "sigmoid": Form("Sigmoid", ("sigmoid",)),
    "silu": Form("SiLU", ("silu",)),
    "gelu": Form("GELU", ("gelu",)),
    "elu": Form("ELU", ("elu",)),
    "mish": Form("Mish", ("mish",)),
    "tanh": Form("Tanh", ("tanh",)),
    "leaky_relu": Form("LeakyReLU", ("leaky_relu",)),
    "hardtanh": Form("Hardtanh", ("hardtanh",)),
}


def own_form(node: Node, read: Shape, label: Label) -> Form:
    """Return what :mod:`mncost.models.torch_model` makes of an operator."""
    match node.op:
        case ops.Conv():
            return Form("Conv2d", ("conv2d",))
        case ops.BatchNorm(dimensions=dimensions):
            return Form("BatchNorm2d" if dimensions else "BatchNorm1d", ("batch_norm",))
        case ops.Activation(function=function):
            return _ACTIVATIONS[function]
        case ops.PReLU():
            return Form("PReLU", ("prelu",))
        case ops.Pool(function=function):
            name, call = ("MaxPool2d", "max") if function == "max" else ("AvgPool2d", "avg")
            return Form(name, (f"{call}_pool2d",))
        case ops.GlobalPool():
            # In torch both are one call; in ONNX tokens have an operator of their own.
            return Form("", ("adaptive_avg_pool2d", *["ReduceMean"] * (len(read) < 3)))
        case ops.Linear():
            return Form("Linear", ("linear",))
        case ops.LayerNorm(dimensions=dimensions):
            own = "mncost.models.torch_layers.LayerNorm2d"
            return Form(own if dimensions == 2 else "LayerNorm", ("layer_norm",))
        case ops.L2Norm():
            return Form("", ("linalg_vector_norm", "div"))
        case ops.LayerScale():
            return Form("mncost.models.torch_layers.LayerScale2d", ("mul",))
        case ops.Attention():
            return Form("mncost.models.torch_layers.MultiQueryAttention2d", ("mul", "bmm"))
        case ops.MultiHeadAttention():
            return Form("mncost.models.torch_layers.TokenAttention", ("mul", "bmm"))
        case ops.Positions():
            return Form("mncost.models.torch_layers.AddPositions", ("add",))
        case ops.Resize(mode=mode):
            return Form("", (f"upsample_{mode}2d",))
        case ops.Add():
            return Form("", ("add",))
        case ops.Scale():
            return Form("", ("mul",))
        case ops.Flatten():
            return Form("Flatten", ("flatten",))
        case ops.Dropout(rate=rate):
            return Form("Dropout" if rate else "Identity", ("dropout",))
        case _:
            return Form()


def torchvision_form(node: Node, read: Shape, label: Label) -> Form:
    """Return how torchvision writes an operator: as modules, pooling too."""
    match node.op:
        case ops.GlobalPool() if len(read) != 3:
            return own_form(node, read, label)
        case ops.GlobalPool() if _is_gate(node) or label.arch not in _POOLS_BY_FUNCTION:
            return Form("AdaptiveAvgPool2d", ("adaptive_avg_pool2d",))
        case ops.LayerScale():
            return Form("torchvision.models.convnext.CNBlock", ("mul",), is_leaf=False)
        case _:
            return own_form(node, read, label)


_POOLS_BY_FUNCTION = ("v2",)
"""torchvision's architectures that pool by a function at their end, not by a module."""


def timm_form(node: Node, read: Shape, label: Label) -> Form:
    """Return how timm writes an operator: modules of its own for norms with an activation in."""
    match node.op:
        case ops.BatchNorm() if not _is_of_keys(node):
            return Form("timm.layers.norm_act.BatchNormAct2d", ("batch_norm",), is_leaf=False)
        case ops.Activation(function="gelu"):
            return Form("timm.layers.activations.GELU", ("gelu",))
        case ops.GlobalPool() if _is_gate(node):
            return Form("timm.models._efficientnet_blocks.SqueezeExcite", ("mean",), is_leaf=False)
        case ops.GlobalPool() if len(read) == 3:
            return Form("AdaptiveAvgPool2d", ("adaptive_avg_pool2d",))
        case ops.Conv(padding="same", stride=stride) if stride != (1, 1):
            return Form("timm.layers.conv2d_same.Conv2dSame", ("conv2d",))
        case ops.Linear() if label.arch.startswith(("v3", "v4")):  # timm's class MobileNetV3
            return Form("timm.layers.linear.Linear", ("linear",))
        case ops.Attention():
            kind = "timm.layers.attention2d.MultiQueryAttention2d"
            return Form(kind, (*FUSED, *UNFUSED), is_leaf=False)
        case _:
            return own_form(node, read, label)


def _is_gate(node: Node) -> bool:
    """Whether a pooling is that of a squeeze-excite."""
    return ".se." in node.name


def _is_of_keys(node: Node) -> bool:
    """Whether a batch norm stands where the keys and values of an attention are made smaller."""
    return any(f".{part}." in node.name for part in ("key", "value"))


PROJECTS: Mapping[str, Rule] = {"torchvision": torchvision_form, "timm": timm_form}
"""The rule of each dialect whose project's modules are known."""
