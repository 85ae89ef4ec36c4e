"""Counting conventions: what each tool's one number is made of, as weights on kinds of work.

A tool has prices for modules, for functions, or for operators of a traced graph; what it does not
see is counted as zero without a word: its blind spots. The sum of a :class:`Convention` is, to the
unit, what the tool prints for the torch module whose forms (:mod:`mncost.cost.forms`) it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from mncost.cost.forms import SEEN_KINDS, STRIDED, UNFUSED, Form, Seen
from mncost.cost.work import MACS, SECOND, Tally
from mncost.errors import UnknownNameError

__all__ = ["CONVENTIONS", "Convention", "Part", "find_convention", "ordered"]

Weights: TypeAlias = Mapping[str, int]
"""How often a unit of each kind of work is counted; what is not listed is not."""
_NOTHING: Mapping[str, Weights] = MappingProxyType({})


class Part(NamedTuple):
    """One kind of work in a tool's number: ``weight`` × ``amount``."""

    kind: str
    weight: int
    amount: int


class Convention(NamedTuple):
    """How one tool counts.

    Attributes:
        name: what ``--convention`` calls it.
        unit: what the tool says that its number is.
        version: of the tool it was read from and is tested with.
        source: the file of the tool that holds its prices.
        always: weights whatever the form.
        modules: by the exact class of the module; of modules inside such a one, nothing.
        calls: by the function or traced operator.
        leaf: of any module that holds no further modules; those in ``modules`` come first.
        note: what its weights do not say.
    """

    name: str
    unit: Literal["MACs", "FLOPs"]
    version: str
    source: str
    always: Weights = MappingProxyType({})
    modules: Mapping[str, Weights] = _NOTHING
    calls: Mapping[str, Weights] = _NOTHING
    leaf: Weights = MappingProxyType({})
    note: str = ""

    def weights(self, form: Form) -> Counter[str]:
        """Return the weights that hold for operators of a form: the sum of all that see it."""
        total = Counter(self.always)
        if form.within in self.modules:
            pass
        elif form.module in self.modules:
            total.update(self.modules[form.module])
        elif form.is_leaf and form.module:
            total.update(self.leaf)
        for call in form.calls:
            total.update(self.calls.get(call, {}))
        return total

    def parts(self, seen: Seen) -> list[Part]:
        """Return what the tool's number is the sum of."""
        amounts: Counter[tuple[str, int]] = Counter()
        for form, tally in seen.items():
            for kind, weight in self.weights(form).items():
                amounts[kind, weight] += tally.work.get(kind, 0)
        return ordered(Part(kind, weight, n) for (kind, weight), n in amounts.items())

    def total(self, seen: Seen) -> int:
        """Return the tool's number."""
        return sum(
            weight * tally.work.get(kind, 0)
            for form, tally in seen.items()
            for kind, weight in self.weights(form).items()
        )

    def blind_spots(self, seen: Seen) -> dict[str, int]:
        """Return the operators that are silently counted as zero: how many of each kind."""
        spots: Counter[str] = Counter()
        for form, tally in seen.items():
            priced = {kind for kind, weight in self.weights(form).items() if weight}
            priced |= {SECOND.get(kind, kind) for kind in priced}
            spots.update(_unpriced(tally, priced))
        return {kind: spots[kind] for kind in SEEN_KINDS if spots[kind]}


def _unpriced(tally: Tally, priced: set[str]) -> dict[str, int]:
    if "params" in priced:  # it stands for whatever the operator does with them
        priced = priced | {*MACS, "bias", "batch_norm", "prelu", "layer_norm"}
    second = {*SECOND, "params"}
    return {
        kind: many
        for kind, many in tally.operators.items()
        if tally.work[kind] and kind not in priced and kind not in second
    }


def ordered(parts: Iterable[Part]) -> list[Part]:
    """Return the parts that count something, in the order of the kinds."""
    kept = [part for part in parts if part.weight and part.amount]
    return sorted(kept, key=lambda part: (SEEN_KINDS.index(part.kind), -part.weight))


