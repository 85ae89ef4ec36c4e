"""An INT8 model from quantisation-aware training: its weights and ranges are those of training.

The network is trained with rounded numbers to give the logits that it gives without: nothing but
noise is needed for that, and it says nothing about accuracy. Batch norms are folded into the
convolutions first, as in the INT8 model, by weights: a convolution holds the folded filters, and
its batch norm adds the bias.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrize import register_parametrization

from mncost.graph.graph import Graph, Shapes
from mncost.graph.ops import BatchNorm, Conv
from mncost.models.torch_model import load_weights, torch_module
from mncost.models.torch_threads import one_thread

if TYPE_CHECKING:
    from mncost.models.weights import Weights

__all__ = ["STEPS", "Learned", "Range", "fake_quantise", "folded", "learned"]

STEPS = 12
_BATCH = 4
_RATE = 1e-5


class Range(NamedTuple):
    """How training rounds: what a layer reads, and its weights, a scale for each output channel."""

    scale: float
    zero_point: int
    weight_scales: Sequence[float]


class Learned(NamedTuple):
    """What training leaves.

    Attributes:
        weights: of the same graph.
        ranges: of each convolution and fully connected layer, by name.
        losses: of each step: mean squared difference of the logits / their variance.
    """

    weights: Weights
    ranges: Mapping[str, Range]
    losses: Sequence[float]


@one_thread()
def learned(graph: Graph, inputs: Shapes, weights: Weights, steps: int = STEPS) -> Learned:
    """Train a network with fake quantisation, on images of noise.

    Args:
        graph: whose outputs it shall keep.
        inputs: the shapes of its inputs, without the batch.
        weights: of the network without rounding; they are not changed.
        steps: of training.
    """
    start = folded(graph, weights)
    module, original = torch_module(graph).eval(), torch_module(graph).eval()
    load_weights(module, start)
    load_weights(original, start)
    for parameter in (*module.parameters(), *original.parameters()):
        parameter.requires_grad_(False)
    layers = fake_quantise(module)
    biases = {f"{graph.nodes[norm].name}.bias" for _, norm in _pairs(graph)}
    trained = [layer.parametrizations["weight"].original for layer in layers.values()]
    trained += [value for name, value in module.named_parameters() if name in biases]
    for parameter in trained:
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(trained, lr=_RATE)
    random = np.random.default_rng(1)
    losses = []
    for _ in range(steps):
        images = [
            torch.from_numpy(random.standard_normal((_BATCH, *shape), dtype="float32"))
            for shape in inputs.values()
        ]
        with torch.no_grad():
            wanted = _row(original(*images))
        loss = (_row(module(*images)) - wanted).square().mean() / wanted.var()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    ranges = {name: _range(layer) for name, layer in layers.items()}
    state = {
        name.replace("parametrizations.weight.original", "weight"): value.numpy(force=True)
        for name, value in module.state_dict().items()
    }
    return Learned({name: state[name] for name in start}, ranges, losses)


def folded(graph: Graph, weights: Weights) -> Weights:
    """Return weights of the same outputs, whose batch norms after convolutions only add a bias.

    Args:
        graph: whose weights they are.
        weights: by name; they are not changed.
    """
    made = dict(weights)
    for conv, norm in _pairs(graph):
        op, name, of = graph.nodes[norm].op, graph.nodes[norm].name, graph.nodes[conv].name
        assert isinstance(op, BatchNorm)
        scale = weights[f"{name}.weight"] / np.sqrt(weights[f"{name}.running_var"] + op.eps)
        made[f"{of}.weight"] = weights[f"{of}.weight"] * scale[:, None, None, None]
        bias = weights.get(f"{of}.bias", np.zeros_like(scale))
        if f"{of}.bias" in weights:
            made[f"{of}.bias"] = np.zeros_like(bias)
        shift = weights[f"{name}.bias"] + (bias - weights[f"{name}.running_mean"]) * scale
        ones = np.ones_like(scale)
        made[f"{name}.bias"], made[f"{name}.running_mean"] = shift, 0 * ones
        made[f"{name}.running_var"], made[f"{name}.weight"] = ones, np.sqrt(ones + op.eps)
    return {name: np.asarray(values, np.float32) for name, values in made.items()}


def fake_quantise(module: nn.Module) -> dict[str, nn.Module]:
    """Let every convolution and fully connected layer compute with rounded numbers.

    The weights and what a layer reads are rounded to 8 bits by torch's own modules: symmetric with
    a scale for each output channel, and with a moving average of the range.

    Returns:
        these layers, by name.
    """
    with warnings.catch_warnings():  # that torch.ao.quantization moves to another package
        warnings.simplefilter("ignore")
        from torch.ao.quantization import (
            default_fused_act_fake_quant,
            default_per_channel_weight_fake_quant,
        )

    every = module.named_modules()
    layers = {name: one for name, one in every if isinstance(one, nn.Conv2d | nn.Linear)}
    for layer in layers.values():
        register_parametrization(layer, "weight", default_per_channel_weight_fake_quant())
        layer.add_module("_read", default_fused_act_fake_quant())
        layer.register_forward_pre_hook(_rounded)
    return layers


def _rounded(layer: nn.Module, read: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return what a layer reads, rounded."""
    rounded: torch.Tensor = layer.get_submodule("_read")(read[0])
    return rounded


def _range(layer: nn.Module) -> Range:
    read: Any = layer.get_submodule("_read")
    weight: Any = layer.get_submodule("parametrizations.weight.0")
    return Range(float(read.scale), int(read.zero_point), weight.scale.tolist())


def _row(results: Any) -> torch.Tensor:
    """Return all outputs of a module, a row for each image."""
    several = results if isinstance(results, tuple | list) else [results]
    return torch.cat([one.flatten(1) for one in several], dim=1)


def _pairs(graph: Graph) -> Iterator[tuple[int, int]]:
    """Yield each convolution that only a batch norm reads, and the batch norm."""
    readers = graph.consumers()
    for index, node in enumerate(graph.nodes):
        only = readers[index][0] if len(readers[index]) == 1 else None
        if only is None or index in graph.outputs or not isinstance(node.op, Conv):
            continue
        if isinstance(graph.nodes[only].op, BatchNorm):
            yield index, only
