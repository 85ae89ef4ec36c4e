"""How a project writes each operator: a rule that gives every operator of a graph its form.

A rule looks at the operator, at where it stands, and at which network it belongs to. What the rules
say is recorded from the projects' own modules (``tests/witness/tools.jsonl``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from mncost.cost.forms import FUSED, UNFUSED, WHOLE, Form
from mncost.graph import ops
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import ActivationName, Shape
from mncost.label import Label

__all__ = ["PROJECTS", "forms_of", "own_form", "timm_form", "torchvision_form"]

Rule: TypeAlias = Callable[[Node, Shape, Label], Form]


def forms_of(graph: Graph, shapes: Sequence[Shape], label: Label) -> list[Form]:
    """Return the form of every node: in the dialect's project, or else in our own torch module."""
    rule = PROJECTS.get(label.dialect or "", own_form)
    return [
        rule(node, shapes[node.inputs[0]] if node.inputs else (), label) for node in graph.nodes
    ]


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
        case ops.AdaptivePool():
            return Form("", ("adaptive_avg_pool2d",))
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
    arch = label.arch
    match node.op:
        case ops.GlobalPool() if len(read) != 3:
            return own_form(node, read, label)
        case ops.GlobalPool() if not _is_gate(node) and arch.startswith(_MEANS):
            return Form("", ("mean",))
        case ops.GlobalPool() if not _is_gate(node) and arch.startswith(_POOLS_BY_FUNCTION):
            return own_form(node, read, label)
        case ops.GlobalPool() | ops.AdaptivePool():
            return Form("AdaptiveAvgPool2d", ("adaptive_avg_pool2d",))
        case ops.Activation() if arch.startswith("densenet") and node.block == "last":
            return Form("torchvision.models.densenet.DenseNet", ("relu",), is_leaf=False)
        case ops.Linear() | ops.MultiHeadAttention() if _is_attention(node):
            calls = ("linear",) if isinstance(node.op, ops.Linear) else FUSED
            return Form("MultiheadAttention", calls, is_leaf=False)
        case ops.Conv() if _is_mlp(node, label):
            return Form("Linear", ("linear",))
        case ops.LayerNorm(dimensions=2):
            in_block = _is_convnext(label) and node.block.startswith("stage")
            own = "torchvision.models.convnext.LayerNorm2d"
            return Form("LayerNorm" if in_block else own, ("layer_norm",))
        case ops.LayerScale():
            return Form("torchvision.models.convnext.CNBlock", ("mul",), is_leaf=False)
        case _:
            return own_form(node, read, label)


_POOLS_BY_FUNCTION = ("v2", "densenet")
"""torchvision's networks that pool by a function at their end, not by a module."""
_MEANS = ("mnasnet", "shufflenet")
"""torchvision's networks that take the mean at their end."""


def timm_form(node: Node, read: Shape, label: Label) -> Form:
    """Return how timm writes an operator: modules of its own for norms with an activation in."""
    form = _timm_form(node, read, label)
    is_of_tokens = len(read) == 2 and label.arch.startswith("mobilevit")
    return form._replace(first=_PIXELS_OF_A_PATCH) if is_of_tokens else form


_PIXELS_OF_A_PATCH = 4
"""In MobileViT each pixel of a patch is a sequence, which are the first dimension in timm."""


def _timm_form(node: Node, read: Shape, label: Label) -> Form:
    arch = label.arch
    match node.op:
        case ops.BatchNorm() if arch.startswith(_PLAIN_NORMS) and node.block != "last":
            return own_form(node, read, label)
        case ops.BatchNorm() if not _is_of_keys(node):
            return Form("timm.layers.norm_act.BatchNormAct2d", ("batch_norm",), is_leaf=False)
        case ops.LayerNorm(dimensions=dimensions) if not arch.startswith("mobilevit"):
            in_block = dimensions == 2 and not node.block.startswith("stage")
            return Form(f"timm.layers.norm.LayerNorm{'2d' * in_block}", ("layer_norm",))
        case ops.Activation(function="gelu") if not arch.startswith(("vit", "deit")):
            return Form("timm.layers.activations.GELU", ("gelu",))
        case ops.Linear() if _is_attention(node):
            return Form("Linear", ("linear",), within=WHOLE[0])
        case ops.MultiHeadAttention():
            return Form(WHOLE[0], FUSED, is_leaf=False)
        case ops.LayerScale() | ops.Conv() if _is_convnext(label) and _is_in_stage(node):
            if isinstance(node.op, ops.LayerScale):
                return Form("timm.models.convnext.ConvNeXtBlock", ("mul",), is_leaf=False)
            return Form("Linear", ("linear",)) if _is_mlp(node, label) else _CONV
        case ops.GlobalPool() if _is_gate(node):
            return Form("timm.models._efficientnet_blocks.SqueezeExcite", ("mean",), is_leaf=False)
        case ops.GlobalPool() if len(read) == 3:
            return Form("AdaptiveAvgPool2d", ("adaptive_avg_pool2d",))
        case ops.Conv(padding="same", stride=stride) if stride != (1, 1):
            return Form("timm.layers.conv2d_same.Conv2dSame", ("conv2d",))
        case ops.Linear() if arch.startswith(("v3", "v4", "ghostnet")):
            return Form("timm.layers.linear.Linear", ("linear",))
        case ops.Attention():
            kind = "timm.layers.attention2d.MultiQueryAttention2d"
            return Form(kind, (*FUSED, *UNFUSED), is_leaf=False)
        case _:
            return own_form(node, read, label)


_CONV = Form("Conv2d", ("conv2d",))
_PLAIN_NORMS = ("resnet", "resnext", "wide-resnet", "ghostnet")
"""timm's networks whose batch norms are torch's own."""


def _is_gate(node: Node) -> bool:
    """Whether a pooling is that of a squeeze-excite."""
    return ".se." in node.name


def _is_attention(node: Node) -> bool:
    """Whether an operator is the attention of an encoder, or a linear layer of it."""
    return ".attention." in node.name


def _is_convnext(label: Label) -> bool:
    return label.arch.startswith("convnext")


def _is_in_stage(node: Node) -> bool:
    return node.block.startswith("stage")


def _is_mlp(node: Node, label: Label) -> bool:
    """Whether a 1×1 convolution is a linear layer on an image whose channels are last."""
    is_product = isinstance(node.op, ops.Conv) and node.op.is_pointwise
    return is_product and _is_convnext(label) and _is_in_stage(node)


def _is_of_keys(node: Node) -> bool:
    """Whether a batch norm stands where the keys and values of an attention are made smaller."""
    return any(f".{part}." in node.name for part in ("key", "value"))


PROJECTS: Mapping[str, Rule] = {"torchvision": torchvision_form, "timm": timm_form}
"""The rule of each dialect whose project's modules are known."""
