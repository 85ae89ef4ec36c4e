"""Random files whose rows read named rows, beside plain torch layers that are written here by hand.

Widths are odd, prime, equal, 1. Torch's form and ONNX's get the same weights, by execution order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from mncost.errors import InputError
from mncost.models.foreign import map_foreign
from mncost.models.onnx_model import onnx_model
from mncost.models.torch_model import load_weights, torch_module
from mncost.network import Network
from tests.models.test_rows import SqueezeExcite, conv, divisible_by_8
from tests.networks import Row, network_of_rows

IMAGE = (3, 11, 8)
WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 13)
ACTIVATIONS = ["none", "relu", "hardswish", "gelu", "silu"]


class Shortcut(nn.Module):  # type: ignore[misc]
    """Layers and the input, which goes through a 1×1 where the shape differs."""

    def __init__(self, body: nn.Module, row: Row, inputs: int) -> None:
        super().__init__()
        stride, wanted = row.get("stride", 1), row.get("residual", "always")
        same = inputs == row["out"] and stride == 1
        adds = {"always": True, "projected": stride == 1, True: same, False: False}[wanted]
        self.body = body
        layer = nn.Identity() if same else conv(inputs, row["out"], {}, 1, (stride, stride))
        self.shortcut = layer if adds else None
        self.activation = activation_of(row)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return self.activation(y if self.shortcut is None else y + self.shortcut(x))


class LayerNorm2d(nn.LayerNorm):  # type: ignore[misc]
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Heads(nn.Module):  # type: ignore[misc]
    """Self-attention by torch's own function, with one layer for queries, keys and values."""

    def __init__(self, features: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(features, 3 * features, bias)
        self.project = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        parts = (
            y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in self.qkv(x).chunk(3, -1)
        )
        query, key, value = parts
        # Two products, as torch's counter sees them; scaled_dot_product_attention is the same.
        scores = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])).softmax(-1)
        return self.project((scores @ value).transpose(1, 2).flatten(2))


