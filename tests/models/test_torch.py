"""The torch module: what it computes, and that torch's own tools take it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import mncost
from mncost.errors import InputError
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Activation, ActivationName, Attention, Input, Pool
from mncost.graph.twin import TWINS
from mncost.models.torch_model import load_weights, torch_module
from mncost.spec.values import Padding
from tests.networks import EVERY_DIALECT, MOBILENETS, chain, conv, network_of_rows

# With an image of ones and a kernel of ones each number is how many of its nine taps fall into the
# image: rows times columns, worked out by hand from where the windows of a side begin and end.
PADDED: list[tuple[Padding, int, list[int]]] = [
    ("symmetric", 4, [2, 3]),  # -1 to 1, 1 to 3
    ("same", 4, [3, 2]),  # 0 to 2, 2 to 4
    ("end", 4, [3, 2]),  # as same: one below
    ("valid", 4, [3]),
    ("symmetric", 5, [2, 3, 2]),
    ("same", 5, [2, 3, 2]),  # one above, one below
    ("end", 5, [3, 3]),  # 0 to 2, 2 to 4: nothing begins below
    ("valid", 5, [3, 3]),
]


def hard(x: float) -> float:
    """The paper's ReLU6(x + 3) / 6."""
    return min(max(x + 3, 0), 6) / 6


FORMULAS: dict[ActivationName, Callable[[float], float]] = {
    "relu": lambda x: max(x, 0),
    "relu6": lambda x: min(max(x, 0), 6),
    "hardswish": lambda x: x * hard(x),
    "hardsigmoid": hard,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "tanh": math.tanh,
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "hardtanh": lambda x: min(max(x, -1), 1),
}
POINTS = [-7.0, -3.0, -2.5, -1.0, 0.0, 0.5, 2.0, 3.0, 5.5, 6.5]


def ones_kernel(padding: Padding) -> tuple[Graph, dict[str, torch.Tensor]]:
    """Return a 3×3 convolution of stride 2 whose nine weights are 1."""
    graph = chain(Input((1, None, None)), conv(1, 1, 3, 2, 1, bias=False, padding=padding))
    return graph, {"a.1.weight": torch.ones(1, 1, 3, 3)}


