"""The operators of ONNX by what they do, where their work needs no formula of its own."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "ACTIVATIONS",
    "ELEMENTWISE",
    "FREE",
    "NORMS",
    "REDUCTIONS",
    "SOFTMAXES",
    "VIEWS",
    "names",
]


def names(text: str) -> frozenset[str]:
    """Return the names of a text."""
    return frozenset(text.split())


ACTIVATIONS: Mapping[str, str] = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hardsigmoid",
    "HardSwish": "hardswish",
    "Tanh": "tanh",
    "Elu": "elu",
    "LeakyRelu": "leaky_relu",
    "PRelu": "prelu",
    "Mish": "mish",
    "Gelu": "gelu",
    "Swish": "silu",
    "com.microsoft.Gelu": "gelu",
    "com.microsoft.FastGelu": "gelu",
    "com.microsoft.BiasGelu": "gelu",
    "com.microsoft.QuickGelu": "silu",
    "com.microsoft.QLinearSigmoid": "sigmoid",
    "com.microsoft.QLinearLeakyRelu": "leaky_relu",
}
"""Activations, and the kind of their work."""

NORMS = names(
    """BatchNormalization InstanceNormalization GroupNormalization LayerNormalization
    RMSNormalization LpNormalization MeanVarianceNormalization LRN SimplifiedLayerNormalization
    com.microsoft.LayerNormalization com.microsoft.SimplifiedLayerNormalization
    com.microsoft.SkipLayerNormalization com.microsoft.SkipSimplifiedLayerNormalization
    com.microsoft.EmbedLayerNormalization com.microsoft.GroupNorm com.microsoft.SkipGroupNorm"""
)
"""They read everything at least once."""

REDUCTIONS = NORMS | names(
    """ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum
    ReduceLogSumExp ReduceSumSquare ArgMax ArgMin CumSum CumProd TopK NonZero Unique
    NonMaxSuppression NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss Det"""
)
"""Sums, extremes, searches and norms: their work is what they read."""

ELEMENTWISE = names(
    """Add Sub Mul Div Pow Mod Neg Abs Sqrt Exp Log Reciprocal Sum Mean Max Min Clip Erf Sign Floor
    Ceil Round Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Softplus Softsign Selu
    Celu ThresholdedRelu Shrink Swish SwiGLU And Or Xor Not Equal Less LessOrEqual Greater
    GreaterOrEqual Where IsNaN IsInf BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor
    QuantizeLinear DequantizeLinear DynamicQuantizeLinear Resize Upsample GridSample RoiAlign
    AffineGrid HannWindow HammingWindow BlackmanWindow Bernoulli RandomNormalLike
    RandomUniformLike RotaryEmbedding
    com.microsoft.RotaryEmbedding com.microsoft.BiasAdd com.microsoft.BiasDropout
    com.microsoft.QLinearAdd com.microsoft.QLinearMul com.microsoft.QLinearSoftmax
    com.microsoft.BiasSoftmax com.microsoft.BiasSplitGelu com.microsoft.DequantizeLinear
    com.microsoft.QuantizeLinear"""
)
"""Their work is what they write."""

SOFTMAXES = names("Softmax LogSoftmax Hardmax")

VIEWS = names("""Reshape Flatten Squeeze Unsqueeze Identity Dropout Optional OptionalGetElement""")
"""Their result is their input's memory under another shape."""

FREE = VIEWS | names(
    """Transpose Concat Slice Split Gather GatherElements GatherND Pad Cast CastLike Shape Size
    Constant ConstantOfShape Expand Tile Range EyeLike OneHot DepthToSpace SpaceToDepth
    ScatterElements ScatterND Scatter Trilu Compress ReverseSequence BitCast CenterCropPad
    Col2Im TensorScatter MaxUnpool SequenceConstruct SequenceEmpty SequenceInsert SequenceErase
    SequenceAt SequenceLength SplitToSequence ConcatFromSequence com.microsoft.QLinearConcat
    com.microsoft.Trilu com.microsoft.NhwcTranspose com.microsoft.Crop com.microsoft.ExpandDims
    RandomNormal RandomUniform"""
)
"""What only moves or makes data."""
