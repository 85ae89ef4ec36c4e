"""Operators of branches and transformers: torch's own layers as witnesses, torch and ONNX alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mncost.errors import SpecError
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import (
    AdaptivePool,
    ClassToken,
    Concat,
    Fold,
    GlobalPool,
    Input,
    L2Norm,
    LayerNorm,
    LayerScale,
    Linear,
    MultiHeadAttention,
    Op,
    Positions,
    Resize,
    Select,
    Shape,
    Shuffle,
    Slice,
    Tokens,
    Unfold,
)
from mncost.graph.shapes import infer_shapes
from mncost.models.onnx_model import onnx_model
from mncost.models.torch_model import load_weights, torch_module
from mncost.models.weights import random_weights

Weights = dict[str, Tensor]
Formula = Callable[..., Tensor]


def graph_of(op: Op, *shapes: Shape) -> Graph:
    """Return a graph of one operator that reads inputs of these shapes."""
    names = ["input", "second", "third"][: len(shapes)]
    inputs = [Node(name, name, Input(shape), ()) for name, shape in zip(names, shapes, strict=True)]
    return Graph((*inputs, Node("a.op", "a", op, tuple(range(len(shapes))))), (len(shapes),))


def multi_head(x: Tensor, heads: int) -> Tensor:
    """Torch's own module, whose projections are left out: identities."""
    query, key, value = x.chunk(3, -1)
    module = nn.MultiheadAttention(query.shape[-1], heads, bias=False, batch_first=True)
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.eye(query.shape[-1]).repeat(3, 1))
        module.out_proj.weight.copy_(torch.eye(query.shape[-1]))
        return module(query, key, value)[0]


def in_sequences(x: Tensor) -> Tensor:
    """Each of three sequences on its own."""
    return torch.cat([multi_head(part, 2) for part in x.chunk(3, 1)], 1)


def patches(x: Tensor) -> Tensor:
    """Pixel by pixel of a 2 × 3 patch, patch by patch: plain loops."""
    pixels = [
        x[:, :, top + down, left + right]
        for down in range(2)
        for right in range(3)
        for top in range(0, x.shape[2], 2)
        for left in range(0, x.shape[3], 3)
    ]
    return torch.stack(pixels, 1)


def boxes(x: Tensor) -> Tensor:
    """Three anchors of five numbers: as torchvision's SSD cuts its predictions."""
    batch, _, height, width = x.shape
    return x.view(batch, -1, 5, height, width).permute(0, 3, 4, 1, 2).reshape(batch, -1, 5)