def attention_case() -> tuple[Graph, dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Return an attention of 2 heads of 3 on 2 × 4 pixels, its weights, an image, its result."""
    heads, depth = 2, 3
    graph = Graph(
        (
            Node("input", "input", Input((heads * depth, None, None)), ()),
            Node("a.key", "a", conv(6, depth, 1, 1, 1, bias=False, padding="symmetric"), (0,)),
            Node("a.value", "a", conv(6, depth, 1, 1, 1, bias=False, padding="symmetric"), (0,)),
            Node("a.attention", "a", Attention(heads, depth), (0, 1, 2)),
        ),
        (3,),
    )
    torch.manual_seed(1)
    weights = {f"a.{name}.weight": torch.randn(depth, 6, 1, 1) for name in ("key", "value")}
    image = torch.randn(2, heads * depth, 2, 4)
    return graph, weights, image, attend(image, weights, heads, depth)


def attend(
    image: torch.Tensor, weights: dict[str, torch.Tensor], heads: int, depth: int
) -> torch.Tensor:
    """Softmax(QKᵀ/√d)·V, one head and one query pixel at a time."""
    result = torch.zeros_like(image)
    batch, _, height, width = image.shape
    pixels = [(y, x) for y in range(height) for x in range(width)]
    for b in range(batch):
        key, value = (
            {p: weights[f"a.{name}.weight"][:, :, 0, 0] @ image[b, :, *p] for p in pixels}
            for name in ("key", "value")
        )
        for h in range(heads):
            own = slice(h * depth, (h + 1) * depth)
            for p in pixels:
                query = image[b, own, *p]
                powers = [math.exp(float(query @ key[k]) / math.sqrt(depth)) for k in pixels]
                mixed = [w / sum(powers) * value[k] for w, k in zip(powers, pixels, strict=True)]
                result[b, own, *p] = torch.stack(mixed).sum(0)
    return result


def run_torch(graph: Graph, weights: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    module = torch_module(graph).eval()
    load_weights(module, {name: value.numpy() for name, value in weights.items()})
    with torch.no_grad():
        return module(image)


@pytest.mark.parametrize(("padding", "size", "taps"), PADDED)
def test_padding(padding: Padding, size: int, taps: list[int]) -> None:
    got = run_torch(*ones_kernel(padding), torch.ones(1, 1, size, size))
    assert got[0, 0].tolist() == [[rows * columns for columns in taps] for rows in taps]


@pytest.mark.parametrize("function", FORMULAS)
def test_activation(function: ActivationName) -> None:
    image = torch.tensor(POINTS).reshape(1, 1, 1, -1)
    got = run_torch(chain(Input((1, None, None)), Activation(function)), {}, image)
    assert got.flatten().tolist() == pytest.approx(
        [FORMULAS[function](x) for x in POINTS], rel=1e-5, abs=1e-6
    )


def test_attention() -> None:
    graph, weights, image, expected = attention_case()
    assert torch.allclose(run_torch(graph, weights, image), expected, atol=1e-5)


@pytest.mark.parametrize("arch", MOBILENETS)
def test_a_training_step(arch: str) -> None:
    """A step reaches every parameter, and changes the weights and the statistics."""
    net = mncost.load(arch, alpha=0.1, resolution=48, classes=5)
    module = net.to_torch()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    loss = nn.functional.cross_entropy(module(torch.randn(4, 3, 48, 48)), torch.arange(4))
    loss.backward()
    optimizer.step()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    after = module.state_dict()
    unchanged = {name for name in before if torch.equal(before[name], after[name])}
    # A bias may stay: what it adds, the next batch norm takes away. So may a squeeze-excite: its
    # gate may be where it is flat.
    assert {name for name in unchanged if not name.endswith("bias") and ".se." not in name} == set()


@pytest.mark.parametrize("arch", MOBILENETS)
def test_the_twin_runs(arch: str) -> None:
    twin = mncost.load(arch, alpha=0.1, resolution=33, classes=7).standard.to_torch().eval()
    with torch.no_grad():
        assert twin(torch.randn(3, 3, 33, 33)).shape == (3, 7)
    convolutions = [m for m in twin.modules() if isinstance(m, nn.Conv2d)]
    keys = [m for name, m in twin.named_modules() if name.endswith("down.conv")]
    # Only the keys' and values' stay depthwise: a batch norm alone stands before their pointwise.
    assert {m.groups for m in convolutions if m not in keys} == {1}


def test_real_layers_under_our_names() -> None:
    net = mncost.load("v3-large")
    layers = dict(net.to_torch().named_modules())
    for name, kind in {
        "stem.conv": nn.Conv2d,
        "stem.bn": nn.BatchNorm2d,
        "stem.act": nn.Hardswish,
        "row5.se.reduce.conv": nn.Conv2d,
        "row5.se.expand.act": nn.Hardsigmoid,
        "dropout.dropout": nn.Dropout,
        "classifier.linear": nn.Linear,
    }.items():
        assert type(layers[name]) is kind
    assert type(dict(mncost.load("v2").to_torch().named_modules())["stem.act"]) is nn.ReLU6


@pytest.mark.parametrize("arch", ["v3-small", pytest.param("v4-hybrid-m", marks=pytest.mark.slow)])
def test_compile_takes_it_whole(arch: str) -> None:
    module = mncost.load(arch, alpha=0.1, resolution=64, dialect="timm").to_torch().eval()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(compiled(image), module(image), atol=1e-5)


def test_same_padding_compiles() -> None:
    module = mncost.load("v2", alpha=0.1, resolution=33, dialect="keras").to_torch().eval()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    image = torch.randn(1, 3, 33, 33)
    with torch.no_grad():
        assert torch.allclose(compiled(image), module(image), atol=1e-5)


def test_seeds() -> None:
    net = mncost.load("v2", alpha=0.1, resolution=32)
    one, same, other = (net.to_torch(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["stem.conv.weight"], other["stem.conv.weight"])


@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
def test_features_are_what_the_classifier_reads(arch: str, dialect: str) -> None:
    """Its weights, applied by hand to the embedding, give the logits."""
    net = mncost.load(arch, alpha=0.2, resolution=33, dialect=dialect, classes=6)
    module, features = net.to_torch().eval(), net.to_torch(features=True).eval()
    image = torch.randn(2, 3, 33, 33)
    with torch.no_grad():
        logits, embedding = module(image), features(image)
    state = module.state_dict()
    (name,) = [key for key in state if key.startswith("classifier") and key.endswith("weight")]
    weight, bias = state[name].flatten(1), state[name.replace("weight", "bias")]
    assert logits.shape == (2, 6)
    assert embedding.shape == (2, weight.shape[1])
    assert torch.allclose(embedding @ weight.T + bias, logits, atol=1e-4)


@pytest.mark.parametrize("dialect", ["paper", "slim"])
@pytest.mark.parametrize("twin", [None, *TWINS])
def test_another_number_of_classes(dialect: str, twin: str | None) -> None:
    net = mncost.load("v2", alpha=0.2, resolution=33, dialect=dialect)
    net = net.as_twin(twin) if twin else net
    changed, same = net.to_torch(num_classes=3), net.to_torch()
    assert changed.eval()(torch.randn(2, 3, 33, 33)).shape == (2, 3)
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (changed, same)]
    assert {k for k in shapes[0] if shapes[0][k] != shapes[1][k]} == {
        k for k in shapes[0] if k.startswith("classifier.") and not k.endswith("tracked")
    }


CONV = {"block": "conv", "kernel": 3, "out": 8, "name": "conv"}
CLASSIFIER = {"block": "conv", "kernel": 1, "out": "classes", "name": "classifier"}


def test_classes_then_pool() -> None:
    """A classifier that convolves before the pooling, with a batch norm."""
    net = network_of_rows([CONV, CLASSIFIER, {"block": "pool"}])
    image = torch.randn(2, 3, 8, 8)
    assert net.to_torch(num_classes=4)(image).shape == (2, 4)
    assert net.to_torch(features=True)(image).shape == (2, 8)


def test_a_map_of_classes_stays_a_map() -> None:
    net = network_of_rows([CONV, CLASSIFIER], rules={"classes": 5})
    assert net.to_torch()(torch.randn(2, 3, 8, 8)).shape == (2, 5, 8, 8)


@pytest.mark.parametrize(
    ("rows", "choice", "complaint"),
    [
        ([CONV], {"features": True}, "no classifier"),
        ([CONV], {"num_classes": 3}, "no classifier"),
        ([CONV, CLASSIFIER, {**CONV, "name": "more"}], {"num_classes": 3}, "more.conv follows"),
        ([CONV, CLASSIFIER], {"num_classes": 0}, "at least 1"),
        ([CONV, CLASSIFIER], {"num_classes": 3, "features": True}, "leave the classifier out"),
    ],
)
def test_refused(rows: list[dict[str, object]], choice: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        network_of_rows(rows).to_torch(**choice)


def test_a_pooling_that_is_padded_unevenly_is_refused() -> None:
    with pytest.raises(InputError):
        torch_module(chain(Input((3, 5, 5)), Pool("max", (2, 2), (2, 2), (0, 1, 0, 1))))
