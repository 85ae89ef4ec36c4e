"""Counting conventions: what each tool's one number is made of, as weights on kinds of work.

The sum of a :class:`Convention` is, to the unit, what the tool prints for the torch module that
:mod:`mncost.models.torch_model` makes. What has no weight is counted as zero without a word: the
tool's blind spots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from mncost.cost.work import KINDS, SECOND, Tally, Work
from mncost.errors import UnknownNameError

__all__ = ["CONVENTIONS", "Convention", "Part", "Pooling", "find_convention"]

Pooling: TypeAlias = Literal["module", "function"]
"""How the pooling is written in torch: as ``nn.AdaptiveAvgPool2d`` (our modules, torchvision's V3)
or as a call of ``adaptive_avg_pool2d`` (torchvision's V2). Two tools count the two differently."""


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
        weights: by kind of work; what is not listed is not counted.
        pool_function: weights of ``pool`` and ``pool_output`` where the pooling is a function call.
        remark: what its weights do not say.
    """

    name: str
    unit: Literal["MACs", "FLOPs"]
    version: str
    source: str
    weights: Mapping[str, int]
    pool_function: Mapping[str, int] | None = None
    remark: str = ""

    def weight(self, kind: str, pooling: Pooling = "module") -> int:
        """Return how often a unit of this kind of work is counted."""
        called = self.pool_function if pooling == "function" and kind in _POOL else None
        return (self.weights if called is None else called).get(kind, 0)

    def parts(self, work: Work, pooling: Pooling = "module") -> list[Part]:
        """Return what the tool's number is the sum of, in the order of :data:`KINDS`."""
        weighed = [Part(kind, self.weight(kind, pooling), work.get(kind, 0)) for kind in KINDS]
        return [part for part in weighed if part.weight and part.amount]

    def total(self, work: Work, pooling: Pooling = "module") -> int:
        """Return the tool's number."""
        return sum(self.weight(kind, pooling) * amount for kind, amount in work.items())

    def blind_spots(self, counted: Tally, pooling: Pooling = "module") -> dict[str, int]:
        """Return the operators that are silently counted as zero: how many of each kind."""
        seen = {part.kind for part in self.parts(counted.work, pooling)}
        seen |= {SECOND.get(kind, kind) for kind in seen}
        return {
            kind: counted.operators[kind]
            for kind in KINDS
            if counted.work.get(kind) and kind not in seen and kind not in SECOND
        }


def find_convention(name: str) -> Convention:
    """Return the convention of a name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in CONVENTIONS:
        raise UnknownNameError("convention", name, CONVENTIONS)
    return CONVENTIONS[name]


_POOL = ("pool", "pool_output")
_CONVOLUTIONS = {"conv": 1, "padded_conv": 1}
_MACS = {**_CONVOLUTIONS, "linear": 1, "attention": 1}

CONVENTIONS: Mapping[str, Convention] = {
    convention.name: convention
    for convention in (
        Convention(
            "paper",
            "MACs",
            "",
            "mncost/cost/count.py",
            _MACS,
            remark="what the papers and mncost call MACs",
        ),
        Convention(
            "torch",
            "FLOPs",
            "2.13.0",
            "torch/utils/flop_counter.py",
            dict.fromkeys(_MACS, 2),
            remark="FlopCounterMode: a MAC is two FLOPs; sees convolutions and matrix products",
        ),
        Convention(
            "fvcore",
            "MACs",
            "0.1.5.post20221221",
            "fvcore/nn/flop_count.py and jit_handles.py",
            {**_MACS, "batch_norm": 2, "pool": 1},
            remark="calls a MAC one flop; a batch norm has two, a pooling one an element",
        ),
        Convention(
            "ptflops-pytorch",
            "MACs",
            "0.7.5",
            "ptflops/pytorch_ops.py and pytorch_engine.py",
            {
                "conv": 1,
                "linear": 1,
                "attention": 1,
                "bias": 1,
                "batch_norm": 2,
                "relu": 2,
                "relu6": 1,
                "silu": 1,
                "gelu": 2,
                "pool": 2,
            },
            pool_function={"pool": 1},
            remark="counts a module and the function that it calls: nn.AdaptiveAvgPool2d, nn.ReLU "
            "and nn.GELU twice; no subclass of nn.Conv2d",
        ),
        Convention(
            "ptflops-aten",
            "MACs",
            "0.7.5",
            "ptflops/aten_ops.py",
            {**_MACS, "bias": 1, "padded_bias": 1},
            remark="sees only convolutions and matrix products, with their biases",
        ),
        Convention(
            "thop",
            "MACs",
            "0.1.1.post2209072238",
            "thop/profile.py and vision/basic_hooks.py",
            {"conv": 1, "linear": 1, "batch_norm": 4, "pool": 1, "pool_output": 1},
            pool_function={},
            remark="sees only modules, and no subclass of nn.Conv2d; doubles a batch norm twice",
        ),
        Convention(
            "torchinfo",
            "MACs",
            "1.8.0",
            "torchinfo/layer_info.py",
            {
                **_CONVOLUTIONS,
                "linear": 1,
                "bias": 1,
                "padded_bias": 1,
                "batch_norm_params": 1,
            },
            remark="counts parameters: a convolution's at each output pixel, all others once; so a "
            "batch norm is 2 a channel, whatever the size of the image",
        ),
        Convention(
            "torchprofile",
            "MACs",
            "0.1.0",
            "torchprofile/handlers.py",
            {
                **_MACS,
                "batch_norm": 1,
                "pool_output": 1,
                "scale": 1,
                "layer_scale": 1,
                "query_scale": 1,
                "size_products": 1,
            },
            remark="any product is a MAC, a sum is none; those of sizes that the trace shows too",
        ),
    )
}
"""Every convention by name."""
