"""Two witnesses that count a torch module: torch's own FLOP counter, and fvcore's."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of torch, at what fvcore does on import
    from fvcore.nn import FlopCountAnalysis, parameter_count

from mncost.graph.graph import Graph
from mncost.graph.ops import Shape
from mncost.models.torch_model import torch_module
from mncost.models.torch_threads import one_thread
from mncost.witnesses.verify import ELSEWHERE, Reading, gather

__all__ = ["emptied", "fvcore_reading", "materialised", "meta_module", "torch_reading"]

# fvcore's handles of what has multiply-accumulates; the others are batch norms and poolings.
_HANDLES = ("conv", "linear", "addmm", "matmul", "mm", "bmm", "einsum")


def meta_module(graph: Graph) -> nn.Module:
    """Return a graph as a module whose tensors have shapes, but no memory."""
    with torch.device("meta"):
        return torch_module(graph).eval()


def materialised(module: nn.Module) -> nn.Module:
    """Give a module without memory weights of zero: fvcore has to run it."""
    module = module.to_empty(device="cpu")
    with torch.no_grad(), one_thread():
        for values in module.state_dict().values():
            values.zero_()
    return module


def emptied(module: nn.Module) -> None:
    """Give back a module's memory: what torch has traced of it is never let go of."""
    for values in module.state_dict().values():
        values.untyped_storage().resize_(0)


def torch_reading(module: nn.Module, inputs: Sequence[Shape], layers: Collection[str]) -> Reading:
    """Count the elements of the parameters, and half the FLOPs of ``FlopCounterMode``.

    Args:
        module: one without memory: the counter needs only shapes.
        inputs: the shapes of its inputs, without a batch.
        layers: the names of our layers.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*(torch.zeros(1, *shape, device="meta") for shape in inputs))
    flops = {
        name.partition(".")[2]: sum(by_operator.values())
        for name, by_operator in counter.get_flop_counts().items()
    }
    macs = _within({name: count // 2 for name, count in flops.items()}, layers)
    elsewhere = counter.get_total_flops() // 2 - sum(macs.values())
    sizes = {name: values.numel() for name, values in module.named_parameters()}
    return Reading("torch", _with_rest(macs, elsewhere), gather(sizes, layers))


def fvcore_reading(module: nn.Module, inputs: Sequence[Shape], layers: Collection[str]) -> Reading:
    """Count with fvcore's handles of convolutions, linear layers and matrix products.

    Args:
        module: with memory: fvcore runs and traces it.
        inputs: the shapes of its inputs, without a batch.
        layers: the names of our layers.
    """
    analysis = FlopCountAnalysis(module, tuple(torch.zeros(1, *shape) for shape in inputs))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    with warnings.catch_warnings(), torch.no_grad(), one_thread():
        warnings.simplefilter("ignore")  # what a trace says of sizes that it takes as constant
        by_module = analysis.by_module_and_operator()
    counts = {
        name: int(sum(by_operator[handle] for handle in _HANDLES))
        for name, by_operator in by_module.items()
    }
    macs = _within(counts, layers)
    params = {name: int(count) for name, count in parameter_count(module).items()}
    held = _within(params, layers)
    return Reading(
        "fvcore",
        _with_rest(macs, counts.get("", 0) - sum(macs.values())),
        _with_rest(held, params.get("", 0) - sum(held.values())),
    )


def _within(counts: Mapping[str, int], layers: Collection[str]) -> dict[str, int]:
    """Keep what is counted in our layers; a module that holds layers has their sum."""
    return {name: count for name, count in counts.items() if name in layers and count}


def _with_rest(counts: dict[str, int], rest: int) -> dict[str, int]:
    return {**counts, ELSEWHERE: rest} if rest else counts
