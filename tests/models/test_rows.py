"""Random rows, every key of every block, beside plain torch modules that are written here by hand.

The widths are odd, prime, equal to the input, 1: whatever a file states is what has to be built.
Both modules get the same weights, by execution order, and must give the same output.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mncost.errors import GridError
from mncost.models.foreign import map_foreign
from mncost.models.torch_model import load_weights, torch_module
from tests.networks import Row, network_of_rows

WIDTHS = (1, 2, 3, 5, 7, 8, 12, 13, 16, 17, 31)
PLAIN: dict[str, type[nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "hardtanh": nn.Hardtanh,
}
ACTIVATIONS = [*PLAIN, "prelu"]


def activated(row: Row, channels: int) -> nn.Module:
    name = row.get("activation", "none")
    return nn.PReLU(channels) if name == "prelu" else PLAIN[name]()


def pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


class Built(nn.Module):  # type: ignore[misc]
    """Rows as a module: layers in the order in which they run."""

    def __init__(self, rows: list[Row], image: Tensor) -> None:
        super().__init__()
        self.rows = nn.ModuleList()
        with torch.no_grad():
            for row in rows:
                for repeat in range(row.get("repeats", 1)):
                    stride = pair(row.get("stride", 1)) if repeat == 0 else (1, 1)
                    inputs = image.shape[1]
                    if row["block"] == "linear":
                        inputs = image[0].numel()
                    self.rows.append(BLOCKS[row["block"]](row, inputs, stride).eval())
                    image = self.rows[-1](image)

    def forward(self, x: Tensor) -> Tensor:
        for row in self.rows:
            x = row(x)
        return x


def conv(
    inputs: int,
    outputs: int,
    row: Row,
    kernel: Any = 1,
    stride: tuple[int, int] = (1, 1),
    groups: int = 1,
    *,
    norm: bool = True,
    activation: bool = True,
    dilation: Any = 1,
    bias: bool | None = None,
) -> nn.Sequential:
    """Convolution, batch norm, activation, as torchvision's ConvNormActivation has them."""
    height, width = pair(kernel)
    down, right = pair(dilation)
    padding = (down * (height - 1) // 2, right * (width - 1) // 2)
    layers: list[nn.Module] = [
        nn.Conv2d(
            inputs,
            outputs,
            (height, width),
            stride,
            padding,
            (down, right),
            groups,
            not norm if bias is None else bias,
        )
    ]
    if norm:
        layers.append(nn.BatchNorm2d(outputs, 1e-5, 0.1))
    if activation:
        layers.append(activated(row, outputs))
    return nn.Sequential(*layers)


class Residual(nn.Module):  # type: ignore[misc]
    """A body, and its input added where both have one shape, or are given one."""

    def __init__(self, body: nn.Module, row: Row, stride: tuple[int, int], inputs: int) -> None:
        super().__init__()
        self.body, self.channels = body, row.get("out", inputs)
        wanted, same = row.get("residual", True), stride == (1, 1)
        self.adds = bool(wanted) and (same or wanted == "always")
        self.shortcut: nn.Module = nn.Identity()
        if not same or inputs != self.channels:
            self.adds = self.adds and wanted is not True
            if self.adds:
                self.shortcut = conv(inputs, self.channels, {}, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return self.shortcut(x) + y if self.adds else y


class SqueezeExcite(nn.Module):  # type: ignore[misc]
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.down(x.mean((2, 3), keepdim=True)).relu()
        return x * nn.functional.hardsigmoid(self.up(gate))


class LayerScale(nn.Module):  # type: ignore[misc]
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma[:, None, None]


class Attention(nn.Module):  # type: ignore[misc]
    """Multi-query attention, as V4's paper has it: one key and one value head."""

    def __init__(self, row: Row, channels: int) -> None:
        super().__init__()
        self.heads, self.depth = row["heads"], row["key_dim"]
        self.norm = nn.BatchNorm2d(channels, 1e-5, 0.1)
        self.query = nn.Conv2d(channels, self.heads * self.depth, 1, bias=False)
        self.key, self.value = (self.smaller(row, channels) for _ in range(2))
        self.output = nn.Conv2d(self.heads * self.depth, channels, 1, bias=False)
        self.scale = LayerScale(channels) if row.get("layer_scale") else nn.Identity()

    def smaller(self, row: Row, channels: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        if (stride := row.get("kv_stride", 1)) > 1:
            kernel = row.get("kv_kernel", 3)
            layers = [conv(channels, channels, {}, kernel, (stride, stride), channels)]
        return nn.Sequential(*layers, nn.Conv2d(channels, self.depth, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        query = self.query(y).unflatten(1, (self.heads, self.depth)).flatten(3)
        key, value = self.key(y).flatten(2), self.value(y).flatten(2)
        scores = query.transpose(2, 3) @ key[:, None] / self.depth**0.5
        mixed = (scores.softmax(-1) @ value[:, None].transpose(2, 3)).transpose(2, 3)
        result: Tensor = self.output(mixed.flatten(1, 2).unflatten(2, x.shape[2:]))
        return self.scale(result)


def expanded(row: Row, inputs: int) -> int:
    """What the file states; a ratio gives the nearest whole number."""
    return int(row["expanded"]) if "expanded" in row else round(inputs * row["expansion"])


def divisible_by_8(value: float) -> int:
    """TF-slim's _make_divisible, for the squeezed channels."""
    near = max(8, int(value + 4) // 8 * 8)
    return near + 8 if near < 0.9 * value else near


def squeezing(row: Row, channels: int) -> list[nn.Module]:
    """The squeeze-excite of so many channels, if the row has one."""
    if "squeezed" in row:
        return [SqueezeExcite(channels, row["squeezed"])]
    return [SqueezeExcite(channels, divisible_by_8(channels * row["se"]))] if "se" in row else []


def plain_options(row: Row) -> dict[str, Any]:
    norm, dilation = row.get("batch_norm", True), row.get("dilation", 1)
    return {"norm": norm, "dilation": dilation, "bias": row.get("bias")}


def conv_row(row: Row, inputs: int, stride: tuple[int, int]) -> nn.Module:
    outputs = row["out"] if "out" in row else round(inputs * row["expansion"])
    groups, options = row.get("groups", 1), plain_options(row)
    made = conv(inputs, outputs, row, row["kernel"], stride, groups, **options)
    return made


def depthwise_row(row: Row, inputs: int, stride: tuple[int, int]) -> nn.Module:
    made = conv(inputs, inputs, row, row["kernel"], stride, inputs, **plain_options(row))
    if "padding" in row:
        made[0].padding = pair(row["padding"])
    if "eps" in row:
        made[1].eps = row["eps"]
    return made


def separable_row(row: Row, inputs: int, stride: tuple[int, int]) -> nn.Module:
    dilation = row.get("dilation", 1)
    layers = [conv(inputs, inputs, row, row["kernel"], stride, inputs, dilation=dilation)]
    layers += squeezing(row, inputs)
    made = nn.Sequential(*layers, conv(inputs, row["out"], row))
    return made


def inverted_residual_row(row: Row, inputs: int, stride: tuple[int, int]) -> nn.Module:
    hidden, layers = inputs, list[nn.Module]()
    if row.get("expand", row.get("expansion") != 1):
        hidden = expanded(row, inputs)
        layers.append(conv(inputs, hidden, row))
    dilation = row.get("dilation", 1)
    layers.append(conv(hidden, hidden, row, row["kernel"], stride, hidden, dilation=dilation))
    layers += squeezing(row, hidden)
    layers.append(conv(hidden, row["out"], row, activation=False))
    return Residual(nn.Sequential(*layers), row, stride, inputs)


def fused_row(row: Row, inputs: int, stride: tuple[int, int]) -> nn.Module:
    hidden = expanded(row, inputs)
    first = conv(inputs, hidden, row, row["kernel"], stride, row.get("groups", 1))
    last = conv(hidden, row["out"], row, activation=False)
    body = nn.Sequential(first, *squeezing(row, hidden), last)
    return Residual(body, row, stride, inputs)


def uib_row(row: Row, inputs: int, stride: tuple[int, int]) -> nn.Module:
    hidden, layers = expanded(row, inputs), list[nn.Module]()
    start, middle = row.get("start_kernel", 0), row.get("middle_kernel", 0)
    if start:
        first = (1, 1) if middle else stride
        layers.append(conv(inputs, inputs, row, start, first, inputs, activation=False))
    layers.append(conv(inputs, hidden, row))
    if middle:
        layers.append(conv(hidden, hidden, row, middle, stride, hidden))
    layers.append(conv(hidden, row["out"], row, activation=False))
    if row.get("layer_scale"):
        layers.append(LayerScale(row["out"]))
    return Residual(nn.Sequential(*layers), row, stride, inputs)


def mqa_row(row: Row, inputs: int, stride: tuple[int, int]) -> nn.Module:
    return Residual(Attention(row, inputs), row, stride, inputs)


def linear_row(row: Row, inputs: int, stride: tuple[int, int]) -> nn.Module:
    layer = nn.Linear(inputs, row["out"], row.get("bias", True))
    layers: list[nn.Module] = [nn.Flatten(), layer]
    if row.get("batch_norm"):
        layers.append(nn.BatchNorm1d(row["out"], 1e-5, 0.1))
    made = nn.Sequential(*layers, activated(row, row["out"]))
    return made


def window_row(row: Row, inputs: int, stride: tuple[int, int]) -> nn.Module:
    kind = nn.MaxPool2d if row["block"] == "max_pool" else nn.AvgPool2d
    by = pair(row.get("stride", row["kernel"]))
    pads, ceil = pair(row.get("padding", 0)), row.get("ceil", False)
    return kind(pair(row["kernel"]), by, pads, ceil_mode=ceil)


BLOCKS: dict[str, Callable[[Row, int, tuple[int, int]], nn.Module]] = {
    "conv": conv_row,
    "depthwise": depthwise_row,
    "separable": separable_row,
    "inverted_residual": inverted_residual_row,
    "fused_inverted_residual": fused_row,
    "uib": uib_row,
    "mobile_mqa": mqa_row,
    "max_pool": window_row,
    "average_pool": window_row,
    "flatten": lambda row, inputs, stride: nn.Flatten(),
    "pool": lambda row, inputs, stride: nn.AdaptiveAvgPool2d(1),
    "dropout": lambda row, inputs, stride: nn.Dropout(row["rate"]),
    "linear": linear_row,
}


ODD = [1, 3, 5, [3, 1], [1, 5]]  # what an even kernel writes cannot be added to its input
KERNELS = [*ODD, 2, [2, 3]]


class Draw:
    """Draws rows; ``width`` is that of the row's input, so that others can equal it."""

    def __init__(self, seed: int) -> None:
        self.random, self.width = Random(seed), 3

    def maybe(self, row: Row, **keys: list[Any]) -> None:
        """Give the row some of these keys."""
        for key, values in keys.items():
            if self.random.random() < 0.5:
                row[key] = self.random.choice(values)

    def out(self) -> int:
        return self.random.choice([*WIDTHS, self.width, self.width])

    def row(self, block: str) -> Row:
        row: Row = {"block": block}
        if block not in ("mobile_mqa", "max_pool", "average_pool"):
            self.maybe(row, activation=ACTIVATIONS)
        match block:
            case "conv":
                self.conv(row)
            case "depthwise":
                row["kernel"] = self.random.choice(KERNELS)
                self.maybe(row, stride=[1, 2, [2, 1]], batch_norm=[True, False], repeats=[1, 2])
                self.maybe(row, dilation=[1, 2, [1, 2]], bias=[True, False], padding=[4, [5, 4]])
                if row.get("batch_norm", True):
                    self.maybe(row, eps=[0.1])
            case "separable":
                row |= {"kernel": self.random.choice(KERNELS), "out": self.out()}
                self.maybe(row, stride=[1, 2], repeats=[1, 2], dilation=[2])
                self.squeeze(row)
            case "max_pool" | "average_pool":
                row["kernel"] = self.random.choice([2, 3, [3, 2]])
                self.maybe(row, stride=[1, 2, [2, 1]], padding=[0, 1, [1, 0]], ceil=[True, False])
            case "mobile_mqa":
                row |= {"heads": self.random.choice([1, 2, 3])}
                row |= {"key_dim": self.random.choice(WIDTHS)}
                self.maybe(row, kv_stride=[1, 2], kv_kernel=[3, 5, [3, 1]], layer_scale=[True])
                self.maybe(row, residual=[True, False])
            case "linear":
                row["out"] = self.out()
                self.maybe(row, bias=[True, False], batch_norm=[True, False])
            case _:
                self.inverted(row, block)
        self.width = row.get("out", self.width)
        return row

    def conv(self, row: Row) -> None:
        row["kernel"] = self.random.choice(KERNELS)
        self.maybe(row, stride=[1, 2, [1, 2]], batch_norm=[True, False])
        self.maybe(row, dilation=[1, 2, [1, 2]], bias=[True, False])
        if self.random.random() < 0.3:
            row["expansion"] = self.random.choice([1, 2, 1.3])
            self.width = round(self.width * row["expansion"])
        else:
            row["out"] = self.out()
            fits = [n for n in (1, 2, 3, self.width) if not (row["out"] % n or self.width % n)]
            self.maybe(row, groups=fits)

    def inverted(self, row: Row, block: str) -> None:
        row["out"] = self.out()
        residuals = [True, False, "projected", "always"]
        self.maybe(row, stride=[1, 2, [2, 1]], residual=residuals)
        if self.random.random() < 0.5:
            row["expanded"] = self.random.choice([*WIDTHS, self.width])
        else:
            row["expansion"] = self.random.choice([1, 1, 2, 3, 6, 1.5])
            self.maybe(row, repeats=[1, 2])
        if block == "uib":
            self.maybe(row, start_kernel=[0, *ODD], middle_kernel=[0, *ODD], layer_scale=[True])
            if not (row.get("start_kernel") or row.get("middle_kernel")):
                row.pop("stride", None)
        else:
            row["kernel"] = self.random.choice(ODD)
        if block == "fused_inverted_residual" and "expanded" in row:
            hidden = row["expanded"]
            fits = [n for n in (1, 2, 3, self.width) if not (hidden % n or self.width % n)]
            self.maybe(row, groups=fits)
        if block == "inverted_residual":
            self.maybe(row, dilation=[1, 2, [1, 2]])
            self.maybe(row, expand=[True, False])
        if block != "uib":
            self.squeeze(row)

    def squeeze(self, row: Row) -> None:
        key = self.random.choice(["se", "squeezed"])
        self.maybe(row, **{key: [0.25, 1.0, 0.1] if key == "se" else [*WIDTHS]})


BODIES = [block for block in BLOCKS if block not in ("pool", "dropout", "linear", "flatten")]


def drawn(seed: int) -> list[Row]:
    """Return the rows of a network: each block in turn, then others."""
    draw = Draw(seed)
    blocks = [BODIES[seed % len(BODIES)], *draw.random.choices(BODIES, k=draw.random.randint(0, 3))]
    rows = [draw.row(block) for block in blocks]
    tail = draw.random.choice(
        ([], ["pool"], ["pool", "linear"], ["pool", "linear", "linear"], ["linear"], ["flatten"])
    )
    return rows + [draw.row(block) if block == "linear" else {"block": block} for block in tail]


@pytest.mark.parametrize("seed", range(300))
def test_rows(seed: int) -> None:
    """MACs, parameters, output shape, and the output itself."""
    rows = drawn(seed)
    torch.manual_seed(seed)
    example = torch.zeros(2, 3, 13, 10)
    try:
        ours = network_of_rows(rows, 13).at(13, 10)
    except GridError:  # a pooling of which nothing would be left
        with pytest.raises(RuntimeError, match="too small"):
            Built(rows, example)
        return
    theirs = Built(rows, example).eval()
    for values in theirs.state_dict().values():
        if values.is_floating_point():
            values.uniform_(0.5, 1.5)
    image = torch.rand(2, 3, 13, 10)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        expected = theirs(image)
    assert ours.macs == counter.get_total_flops() // 2 // len(image), rows
    assert ours.params == sum(p.numel() for p in theirs.parameters()), rows
    assert ours.shapes[-1] == tuple(expected.shape[1:]), rows
    module = torch_module(ours.graph).eval()
    if ours.params:
        load_weights(module, map_foreign(theirs.state_dict(), ours.graph, "theirs.pth"))
    with torch.no_grad():
        assert torch.allclose(module(image), expected, rtol=1e-4, atol=1e-5), rows
