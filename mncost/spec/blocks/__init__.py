"""The blocks: each a file with its row type, its widths and the operators that it emits.

A new block is a file here and a line in :data:`AnyRow`.
"""

from typing import TypeAlias, get_args

from mncost.spec.blocks.alone import Activation, BatchNorm, LayerNorm
from mncost.spec.blocks.aspp import ASPP
from mncost.spec.blocks.conv import Conv
from mncost.spec.blocks.convnext import ConvNext
from mncost.spec.blocks.dense import Dense
from mncost.spec.blocks.depthwise import Depthwise
from mncost.spec.blocks.detect import Detect
from mncost.spec.blocks.dropout import Dropout
from mncost.spec.blocks.encoder import Encoder
from mncost.spec.blocks.fire import Fire
from mncost.spec.blocks.flatten import Flatten
from mncost.spec.blocks.fused_inverted_residual import FusedInvertedResidual
from mncost.spec.blocks.ghost import Ghost
from mncost.spec.blocks.inverted_residual import InvertedResidual
from mncost.spec.blocks.joins import Add, Concat, Multiply
from mncost.spec.blocks.linear import Linear
from mncost.spec.blocks.mobile_mqa import MobileMQA
from mncost.spec.blocks.mobileone import MobileOne
from mncost.spec.blocks.mobilevit import MobileViT
from mncost.spec.blocks.pool import Pool
from mncost.spec.blocks.residual import Basic, Bottleneck
from mncost.spec.blocks.separable import Separable
from mncost.spec.blocks.shufflenet import ShuffleV1, ShuffleV2
from mncost.spec.blocks.split import Shuffle, Split
from mncost.spec.blocks.tokens import Token, Tokens
from mncost.spec.blocks.uib import UniversalInvertedBottleneck
from mncost.spec.blocks.upsample import Upsample
from mncost.spec.blocks.window_pool import AveragePool, MaxPool
from mncost.spec.rows import Row

__all__ = ["BLOCKS", "AnyRow"]

AnyRow: TypeAlias = (
    Conv
    | Depthwise
    | Separable
    | InvertedResidual
    | FusedInvertedResidual
    | UniversalInvertedBottleneck
    | MobileMQA
    | MobileOne
    | Basic
    | Dense
    | Fire
    | ShuffleV1
    | ShuffleV2
    | Ghost
    | ConvNext
    | Bottleneck
    | Add
    | Concat
    | Multiply
    | Split
    | Shuffle
    | Upsample
    | Tokens
    | Token
    | Encoder
    | MobileViT
    | ASPP
    | Detect
    | BatchNorm
    | LayerNorm
    | Activation
    | Pool
    | MaxPool
    | AveragePool
    | Dropout
    | Flatten
    | Linear
)

BLOCKS: dict[str, type[Row]] = {
    str(block.__struct_config__.tag): block for block in get_args(AnyRow)
}
"""Every block, by the name it has in a file."""
