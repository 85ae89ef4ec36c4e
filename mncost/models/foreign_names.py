"""Names of tensors that belong to no layer in the project that saved them, as layers of ours.

A class token, positions and layer scales are tensors of a block there; torch's own attention keeps
the weights of queries, keys and values as one tensor of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["as_layers"]

_OWN = {
    "cls_token": "token",
    "class_token": "token",
    "pos_embed": "positions",
    "pos_embedding": "positions",
    "layer_scale": "gamma",
    "gamma": "gamma",
}
"""Names of a block's own tensors, and what our layer calls them."""
_PROJECTED = {"in_proj_weight": "in_proj.weight", "in_proj_bias": "in_proj.bias"}


def as_layers(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state dict in which each tensor is one of a layer, in the shape that ours has."""
    return dict(_as_layer(name, value, state) for name, value in state.items())


def _as_layer(name: str, value: Any, state: Mapping[str, Any]) -> tuple[str, Any]:
    module, dot, leaf = name.rpartition(".")
    if leaf in _PROJECTED:
        return f"{module}{dot}{_PROJECTED[leaf]}", value
    if leaf == "gamma" and not _has_others(module, state):
        return name, value  # timm's LayerScale2d, a layer of its own
    if (ours := _OWN.get(leaf)) is None:
        return name, value
    shape = value.shape[-2:] if ours == "positions" else (-1,)
    place = "layer_scale" if ours == "gamma" else leaf
    return f"{module}{dot}{place}.{ours}", value.reshape(shape)


def _has_others(module: str, state: Mapping[str, Any]) -> bool:
    return any(name.startswith(f"{module}.") and name != f"{module}.gamma" for name in state)