def find_convention(name: str) -> Convention:
    """Return the convention of a name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in CONVENTIONS:
        raise UnknownNameError("convention", name, CONVENTIONS)
    return CONVENTIONS[name]


def _each(names: str, *, over: Weights) -> dict[str, Weights]:
    return dict.fromkeys(names.split(), over)


_MACS = dict.fromkeys(MACS, 1)
_LAYERS = {"conv": 1, "linear": 1}
_READ = {"max_pool": 1, "average_pool": 1, "pool": 1}
_CONVS = "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d"
_BATCH_NORMS = "BatchNorm1d BatchNorm2d BatchNorm3d"
_TIMM_ATTENTION = "timm.layers.attention.Attention"
# timm's modules that multiply by @, which ptflops does not see; elsewhere it is torch.matmul.
_BY_OPERATOR = " ".join(
    f"timm.models.{name}"
    for name in (
        "edgenext.CrossCovarianceAttn",
        "efficientformer_v2.Attention2d",
        "efficientformer_v2.Attention2dDownsample",
        "swin_transformer.WindowAttention",
    )
)
_BY_FUNCTION = (
    "timm.models.mobilevit.LinearSelfAttention "
    "torchvision.models.swin_transformer.ShiftedWindowAttention "
    "torchvision.models.swin_transformer.ShiftedWindowAttentionV2"
)
_POOLS = " ".join(f"{kind}Pool{n}d" for kind in ("Max", "Avg", "AdaptiveAvg") for n in (1, 2, 3))
_POOL_CALLS = " ".join(
    f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_avg") for n in (1, 2, 3)
)
_AVERAGES = " ".join(f"{kind}_pool{n}d" for kind in ("avg", "adaptive_avg") for n in (1, 2, 3))
_PRODUCTS = "mm bmm addmm baddbmm matmul einsum"
_INSIDE = f"{_PRODUCTS} {UNFUSED[0]}"  # what a tool sees that looks into every function
_ELEMENTS = {"scale": 1, "layer_scale": 1, "query_scale": 1, "elementwise": 1}

CONVENTIONS: Mapping[str, Convention] = {
    convention.name: convention
    for convention in (
        Convention(
            "paper",
            "MACs",
            "",
            "mncost/cost/work.py",
            always=_MACS,
            note="what the papers and mncost call MACs",
        ),
        Convention(
            "torch",
            "FLOPs",
            "2.13.0",
            "torch/utils/flop_counter.py",
            always={"conv": 2, "linear": 2, "matmul": 2},
            modules={"MultiheadAttention": {"linear": -2}},  # one kernel: it sees nothing of it
            calls=_each(_INSIDE, over={"attention": 2}),
            note="FlopCounterMode: a MAC is two FLOPs; sees convolutions and matrix products, "
            "but no fused attention on a CPU, and nothing of nn.MultiheadAttention without "
            "gradients",
        ),
        Convention(
            "fvcore",
            "MACs",
            "0.1.5.post20221221",
            "fvcore/nn/flop_count.py and jit_handles.py",
            always={"conv": 1, "linear": 1, "matmul": 1},
            calls={
                **_each(_PRODUCTS, over={"attention": 1}),
                "batch_norm": {"batch_norm": 2},
                "layer_norm": {"layer_norm": 5},
                "group_norm": {"reduction": 5},
                "adaptive_avg_pool2d": {"pool": 1, "average_pool": 1},
                "upsample_nearest2d": {"resize_nearest": 1},
                "upsample_bilinear2d": {"resize_bilinear": 4},
            },
            note="calls a MAC one flop; a batch norm has two, a pooling one an element; sees no "
            "fused attention",
        ),
        Convention(
            "ptflops-pytorch",
            "MACs",
            "0.7.5",
            "ptflops/pytorch_ops.py and pytorch_engine.py",
            modules={
                **_each(_CONVS, over={"conv": 1, "bias": 1}),
                "Linear": {**_LAYERS, "bias": 1},
                **_each(_BATCH_NORMS, over={"batch_norm": 2}),
                "LayerNorm": {"layer_norm": 1},
                "GroupNorm": {"reduction": 2},
                "ReLU": {"relu": 1},
                "ReLU6": {"relu6": 1},
                "GELU": {"gelu": 1},
                "ELU": {"elu": 1},
                "LeakyReLU": {"leaky_relu": 1},
                "PReLU": {"prelu": 1},
                **_each(_POOLS, over=_READ),
                "Upsample": {"resize_nearest": 1, "resize_bilinear": 1},
                "MultiheadAttention": {**_MACS, "bias": 1, "softmax": 1, "query_scale": 1},
                "timm.models.convnext.ConvNeXtBlock": _ELEMENTS,  # by the method mul
                **_each(_BY_OPERATOR, over={"matmul": -1}),
                "Softmax": {"softmax": 1},
                **_each(_BY_FUNCTION, over={"softmax": 1}),
                **_each(_TIMM_ATTENTION, over={"attention": 1, "softmax": 1, "query_scale": 1}),
            },
            calls={
                **_each("mm bmm addmm baddbmm matmul", over={"attention": 1, "matmul": 1}),
                "relu": {"relu": 1},
                "relu6": {"relu6": 1},
                "gelu": {"gelu": 1},
                "elu": {"elu": 1},
                "prelu": {"prelu": 1},
                "silu": {"silu": 1},
                **_each(_POOL_CALLS, over=_READ),
                "upsample_nearest2d": {"resize_nearest": 1},
                "upsample_bilinear2d": {"resize_bilinear": 1},
            },
            note="counts a module and the function that it calls: nn.ReLU, nn.GELU and pooling "
            "modules twice; sees no subclasses of torch's modules, and no linear layer in timm's "
            "Attention",
        ),
        Convention(
            "ptflops-aten",
            "MACs",
            "0.7.5",
            "ptflops/aten_ops.py",
            always={"conv": 1, "linear": 1, "matmul": 1, "bias": 1},
            calls={**_each(_INSIDE, over={"attention": 1}), STRIDED: {"bias": -1}},
            note="sees only convolutions and matrix products, with their biases; no fused "
            "attention",
        ),
        Convention(
            "thop",
            "MACs",
            "0.1.1.post2209072238",
            "thop/profile.py and vision/basic_hooks.py",
            modules={
                **_each(_CONVS, over={"conv": 1}),
                "Linear": _LAYERS,
                **_each(_BATCH_NORMS, over={"batch_norm": 4}),
                "LayerNorm": {"layer_norm": 4},
                "PReLU": {"prelu": 1},
                "Softmax": {"softmax": 3, "softmax_vectors": -1},
                **_each("AvgPool1d AvgPool2d AvgPool3d", over={"average_pool_output": 1}),
                **_each(
                    "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d",
                    over={
                        **{"pool": 1, "pool_output": 1},
                        **{"average_pool": 1, "average_pool_output": 1},
                    },
                ),
                "Upsample": {"resize_nearest": 1, "resize_bilinear": 11},
            },
            note="sees only torch's own modules, no functions and no subclasses; doubles a batch "
            "norm twice",
        ),
        Convention(
            "torchinfo",
            "MACs",
            "1.8.0",
            "torchinfo/layer_info.py",
            modules={
                **_each(
                    f"{_CONVS} timm.layers.conv2d_same.Conv2dSame", over={"conv": 1, "bias": 1}
                ),
                **_each("LSTM GRU RNN", over={"recurrent": 1, "bias": 1}),
            },
            leaf={"params": 1},
            note="counts parameters: a convolution's at each output pixel, all others once; so a "
            "batch norm is 2 a channel, whatever the size of the image, and nothing in a module "
            "that holds others",
        ),
        Convention(
            "torchprofile",
            "MACs",
            "0.1.0",
            "torchprofile/handlers.py",
            always=_LAYERS | {"matmul": 1, "attention": 1, "recurrent": 1},
            calls={
                "batch_norm": {"batch_norm": 1},
                "layer_norm": {"layer_norm": 1},
                "group_norm": {"reduction": 1},
                **_each(_AVERAGES, over={"pool_output": 1, "average_pool_output": 1}),
                "mean": {"pool_output": 1},
                "mul": _ELEMENTS,
                "leaky_relu": {"leaky_relu": 1},
                "upsample_bilinear2d": {"resize_bilinear": 4},
            },
            note="any product is a MAC, a sum is none",
        ),
        Convention(
            "onnx-tool",
            "MACs",
            "1.0.1",
            "onnx_tool/node.py",
            always={
                **_MACS,
                **{"bias": 1, "add": 1, "positions": 1, "scale": 1, "layer_scale": 1},
                **{"query_scale": 1, "softmax": 36, "batch_norm": 31},
                **{"layer_norm": 10, "layer_norm_vectors": 5},
                **{"relu": 1, "relu6": 2, "hardtanh": 2, "leaky_relu": 2, "prelu": 2},
                **{"hardswish": 5, "hardsigmoid": 4, "sigmoid": 32, "silu": 33, "gelu": 34},
                **{"elu": 35, "tanh": 76, "pool": 1, "resize_bilinear": 4},
                **{"max_pool_windows": 1, "average_pool_windows": 1},
            },
            modules={"timm.models._efficientnet_blocks.SqueezeExcite": {"pool_output": 4}},
            calls={
                "adaptive_avg_pool2d": {"pool_output": 4},  # GlobalAveragePool
                "ReduceMean": {"pool_output": -4},  # in its place, of tokens
            },
            note="counts the ONNX file that mncost writes: what each operation costs on a CPU, "
            "an exponential 32, a square root 24; so a batch norm has 31 an element",
        ),
    )
}
"""Every convention by name."""
