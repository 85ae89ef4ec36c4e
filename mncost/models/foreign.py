"""Weights from a state dict that another project saved, by execution order and shape.

A state dict is a flat mapping of dotted names to tensors. Its layers are put into the order in
which they run, and matched one by one with those of our graph; another shape is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from mncost.errors import InputError, one_line
from mncost.graph.graph import Graph
from mncost.graph.ops import Shape, parameters
from mncost.models.checkpoints import without_prefix
from mncost.models.foreign_names import as_layers
from mncost.models.weights import Weights

__all__ = ["Layer", "layers_with_parameters", "map_foreign"]

IGNORED = "num_batches_tracked"
MAX_PARTS = 100  # of a name

# The order in which a module runs its children, where their names alone do not say so; the first
# line that holds all of a module's children decides. Files by safetensors are sorted by name, so
# that the order in which the project registered them is lost.
SEQUENCES = (
    # timm: the depthwise-separable block, the inverted residual, the fused one
    ("conv_dw", "bn1", "se", "conv_pw", "bn2"),
    ("conv_pw", "bn1", "conv_dw", "bn2", "se", "conv_pwl", "bn3"),
    ("conv_exp", "bn1", "se", "conv_pwl", "bn2"),
    # timm: convolution and norm, squeeze-excite, universal inverted bottleneck, attention
    ("conv", "bn", "bn1"),
    ("conv_reduce", "conv_expand"),
    ("dw_start", "pw_exp", "dw_mid", "se", "pw_proj", "dw_end", "layer_scale"),
    ("norm", "attn", "layer_scale"),
    ("query", "key", "value", "output"),
    ("down_conv", "norm", "proj"),
    # timm: the whole
    ("conv_stem", "bn1", "blocks", "conv_head", "bn2", "norm_head", "classifier"),
    # timm: MobileOne, ConvNeXt, Vision Transformer
    ("identity", "conv_scale", "conv_kxk"),
    ("conv_dw", "norm", "mlp", "layer_scale"),
    ("patch_embed", "cls_token", "pos_embed", "blocks", "norm", "head"),
    # torchvision: ConvNeXt, Vision Transformer
    ("block", "layer_scale"),
    ("conv_proj", "class_token", "encoder", "heads"),
    ("pos_embedding", "layers", "ln"),
    ("ln_1", "self_attention", "ln_2", "mlp"),
    ("in_proj", "out_proj"),
    # torchvision: squeeze-excite, the whole
    ("fc1", "fc2"),
    ("features", "classifier"),
)


class Layer(NamedTuple):
    """A layer with parameters: its name, and the shape of each of its tensors."""

    name: str
    shapes: dict[str, Shape]

    def __str__(self) -> str:
        """Say its name and shapes, e.g. ``stem.conv (weight 32×3×3×3)``."""
        listed = ", ".join(f"{leaf} {_sides(shape)}" for leaf, shape in self.shapes.items())
        return f"{one_line(self.name) or 'unnamed'} ({listed})"


def map_foreign(state: Mapping[str, Any], graph: Graph, origin: str) -> Weights:
    """Return the tensors of a state dict as the weights of a graph.

    A state dict with our own names is taken by name, any other by execution order.

    Args:
        state: tensors by name.
        graph: whose weights they shall be.
        origin: the file, for messages.

    Raises:
        InputError: a layer is missing, left over, or of another shape; the first is named.
    """
    ours = layers_with_parameters(graph)
    names = {layer.name for layer in ours}
    theirs = _layers(state, origin)
    if theirs.keys() != names:
        state = without_prefix(state)
        theirs = _layers(state, origin)
    if theirs.keys() == names:
        ordered = [theirs[layer.name] for layer in ours]
    else:
        state = as_layers(state)
        theirs = _layers(state, origin)
        ordered = [theirs[name] for name in _in_order(list(theirs), origin)]
    for wanted, other in zip_longest(ours, ordered):
        _check(wanted, other, origin)
    return {
        f"{wanted.name}.{leaf}": _array(state[f"{other.name}.{leaf}".lstrip(".")], shape)
        for wanted, other in zip(ours, ordered, strict=True)
        for leaf, shape in wanted.shapes.items()
    }


def layers_with_parameters(graph: Graph) -> list[Layer]:
    """Return the layers of a graph that have parameters, in execution order; shapes are torch's."""
    layers = (
        Layer(node.name, {leaf: param.shape for leaf, param in parameters(node.op).items()})
        for node in graph.nodes
    )
    return [layer for layer in layers if layer.shapes]


def _check(wanted: Layer | None, other: Layer | None, origin: str) -> None:
    """Compare a layer of ours with the one that stands in its place."""
    if wanted is None:
        difference = f"it goes on where ours ends, with {other}"
    elif other is None:
        difference = f"it ends before our {wanted}"
    elif not _fit(wanted.shapes, other.shapes):
        difference = f"in place of our {wanted} it has {other}"
    else:
        return
    raise InputError(f"{origin}: the weights of another network: {difference}")


def _fit(ours: Mapping[str, Shape], theirs: Mapping[str, Shape]) -> bool:
    """Whether two layers have the same tensors; a 1×1 convolution may be a linear layer there."""
    return ours.keys() == theirs.keys() and all(
        shape == theirs[leaf] or (shape[2:] == (1, 1) and shape[:2] == theirs[leaf])
        for leaf, shape in ours.items()
    )


def _layers(state: Mapping[str, Any], origin: str) -> dict[str, Layer]:
    """Group the tensors of a state dict by the layer that they belong to, in the file's order."""
    layers: dict[str, Layer] = {}
    for key, value in state.items():
        if key.count(".") > MAX_PARTS:
            start = one_line(key[:60])
            raise InputError(f"{origin}: a name of more than {MAX_PARTS} parts: {start}...")
        name, _, leaf = key.rpartition(".")
        if leaf != IGNORED:
            layers.setdefault(name, Layer(name, {})).shapes[leaf] = tuple(value.shape)
    return layers


def _in_order(names: Sequence[str], origin: str) -> list[str]:
    """Put the names of layers into the order in which they run."""
    return list(_walk([(name.split("."), name) for name in names], "", origin))


def _walk(entries: Sequence[tuple[list[str], str]], module: str, origin: str) -> list[str]:
    """Return the layers of one module: each entry is a path inside it, and the whole name."""
    own = [name for path, name in entries if not path]
    children: dict[str, list[tuple[list[str], str]]] = {}
    for path, name in entries:
        if path:
            children.setdefault(path[0], []).append((path[1:], name))
    inside = (
        _walk(children[child], f"{module}.{child}".lstrip("."), origin)
        for child in _children(list(children), module, origin)
    )
    return [*own, *(name for names in inside for name in names)]


def _children(names: list[str], module: str, origin: str) -> list[str]:
    if len(names) <= 1:
        return names
    if all(name.isdecimal() for name in names):
        return sorted(names, key=int)
    for sequence in SEQUENCES:
        if set(names) <= set(sequence):
            return sorted(names, key=sequence.index)
    if _is_sorted(origin):
        raise InputError(
            f"{origin}: safetensors sorts by name, so the order in which "
            f"{one_line(module) or 'the network'} runs {one_line(', '.join(names))} is unknown; "
            "accepted are names of torchvision, timm and mncost, or a .pth file"
        )
    return names  # a state dict is in the order of registration


def _is_sorted(origin: str) -> bool:
    return origin.lower().endswith(".safetensors")


def _array(tensor: Any, shape: Shape) -> Any:
    import torch

    return tensor.detach().to(torch.float32).contiguous().numpy().reshape(shape)


def _sides(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "scalar"