class Encoder(nn.Module):  # type: ignore[misc]
    def __init__(self, features: int, hidden: int, row: Row, eps: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(features, eps)
        self.attention = Heads(features, row["heads"], row.get("bias", True))
        self.norm2 = nn.LayerNorm(features, eps)
        act = activation_of({"activation": row.get("activation", "gelu")})
        self.mlp = nn.Sequential(nn.Linear(features, hidden), act, nn.Linear(hidden, features))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class MobileViT(nn.Module):  # type: ignore[misc]
    """Each place of a 2×2 patch is a batch of its own for the encoders."""

    def __init__(self, row: Row, inputs: int) -> None:
        super().__init__()
        features = row["features"]
        plain = {"activation": row.get("activation", "none")}
        hidden = round(features * row.get("expansion", 2))
        self.local = conv(inputs, inputs, plain, 3)
        self.widen = nn.Conv2d(inputs, features, 1, bias=False)
        layers = (Encoder(features, hidden, row | plain, 1e-5) for _ in range(row["layers"]))
        self.encoders = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(features)
        self.project = conv(features, inputs, plain)
        self.fuse = conv(2 * inputs, inputs, plain, 3)

    def forward(self, x: Tensor) -> Tensor:
        image = self.widen(self.local(x))
        size = tuple(image.shape[2:])
        whole = tuple(-(-side // 2) * 2 for side in size)
        y = functional.interpolate(image, whole, mode="bilinear")
        made = torch.empty_like(y)
        for down in (0, 1):
            for right in (0, 1):
                part = y[:, :, down::2, right::2]
                tokens = self.norm(self.encoders(part.flatten(2).transpose(1, 2)))
                made[:, :, down::2, right::2] = tokens.transpose(1, 2).reshape(part.shape)
        y = functional.interpolate(made, size, mode="bilinear")
        return self.fuse(torch.cat([x, self.project(y)], 1))


def activation_of(row: Row) -> nn.Module:
    name = row.get("activation", "none")
    kinds = {"relu": nn.ReLU, "hardswish": nn.Hardswish, "gelu": nn.GELU, "silu": nn.SiLU}
    return kinds.get(name, nn.Identity)()


def residual_row(row: Row, inputs: int) -> nn.Module:
    out, stride, kernel = row["out"], row.get("stride", 1), row.get("kernel", 3)
    by, apart = (stride, stride), row.get("dilation", 1)
    if row["block"] == "basic":
        layers = [
            conv(inputs, out, row, kernel, by, dilation=apart),
            conv(out, out, row, kernel, activation=False, dilation=apart),
        ]
    else:
        width, first = row["width"], row.get("stride_on") == "first"
        middle = (1, 1) if first else by
        layers = [
            conv(inputs, width, row, 1, by if first else (1, 1)),
            conv(width, width, row, kernel, middle, row.get("groups", 1), dilation=apart),
            conv(width, out, row, activation=False),
        ]
    if row.get("se"):
        layers.append(SqueezeExcite(out, divisible_by_8(out * row["se"])))
    return Shortcut(nn.Sequential(*layers), row, inputs)


class Built(nn.Module):  # type: ignore[misc]
    """Rows as a module: layers in the order in which they run, results by the rows' names."""

    def __init__(self, rows: Sequence[Row], outputs: Sequence[str], image: Tensor) -> None:
        super().__init__()
        self.rows, self.outputs = rows, outputs
        self.layers = nn.ModuleDict()
        with torch.no_grad():
            self.run(image, make=True)

    def forward(self, x: Tensor) -> list[Tensor]:
        results = self.run(x)
        return [results[name] for name in self.outputs]

    def run(self, x: Tensor, make: bool = False) -> dict[str, Tensor]:
        results, last = {"input": x}, "input"
        for number, row in enumerate(self.rows, 1):
            name = row.get("name", f"row{number}")
            reads = row.get("from", last)
            inputs = [results[one] for one in ([reads] if isinstance(reads, str) else reads)]
            if make and (layer := self.layer(row, inputs[0].shape[1], inputs[0].dim())):
                self.layers[name] = layer.eval()
            self.result(row, name, inputs, results)
            last = name
        return results

    def layer(self, row: Row, inputs: int, rank: int) -> nn.Module | None:
        match row["block"]:
            case "conv":
                by = (row.get("stride", 1),) * 2
                return conv(inputs, row["out"], row, row["kernel"], by)
            case "basic" | "bottleneck":
                return residual_row(row, inputs)
            case "batch_norm":
                return nn.Sequential(nn.BatchNorm2d(inputs), activation_of(row))
            case "layer_norm":
                return LayerNorm2d(inputs, row.get("eps", 1e-5))
            case "mobilevit":
                return MobileViT(row, inputs)
            case "activation" | "add":
                return activation_of(row)
            case _:
                return None

    def result(self, row: Row, name: str, inputs: list[Tensor], results: dict[str, Tensor]) -> None:
        match row["block"]:
            case "add":
                results[name] = self.layers[name](sum(inputs[1:], inputs[0]))
            case "concat":
                results[name] = torch.cat(inputs, 1)
            case "multiply":
                results[name] = inputs[0] * inputs[1]
            case "split":
                count, width = row["count"], inputs[0].shape[1]
                parts = inputs[0].split(width // count if isinstance(count, int) else count, 1)
                results |= {f"{name}.{n}": part for n, part in enumerate(parts, 1)}
            case "shuffle":
                results[name] = nn.ChannelShuffle(row["groups"])(inputs[0])
            case "pool":
                results[name] = functional.adaptive_avg_pool2d(inputs[0], 1)
            case "upsample":
                like = results[row["like"]].shape[2:] if "like" in row else None
                factor, mode = row.get("factor"), row.get("mode", "nearest")
                results[name] = functional.interpolate(inputs[0], like, factor, mode)
            case _:
                results[name] = self.layers[name](inputs[0])


class Draw:
    """Draws rows that read earlier ones; knows the channels and the stride of each result."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.rows: list[Row] = []
        self.results: dict[str, tuple[int, int]] = {"input": (3, 1)}  # channels, stride
        self.unread: set[str] = set()

    def add(self, row: Row, reads: Any, channels: int, stride: int) -> str:
        """Add a row; now and then it reads the row before without a word."""
        name = f"row{len(self.rows) + 1}"
        if self.random.random() < 0.3:
            name = row["name"] = f"r_{len(self.rows)}"
        last = self.rows[-1].get("name", f"row{len(self.rows)}") if self.rows else "input"
        if reads != last or self.random.random() < 0.5:
            row["from"] = reads
        self.rows.append(row)
        self.unread -= {reads} if isinstance(reads, str) else set(reads)
        if row["block"] == "split":
            self.unread -= {name}
        else:
            self.results[name] = channels, stride
            self.unread.add(name)
        return name

    def any(self) -> str:
        """Choose a result, one that nobody has read yet if there is one."""
        fresh = [name for name in self.results if name in self.unread or "." in name]
        return self.random.choice(fresh or [*self.results])

    def maybe(self, row: Row, **keys: list[Any]) -> Row:
        for key, values in keys.items():
            if self.random.random() < 0.5:
                row[key] = self.random.choice(values)
        return row

    def draw(self, block: str, source: str = "") -> None:  # noqa: PLR0915  one case a block
        source = source or self.any()
        channels, stride = self.results[source]
        out = self.random.choice([*WIDTHS, channels])
        row: Row = {"block": block}
        by = self.random.choice([1, 1, 2]) if stride < 4 else 1
        match block:
            case "conv":
                row |= {"kernel": self.random.choice([1, 3]), "out": out, "stride": by}
                self.maybe(row, activation=ACTIVATIONS)
            case "basic" | "bottleneck":
                row |= {"out": out, "stride": by}
                self.maybe(row, activation=ACTIVATIONS, kernel=[1, 3, 5], dilation=[1, 2])
                self.maybe(row, residual=["always", "projected", True, False], se=[0.25, 1.0])
                if block == "bottleneck":
                    row["width"] = self.random.choice(WIDTHS)
                    fits = [n for n in (2, 3, 4, row["width"]) if row["width"] % n == 0]
                    self.maybe(row, groups=fits or [1], stride_on=["middle", "first"])
            case "add" | "concat":
                alike = [
                    name
                    for name, (width, scale) in self.results.items()
                    if scale == stride and (width == channels or block == "concat")
                ]
                chosen = [source, *self.random.choices(alike, k=self.random.randint(1, 3))]
                out = channels if block == "add" else sum(self.results[n][0] for n in chosen)
                if block == "add":
                    self.maybe(row, activation=ACTIVATIONS)
                self.add(row, chosen, out, stride)
                return
            case "multiply":
                pooled = self.add({"block": "pool"}, source, channels, 0)
                del self.results[pooled]  # one pixel: nothing else can read it
                self.add(row, [source, pooled], channels, stride)
                return
            case "split":
                if channels < 2:
                    return
                first = self.random.randint(1, channels - 1)
                even = channels % 2 == 0 and self.random.random() < 0.5
                row["count"] = 2 if even else [first, channels - first]
                name = self.add(row, source, channels, stride)
                sizes = [channels // 2] * 2 if even else row["count"]
                part = self.random.choice([1, 2])
                self.results[f"{name}.{part}"] = sizes[part - 1], stride
                reader = "conv" if self.random.random() < 0.5 else "activation"
                self.draw(reader, f"{name}.{part}")
                return
            case "shuffle":
                row["groups"] = self.random.choice(
                    [n for n in (1, 2, 3, channels) if not channels % n]
                )
                out, by = channels, 1
            case "upsample":
                row = self.maybe({"block": block}, mode=["nearest", "bilinear"])
                row["like"] = self.random.choice(
                    [name for name, (_, scale) in self.results.items() if "." not in name and scale]
                )
                self.unread.discard(row["like"])
                self.add(row, source, channels, self.results[row["like"]][1])
                return
            case "mobilevit":
                heads = self.random.choice([1, 2, 3])
                row |= {"heads": heads, "features": heads * self.random.choice([1, 2, 5])}
                row |= {"layers": self.random.choice([1, 2])}
                self.maybe(row, activation=ACTIVATIONS, expansion=[1, 3.5])
                out, by = channels, 1
            case _:
                row = self.maybe(
                    {"block": block},
                    **({"eps": [1e-3]} if block == "layer_norm" else {"activation": ACTIVATIONS}),
                )
                if block == "activation":
                    row["activation"] = self.random.choice(ACTIVATIONS)
                out, by = channels, 1
        self.add(row, source, out, stride * by)


BLOCKS = (
    *("conv", "basic", "bottleneck", "add", "concat", "multiply", "split", "shuffle", "upsample"),
    *("batch_norm", "layer_norm", "activation", "mobilevit"),
)


def drawn(seed: int) -> tuple[list[Row], list[str]]:
    """Return rows and the names of the outputs: whatever nobody reads."""
    draw = Draw(seed)
    draw.draw("conv")
    for block in [BLOCKS[seed % len(BLOCKS)], *draw.random.choices(BLOCKS, k=5)]:
        draw.draw(block)
    return draw.rows, sorted(draw.unread)


@pytest.mark.parametrize("seed", range(65))
def test_branches(seed: int) -> None:
    """MACs, parameters, the shapes of all outputs, and the outputs: of torch and of ONNX."""
    rows, outputs = drawn(seed)
    ours = network_of_rows(rows, 11, outputs=outputs).at(*IMAGE[1:])
    torch.manual_seed(seed)
    check(ours, Built(rows, outputs, torch.zeros(2, *IMAGE)).eval(), torch.rand(2, *IMAGE))


def check(ours: Network, theirs: nn.Module, image: Tensor) -> None:
    """Compare a network of ours with a module of torch."""
    for values in theirs.state_dict().values():
        if values.is_floating_point():
            values.uniform_(0.2, 0.8)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        expected = theirs(image)
    assert ours.macs == counter.get_total_flops() // 2 // len(image)
    assert ours.params == sum(p.numel() for p in theirs.parameters())
    assert [ours.shapes[i] for i in ours.graph.outputs] == [tuple(e.shape[1:]) for e in expected]
    assert sum(layer.macs for layer in ours.all_layers) == ours.macs
    weights = map_foreign(theirs.state_dict(), ours.graph, "theirs.pth") if ours.params else {}
    module = torch_module(ours.graph).eval()
    load_weights(module, weights)
    with torch.no_grad():
        got = module(image)
    model = onnx_model(ours.graph, ours.shapes, weights, dynamic_batch=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for one, other, wanted in zip(
        got if isinstance(got, tuple) else [got],
        session.run(None, {"input": image.numpy()}),
        expected,
        strict=True,
    ):
        spread = float(wanted.abs().max()) or 1.0
        np.testing.assert_allclose(one.numpy(), wanted.numpy(), rtol=2e-3, atol=2e-4 * spread)
        np.testing.assert_allclose(other, wanted.numpy(), rtol=2e-3, atol=2e-4 * spread)


class Pyramid(nn.Module):  # type: ignore[misc]
    """DeepLabV3's: 1×1, dilated 3×3, the whole image; each with batch norm and ReLU."""

    def __init__(self, inputs: int, out: int, rates: Sequence[int]) -> None:
        super().__init__()
        relu = {"activation": "relu"}
        self.pixel = conv(inputs, out, relu)
        self.dilated = nn.ModuleList(conv(inputs, out, relu, 3, dilation=rate) for rate in rates)
        self.image = conv(inputs, out, relu)
        self.project = conv(out * (len(rates) + 2), out, relu)

    def forward(self, x: Tensor) -> Tensor:
        whole = self.image(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.project(torch.cat([self.pixel(x), *(d(x) for d in self.dilated), whole], 1))


class Detector(nn.Module):  # type: ignore[misc]
    """A stem, a pyramid, and SSD's predictions from both, as torchvision cuts them."""

    def __init__(self, anchors: Sequence[int], separable: bool) -> None:
        super().__init__()
        self.stem = conv(3, 5, {"activation": "relu"}, 3, (2, 2))
        self.pyramid = Pyramid(5, 7, (2, 3))
        self.heads = nn.ModuleList()
        for numbers in (11, 4):
            for channels, count in zip((5, 7), anchors, strict=True):
                depthwise = conv(channels, channels, {"activation": "relu6"}, 3, groups=channels)
                layers = [depthwise, nn.Conv2d(channels, count * numbers, 1)]
                one = nn.Conv2d(channels, count * numbers, 3, padding=1)
                self.heads.append(nn.Sequential(*layers) if separable else one)

    def forward(self, x: Tensor) -> list[Tensor]:
        stem = self.stem(x)
        features = [stem, self.pyramid(stem)]
        lists = [
            head(feature).unflatten(1, (-1, numbers)).permute(0, 3, 4, 1, 2).flatten(1, 3)
            for head, feature, numbers in zip(self.heads, features * 2, (11, 11, 4, 4), strict=True)
        ]
        return [torch.cat(lists[:2], 1), torch.cat(lists[2:], 1)]


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("anchors", [[2, 2], [1, 3]])
def test_detection(anchors: list[int], separable: bool) -> None:
    given = anchors[0] if len(set(anchors)) == 1 else anchors
    head = {"block": "detect", "from": ["stem", "aspp"], "anchors": given, "separable": separable}
    rows: list[Row] = [
        {"block": "conv", "kernel": 3, "out": 5, "stride": 2, "activation": "relu", "name": "stem"},
        {"block": "aspp", "out": 7, "rates": [2, 3], "activation": "relu", "name": "aspp"},
        head | {"out": "classes", "name": "scores"},
        head | {"out": 4, "name": "boxes"},
    ]
    outputs = ["scores", "boxes"]
    ours = network_of_rows(rows, 11, outputs=outputs, rules={"classes": 11}).at(*IMAGE[1:])
    torch.manual_seed(0)
    check(ours, Detector(anchors, separable).eval(), torch.rand(2, *IMAGE))


class VisionTransformer(nn.Module):  # type: ignore[misc]
    """Patches, a class token, positions; torch's own encoder layers; the class token's logits."""

    def __init__(self, layers: int, mean: bool) -> None:
        super().__init__()
        self.patches, self.mean = nn.Conv2d(3, 12, 4, 4), mean
        self.token = nn.Parameter(torch.randn(12))
        self.positions = nn.Parameter(torch.randn(7 - mean, 12))
        self.encoders = nn.ModuleList(
            nn.TransformerEncoderLayer(
                12, 3, 18, 0, "gelu", 1e-6, batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.norm, self.classifier = nn.LayerNorm(12, 1e-6), nn.Linear(12, 10)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.patches(x).flatten(2).transpose(1, 2)
        if not self.mean:
            x = torch.cat([self.token.expand(len(x), 1, -1), x], 1)
        x = x + self.positions
        for encoder in self.encoders:
            x = encoder(x)
        x = self.norm(x)
        return [self.classifier(x.mean(1) if self.mean else x[:, 0])]


OURS = {
    "self_attn.in_proj_": "attention.qkv.",
    "self_attn.out_proj.": "attention.project.",
    "linear1.": "mlp.expand.",
    "linear2.": "mlp.project.",
    "norm1.": "attention.ln.",
    "norm2.": "mlp.ln.",
}
WHOLE = {
    "patches.": "patches.conv.",
    "token": "tokens.class_token.token",
    "positions": "tokens.positions.positions",
    "norm.": "norm.ln.",
    "classifier.": "classifier.linear.",
}


def renamed(name: str) -> str:
    """Return our name of a weight of :class:`VisionTransformer`."""
    if name.startswith("encoders."):
        _, number, inside = name.split(".", 2)
        start = next(start for start in OURS if inside.startswith(start))
        return f"encoders.{int(number) + 1}.{OURS[start]}{inside.removeprefix(start)}"
    start = next(start for start in WHOLE if name.startswith(start))
    return WHOLE[start] + name.removeprefix(start)


@pytest.mark.parametrize("mean", [False, True])
def test_vision_transformer(mean: bool) -> None:
    """Torch's own encoder layer, by the names of its weights; 2 × 3 patches, one token more."""
    rows: list[Row] = [
        {"block": "conv", "kernel": 4, "stride": 4, "padding": "valid", "out": 12}
        | {"batch_norm": False, "name": "patches"},
        {"block": "tokens", "class_token": not mean, "positions": True, "name": "tokens"},
        {"block": "encoder", "heads": 3, "expansion": 1.5, "repeats": 2, "name": "encoders"},
        {"block": "layer_norm", "eps": 1e-6, "name": "norm"},
        {"block": "pool"} if mean else {"block": "token"},
        {"block": "linear", "out": 10, "name": "classifier"},
    ]
    ours = network_of_rows(rows, 8).at(8, 12)
    torch.manual_seed(0)
    theirs = VisionTransformer(2, mean).eval()
    image = torch.rand(2, 3, 8, 12)
    with torch.no_grad():
        expected = theirs(image)[0].numpy()
    weights = {renamed(name): v.numpy() for name, v in theirs.state_dict().items()}
    if mean:
        del weights["tokens.class_token.token"]
    if mean:
        theirs.token = None  # nothing reads it
    assert ours.params == sum(p.numel() for p in theirs.parameters())
    tokens, depth = 7 - mean, 12
    each = 4 * depth * depth + 2 * depth * 18 + 2 * tokens * depth
    assert ours.macs == 2 * tokens * each + 6 * depth * 48 + depth * 10
    module = torch_module(ours.graph).eval()
    load_weights(module, weights)
    with torch.no_grad():
        np.testing.assert_allclose(module(image).numpy(), expected, rtol=1e-4, atol=1e-5)


HEADS: list[Row] = [
    {"block": "conv", "kernel": 3, "out": 6, "stride": 2, "name": "stem"},
    {"block": "conv", "kernel": 3, "out": 8, "stride": 2, "name": "deep"},
    {"block": "upsample", "like": "stem", "name": "up"},
    {"block": "concat", "from": ["up", "stem"], "name": "mask"},
    {"block": "pool", "from": "deep"},
    {"block": "linear", "out": "classes", "name": "classifier"},
]


def test_another_number_of_classes_leaves_other_outputs_alone() -> None:
    net = network_of_rows(HEADS, 8, outputs=["mask", "classifier"], rules={"classes": 11})
    with torch.no_grad():
        mask, logits = net.to_torch(num_classes=4).eval()(torch.zeros(1, 3, 8, 8))
    assert (mask.shape, logits.shape) == ((1, 14, 4, 4), (1, 4))
    (features,) = (net.to_torch(features=True).eval()(torch.zeros(1, 3, 8, 8)),)
    assert features.shape == (1, 8)  # what the classifier reads; what only the mask needs is gone
    held = {name.partition(".")[0] for name, _ in net.to_torch(features=True).named_parameters()}
    assert held == {"stem", "deep"}


def test_a_detector_has_no_classifier_to_exchange() -> None:
    head = {"block": "detect", "from": ["stem", "deep"], "anchors": 2, "out": "classes"}
    net = network_of_rows([*HEADS[:2], head], 8, rules={"classes": 11})
    assert net.shapes[-1] == (2 * (16 + 4), 11)
    with pytest.raises(InputError, match=r"no layer alone has the 11 outputs .*--classes"):
        net.to_torch(num_classes=4)