CASES: dict[str, tuple[Op, list[Shape], Formula]] = {
    "concat": (Concat(), [(3, 4, 5), (1, 4, 5), (7, 4, 5)], lambda w, *x: torch.cat(x, 1)),
    "concat of tokens": (Concat(), [(3, 4), (2, 4)], lambda w, *x: torch.cat(x, 1)),
    "slice": (Slice(2, 5), [(7, 3, 2)], lambda w, x: x.split([2, 3, 2], 1)[1]),
    "shuffle": (Shuffle(3), [(12, 2, 5)], lambda w, x: nn.ChannelShuffle(3)(x)),
    "nearest, by a factor": (
        Resize("nearest", factor=3),
        [(2, 3, 5)],
        lambda w, x: nn.UpsamplingNearest2d(scale_factor=3)(x),
    ),
    "bilinear, by a factor": (
        Resize("bilinear", factor=2),
        [(2, 3, 5)],
        lambda w, x: functional.interpolate(x, scale_factor=2, mode="bilinear"),
    ),
    "bilinear, like another": (
        Resize("bilinear"),
        [(2, 3, 5), (1, 7, 6)],
        lambda w, x, y: functional.interpolate(x, (7, 6), mode="bilinear"),
    ),
    "nearest, like another": (
        Resize("nearest"),
        [(2, 1, 5), (1, 7, 13)],
        lambda w, x, y: functional.interpolate(x, (7, 13)),
    ),
    "bilinear, smaller": (
        Resize("bilinear"),
        [(2, 9, 8), (1, 3, 1)],
        lambda w, x, y: functional.interpolate(x, (3, 1), mode="bilinear"),
    ),
    "to a multiple": (
        Resize("bilinear", multiple=4),
        [(2, 7, 8)],
        lambda w, x: functional.interpolate(x, (8, 8), mode="bilinear"),
    ),
    "already a multiple": (Resize("bilinear", multiple=4), [(2, 4, 8)], lambda w, x: x),
    "adaptive pool": (
        AdaptivePool((3, 4)),
        [(2, 7, 5)],
        lambda w, x: functional.adaptive_avg_pool2d(x, (3, 4)),
    ),
    "adaptive pool, to more": (
        AdaptivePool((7, 7)),
        [(2, 4, 9)],
        lambda w, x: functional.adaptive_avg_pool2d(x, 7),
    ),
    "adaptive pool, nothing to do": (AdaptivePool((4, 4)), [(2, 4, 4)], lambda w, x: x),
    "layer norm of tokens": (
        LayerNorm(5, 1e-6),
        [(3, 5)],
        lambda w, x: functional.layer_norm(x, (5,), w["weight"], w["bias"], 1e-6),
    ),
    "layer norm of a vector": (
        LayerNorm(5, 1e-3, 0),
        [(5,)],
        lambda w, x: functional.layer_norm(x, (5,), w["weight"], w["bias"], 1e-3),
    ),
    "layer norm of an image": (
        LayerNorm(5, 1e-6, 2),
        [(5, 2, 3)],
        lambda w, x: (
            ((x - x.mean(1, True)) / (x.var(1, keepdim=True, correction=0) + 1e-6).sqrt())
            * w["weight"][:, None, None]
            + w["bias"][:, None, None]
        ),
    ),
    "lengths of an image": (
        L2Norm(),
        [(5, 2, 3)],
        lambda w, x: x / (x**2).sum(1, keepdim=True).sqrt(),
    ),
    "attention": (MultiHeadAttention(3), [(5, 18)], lambda w, x: multi_head(x, 3)),
    "attention in sequences": (
        MultiHeadAttention(2, 3),
        [(12, 24)],
        lambda w, x: in_sequences(x),
    ),
    "tokens": (Tokens(), [(3, 2, 5)], lambda w, x: x.flatten(2).transpose(1, 2)),
    "tokens, three a pixel": (Tokens(3), [(15, 2, 4)], lambda w, x: boxes(x)),
    "class token": (
        ClassToken(4),
        [(3, 4)],
        lambda w, x: torch.cat([w["token"].expand(len(x), 1, 4), x], 1),
    ),
    "positions": (Positions(3, 4), [(3, 4)], lambda w, x: x + w["positions"]),
    "select": (Select(1), [(3, 4)], lambda w, x: x[:, 1]),
    "pool of tokens": (GlobalPool(), [(3, 4)], lambda w, x: x.mean(1)),
    "linear layer of tokens": (
        Linear(4, 5, bias=True),
        [(3, 4)],
        lambda w, x: functional.linear(x, w["weight"], w["bias"]),
    ),
    "layer scale of tokens": (LayerScale(4), [(3, 4)], lambda w, x: x * w["gamma"]),
    "unfold": (Unfold((2, 3)), [(4, 6, 9)], lambda w, x: patches(x)),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_operator(name: str, batch: int) -> None:
    """Torch's form and both of ONNX's, open batch or not, compute the formula."""
    op, shapes, formula = CASES[name]
    graph = graph_of(op, *shapes)
    torch.manual_seed(0)
    inputs = [torch.randn(batch, *shape) for shape in shapes]
    expected = formula(
        {k.removeprefix("a.op."): torch.from_numpy(v) for k, v in random_weights(graph).items()},
        *inputs,
    )
    for got in results(graph, inputs):
        np.testing.assert_allclose(got, expected.numpy(), rtol=1e-4, atol=1e-5)


def results(graph: Graph, inputs: list[Tensor]) -> list[np.ndarray]:
    """Run a graph by torch, and by ONNX Runtime."""
    weights = random_weights(graph)
    module = torch_module(graph).eval()
    load_weights(module, weights)
    names = [graph.nodes[index].name for index in graph.inputs]
    given = {name: tuple(x.shape[1:]) for name, x in zip(names, inputs, strict=True)}
    shapes = infer_shapes(graph, given)
    with torch.no_grad():
        found = [module(*inputs).numpy()]
    for dynamic in (True, False) if len(inputs[0]) == 1 else (True,):
        model = onnx_model(graph, shapes, weights, dynamic_batch=dynamic)
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        feeds = {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs, strict=False)}
        found += session.run(None, feeds)
    assert found[0].shape[1:] == shapes[-1]
    return found


def test_fold_undoes_unfold() -> None:
    nodes = (
        Node("input", "input", Input((4, 6, 9)), ()),
        Node("a.unfold", "a", Unfold((2, 3)), (0,)),
        Node("a.fold", "a", Fold((2, 3)), (1, 0)),
    )
    image = torch.randn(2, 4, 6, 9)
    for got in results(Graph(nodes, (2,)), [image]):
        np.testing.assert_array_equal(got, image.numpy())


@pytest.mark.parametrize(
    ("op", "shapes", "said"),
    [
        (Concat(), [(3, 4, 5), (3, 4, 6)], "concatenates 3×4×5 and 3×4×6"),
        (Slice(2, 9), [(7, 3, 2)], "takes 2 to 9 of 7×3×2"),
        (Shuffle(3), [(8, 2, 2)], "has 3 groups, and gets 8×2×2"),
        (Positions(3, 4), [(2, 4)], "is for 3 tokens of 4 features, and gets 2×4"),
        (MultiHeadAttention(4), [(5, 18)], "4 heads needs tokens of 3 × 4 × n features"),
        (Unfold((2, 2)), [(4, 3, 4)], "needs an image that 2×2 divides, and gets 4×3×4"),
        (LayerNorm(5), [(5, 2, 2)], "needs tokens of 5 features, and gets 5×2×2"),
        (L2Norm(), [(3, 4)], "an image, and gets 3×4"),
        (Select(3), [(3, 4)], "takes token 3 of 3×4"),
        (ClassToken(3), [(3, 4)], "needs tokens of 3 features, and gets 3×4"),
    ],
)
def test_what_does_not_fit(op: Op, shapes: list[Shape], said: str) -> None:
    names = ["input", "second"]
    with pytest.raises(SpecError, match=r"a\.op") as error:
        infer_shapes(graph_of(op, *shapes), dict(zip(names, shapes, strict=False)))
    assert said in str(error.value)
