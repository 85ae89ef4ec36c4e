"""The blocks: each a file with its row type, its widths and the operators that it emits.

A new block is a file here and a line in :data:`BLOCKS`. Only the blocks that a file names are
imported, for a fast start.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from mncost.spec.rows import Row

__all__ = ["BLOCKS", "block_named", "every_block"]

BLOCKS = {
    "conv": "conv:Conv",
    "depthwise": "depthwise:Depthwise",
    "separable": "separable:Separable",
    "inverted_residual": "inverted_residual:InvertedResidual",
    "fused_inverted_residual": "fused_inverted_residual:FusedInvertedResidual",
    "uib": "uib:UniversalInvertedBottleneck",
    "mobile_mqa": "mobile_mqa:MobileMQA",
    "mobileone": "mobileone:MobileOne",
    "basic": "residual:Basic",
    "dense": "dense:Dense",
    "fire": "fire:Fire",
    "shuffle_v1": "shufflenet:ShuffleV1",
    "shuffle_v2": "shufflenet:ShuffleV2",
    "ghost": "ghost:Ghost",
    "convnext": "convnext:ConvNext",
    "bottleneck": "residual:Bottleneck",
    "add": "joins:Add",
    "concat": "joins:Concat",
    "multiply": "joins:Multiply",
    "split": "split:Split",
    "shuffle": "split:Shuffle",
    "upsample": "upsample:Upsample",
    "tokens": "tokens:Tokens",
    "token": "tokens:Token",
    "encoder": "encoder:Encoder",
    "mobilevit": "mobilevit:MobileViT",
    "aspp": "aspp:ASPP",
    "detect": "detect:Detect",
    "batch_norm": "alone:BatchNorm",
    "layer_norm": "alone:LayerNorm",
    "l2_norm": "alone:L2Norm",
    "activation": "alone:Activation",
    "pool": "pool:Pool",
    "max_pool": "window_pool:MaxPool",
    "average_pool": "window_pool:AveragePool",
    "dropout": "dropout:Dropout",
    "flatten": "flatten:Flatten",
    "linear": "linear:Linear",
}
"""Where every block is, by the name it has in a file: module and class."""


@cache
def block_named(name: str) -> type[Row] | None:
    """Return the row type of a block; ``None`` if there is no such block."""
    if name not in BLOCKS:
        return None
    module, _, class_name = BLOCKS[name].partition(":")
    kind: type[Row] = getattr(import_module(f"{__name__}.{module}"), class_name)
    return kind


def every_block() -> list[type[Row]]:
    """Return the row types of all blocks."""
    return [kind for kind in map(block_named, BLOCKS) if kind]
