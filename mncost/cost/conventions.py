"""Counting conventions: what each tool's one number is made of, as weights on kinds of work.

The sum of a :class:`Convention` is, to the unit, what the tool prints for the torch module that
:mod:`mncost.models.torch_model` makes. What has no weight is counted as zero without a word: the
tool's blind spots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from mncost.cost.work import KINDS, SECOND, Tally, Work
from mncost.errors import UnknownNameError

__all__ = ["CONVENTIONS", "Convention", "Part", "find_convention"]


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
        remark: what its weights do not say.
    """

    name: str
    unit: Literal["MACs", "FLOPs"]
    version: str
    source: str
    weights: Mapping[str, int]
    remark: str = ""

    def weight(self, kind: str) -> int:
        """Return how often a unit of this kind of work is counted."""
        return self.weights.get(kind, 0)

    def parts(self, work: Work) -> list[Part]:
        """Return what the tool's number is the sum of, in the order of :data:`KINDS`."""
        weighed = [Part(kind, self.weight(kind), work.get(kind, 0)) for kind in KINDS]
        return [part for part in weighed if part.weight and part.amount]

    def total(self, work: Work) -> int:
        """Return the tool's number."""
        return sum(self.weight(kind) * amount for kind, amount in work.items())

    def blind_spots(self, counted: Tally) -> dict[str, int]:
        """Return the operators that are silently counted as zero: how many of each kind."""
        seen = {part.kind for part in self.parts(counted.work)}
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


_MACS = {"conv": 1, "linear": 1, "attention": 1}

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
                "pool": 1,
                "elu": 2,
                "leaky_relu": 1,
                "prelu": 2,
                "max_pool": 2,
                "average_pool": 2,
            },
            remark="counts a module and the function that it calls: nn.ReLU and nn.GELU twice",
        ),
        Convention(
            "ptflops-aten",
            "MACs",
            "0.7.5",
            "ptflops/aten_ops.py",
            {**_MACS, "bias": 1},
            remark="sees only convolutions and matrix products, with their biases",
        ),
        Convention(
            "thop",
            "MACs",
            "0.1.1.post2209072238",
            "thop/profile.py and vision/basic_hooks.py",
            {"conv": 1, "linear": 1, "batch_norm": 4, "prelu": 1, "average_pool_output": 1},
            remark="sees only modules, no functions; doubles a batch norm twice",
        ),
        Convention(
            "torchinfo",
            "MACs",
            "1.8.0",
            "torchinfo/layer_info.py",
            {
                "conv": 1,
                "linear": 1,
                "bias": 1,
                "batch_norm_params": 1,
                "prelu_params": 1,
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
                "leaky_relu": 1,
                "average_pool_output": 1,
            },
            remark="any product is a MAC, a sum is none",
        ),
    )
}
"""Every convention by name."""
