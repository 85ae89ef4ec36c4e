"""The price list of torch's operators: the work of one call, from the shapes of its arguments.

Multiply-accumulates are half of what ``torch.utils.flop_counter`` counts, and those of what it has
no formula for: recurrent layers, products with a vector. Operators that are none of these follow
from torch's own tags (:func:`work_of_call`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import NamedTuple

from mncost.graph.ops import ACTIVATIONS, Shape
from mncost.readers.torch.calls import Call, Value

__all__ = ["Rated", "rated"]


class Rated(NamedTuple):
    """What a call does.

    Attributes:
        word: for it in tables.
        work: by kind of work; ``None`` if unknown.
        view: whether it only looks at its input in another shape.
        fuses: whether it can run inside the convolution or linear layer before it.
    """

    word: str
    work: Mapping[str, int] | None
    view: bool = False
    fuses: bool = False


Rule = Callable[[Call], Rated]


def rated(call: Call) -> Rated | None:
    """Return what a call does; ``None`` if this list does not have its operator."""
    rule = RULES.get(call.operator)
    try:
        return rule(call) if rule else None
    except StopIteration:  # a namesake with other arguments
        return None


def _conv(call: Call) -> Rated:
    weight, read = call.tensor("weight").shape, call.tensor("input").shape
    transposed = "transpose" in call.operator or bool(call.args.get("transposed"))
    places = prod(read) if transposed else prod(call.out)
    work = {"conv": places * prod(weight[1:])}
    if call.has("bias"):
        work["bias"] = prod(call.out)
    groups = call.args.get("groups", 1)
    word = "conv"
    if groups > 1 and weight[0] % groups == 0 and weight[1] == 1:
        word = "depthwise"
    elif groups == 1 and prod(weight[2:]) == 1:
        word = "pointwise"
    return Rated(word, work)


def _linear(call: Call) -> Rated:
    work = {"linear": prod(call.out) * call.tensor("input").shape[-1]}
    if call.has("bias"):
        work["bias"] = prod(call.out)
    return Rated("linear", work)


def _product(left: str, right: str) -> Rule:
    def rule(call: Call) -> Rated:
        first, second = call.tensor(left), call.tensor(right)
        macs = prod(call.out) * (first.shape[-1] if first.shape else 1)
        if call.operator == "addbmm":
            macs *= first.shape[0]
        kind = "linear" if first.is_constant or second.is_constant else "matmul"
        added = call.operator.startswith(("add", "badd")) and call.args.get("beta", 1) != 0
        return Rated(kind, {kind: macs, "bias": prod(call.out)} if added else {kind: macs})

    return rule


def _attention(call: Call) -> Rated:
    query, key, value = (call.tensor(name).shape for name in ("query", "key", "value"))
    scores = prod(query[:-1]) * key[-2]
    macs = scores * (query[-1] + value[-1])
    return Rated("attention", {"attention": macs, "softmax": scores, "query_scale": prod(query)})


def _bilinear(call: Call) -> Rated:
    """X A y for each output: a product with the matrices, then one with a vector each."""
    outer, _, inner = call.tensor("weight").shape
    places = prod(call.out) // (outer or 1)
    first = call.tensor("input1").shape[-1]
    work = {"linear": places * outer * inner * (first + 1)}
    if call.has("bias"):
        work["bias"] = prod(call.out)
    return Rated("linear", work)


def _bag(call: Call) -> Rated:
    return Rated("reduction", {"reduction": prod(call.tensor("indices").shape) * call.out[-1]})


def _packed(kind: str) -> Rule:
    def rule(call: Call) -> Rated:
        weight = call.packed[0].shape
        amount = prod(call.out) * prod(weight[1:])
        return Rated(kind, {kind: amount})

    return rule


def _recurrent(call: Call) -> Rated:
    """Every matrix multiplies every step of every sequence once."""
    read = call.tensor("input", "data").shape
    tensors = call.args.get("params") or [
        call.args[name] for name in ("w_ih", "w_hh") if call.has(name)
    ]
    weights = sum(prod(one.shape) for one in tensors if len(one.shape) == 2)
    vectors = sum(prod(one.shape) for one in tensors if len(one.shape) == 1)
    steps = prod(read[:-1])
    work = {"recurrent": steps * weights, "bias": steps * vectors, "elementwise": prod(call.out)}
    return Rated("recurrent", {kind: amount for kind, amount in work.items() if amount})


def _batch_norm(call: Call) -> Rated:
    shapes = [call.args[name].shape for name in ("weight", "bias") if call.has(name)]
    held = sum(prod(shape) for shape in shapes)
    return Rated(
        "batch_norm", {"batch_norm": prod(call.out), "batch_norm_params": held}, fuses=True
    )


def _layer_norm(call: Call) -> Rated:
    shapes = [call.args[name].shape for name in ("weight", "bias") if call.has(name)]
    work = {"layer_norm": prod(call.out), "layer_norm_params": sum(map(prod, shapes))}
    work["layer_norm_vectors"] = prod(call.out) // (prod(call.args["normalized_shape"]) or 1)
    return Rated("layer_norm", work)


def _norm(call: Call) -> Rated:
    return Rated("norm", {"reduction": _read(call)})


def _softmax(call: Call) -> Rated:
    side = call.out[call.args.get("dim", -1)] if call.out else 1
    return Rated(
        "softmax", {"softmax": prod(call.out), "softmax_vectors": prod(call.out) // (side or 1)}
    )


def _activation(kind: str) -> Rule:
    return lambda call: Rated("activation", {kind: prod(call.out)}, fuses=True)


def _hardtanh(call: Call) -> Rated:
    limits = call.args.get("min_val", -1), call.args.get("max_val", 1)
    return _activation("relu6" if limits == (0, 6) else "hardtanh")(call)


def _prelu(call: Call) -> Rated:
    factors = prod(call.tensor("weight").shape)
    return Rated("activation", {"prelu": prod(call.out), "prelu_params": factors}, fuses=True)


def _max_pool(call: Call) -> Rated:
    return Rated("pool", {"max_pool": _read(call)})


def _average_pool(call: Call) -> Rated:
    rank = int(call.operator[-2])  # ..._pool2d
    over_all = prod(call.out[-rank:]) == 1
    kind = "pool" if over_all else "average_pool"
    return Rated("pool", {kind: _read(call), f"{kind}_output": prod(call.out)})


def _add(call: Call) -> Rated:
    both = call.has("other")
    return Rated(
        "add" if both else "elementwise", {"add" if both else "elementwise": prod(call.out)}
    )


def _elementwise(word: str) -> Rule:
    return lambda call: Rated(word, {"elementwise": prod(call.out)})


def _resize(kind: str) -> Rule:
    return lambda call: Rated("resize", {kind: prod(call.out)})


def _reduction(call: Call) -> Rated:
    return Rated("reduction", {"reduction": _read(call)})


def _mean(call: Call) -> Rated:
    """Over height and width it is a pooling, whether these are kept as 1 or not.

    So it is where channels are last, and over tokens.
    """
    rank = len(call.tensor("self").shape)
    sides = {side % rank for side in call.args.get("dim") or ()}
    if (rank, sides) in ((4, {2, 3}), (4, {1, 2}), (3, {1})):
        return Rated("pool", {"pool": _read(call), "pool_output": prod(call.out)})
    return _reduction(call)


def _move(call: Call) -> Rated:
    return Rated("move", {})


def _view(call: Call) -> Rated:
    return Rated("view", {}, view=True)


def _deformable(call: Call) -> Rated:
    work = {"conv": prod(call.out) * prod(call.tensor("weight").shape[1:])}
    return Rated("conv", {**work, "bias": prod(call.out)} if call.has("bias") else work)


def _read(call: Call) -> int:
    values: list[Value] = call.tensors
    shape: Shape = values[0].shape if values else call.out
    return prod(shape)


def _each(names: str, rule: Rule) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


RULES: Mapping[str, Rule] = {
    **_each("conv1d conv2d conv3d convolution _convolution mkldnn_convolution", _conv),
    **_each("conv_transpose1d conv_transpose2d conv_transpose3d", _conv),
    "deform_conv2d": _deformable,
    "bilinear": _bilinear,
    **_each("embedding_bag _embedding_bag _embedding_bag_forward_only", _bag),
    **_each(
        "quantized.linear quantized.linear_relu quantized.linear_dynamic "
        "quantized.linear_relu_dynamic quantized.linear_dynamic_fp16 "
        "quantized.linear_relu_dynamic_fp16",
        _packed("linear"),
    ),
    **_each(
        "quantized.conv1d quantized.conv2d quantized.conv3d quantized.conv1d_relu "
        "quantized.conv2d_relu quantized.conv3d_relu",
        _packed("conv"),
    ),
    **_each(
        "quantized.add quantized.add_relu quantized.mul quantized.add_scalar quantized.mul_scalar "
        "quantize_per_tensor quantize_per_tensor_dynamic quantize_per_channel dequantize",
        _elementwise("elementwise"),
    ),
    **_each("linear mkldnn_linear", _linear),
    **_each("matmul inner", _product("self", "other")),
    **_each("mm bmm _scaled_mm _int_mm", _product("self", "mat2")),
    "addmm": _product("mat1", "mat2"),
    **_each("baddbmm addbmm", _product("batch1", "batch2")),
    "mv": _product("self", "vec"),
    "addmv": _product("mat", "vec"),
    "dot": _product("self", "tensor"),
    **_each(
        "scaled_dot_product_attention _scaled_dot_product_flash_attention "
        "_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_efficient_attention "
        "_scaled_dot_product_cudnn_attention _scaled_dot_product_fused_attention_overrideable "
        "_scaled_dot_product_attention_math",
        _attention,
    ),
    **_each(
        "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell", _recurrent
    ),
    **_each(
        "batch_norm native_batch_norm _native_batch_norm_legit "
        "_native_batch_norm_legit_no_training cudnn_batch_norm",
        _batch_norm,
    ),
    **_each("group_norm native_group_norm instance_norm rms_norm _fused_rms_norm", _norm),
    **_each("layer_norm native_layer_norm", _layer_norm),
    **_each("softmax _softmax log_softmax _log_softmax", _softmax),
    **{name: _activation(name) for name in ACTIVATIONS},
    "hardtanh": _hardtanh,
    **_each("prelu _prelu_kernel", _prelu),
    **_each(
        "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices "
        "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d",
        _max_pool,
    ),
    **_each(
        "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
        "adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d",
        _average_pool,
    ),
    "add": _add,
    "mean": _mean,
    "upsample_nearest2d": _resize("resize_nearest"),
    "upsample_bilinear2d": _resize("resize_bilinear"),
    **_each(
        "upsample_nearest1d upsample_nearest3d upsample_bicubic2d upsample_trilinear3d "
        "upsample_linear1d grid_sampler grid_sampler_2d _upsample_nearest_exact2d "
        "_upsample_bilinear2d_aa _upsample_bicubic2d_aa",
        _elementwise("resize"),
    ),
    **_each(
        "sum amax amin max min argmax argmin prod std var var_mean std_mean norm "
        "linalg_vector_norm logsumexp cumsum cumprod any all",
        _reduction,
    ),
    **_each(
        "cat concat stack hstack vstack pad constant_pad_nd reflection_pad1d reflection_pad2d "
        "replication_pad1d replication_pad2d index index_select index_put gather scatter take "
        "masked_fill masked_select where embedding roll flip repeat repeat_interleave tile "
        "copy clone contiguous pixel_shuffle pixel_unshuffle channel_shuffle "
        "native_channel_shuffle im2col col2im unfold_copy to _to_copy type_as tril triu "
        "one_hot meshgrid sort topk argsort nonzero nms _unique2 _unique unique_dim "
        "unique_consecutive bucketize searchsorted "
        "_pack_padded_sequence _pad_packed_sequence "
        "zero fill fill_ zeros_like ones_like full_like empty_like rand_like randn_like "
        "new_zeros new_ones new_full new_empty new_empty_strided bernoulli slice_scatter "
        "select_scatter as_strided_scatter item _local_scalar_dense",
        _move,
    ),
    **_each(
        "dropout dropout1d feature_dropout alpha_dropout native_dropout identity view reshape "
        "_reshape_alias flatten unflatten view_as reshape_as _unsafe_view detach alias "
        "lift_fresh lift_fresh_copy atleast_1d chunk split split_with_sizes unsafe_split "
        "unsafe_chunk",
        _view,
    ),
}
"""The rules by operator. What is not here follows from torch's tags, or from what it calls."""
