"""Numbers that papers, READMEs and projects print, typed in from there."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from msgspec.structs import replace

import mncost
from mncost.graph.ops import Conv, Linear
from mncost.spec.blocks.conv import Conv as ConvRow
from mncost.spec.catalog import load_spec
from mncost.spec.rows import Row as SpecRow
from tests.networks import Row, network_of_rows, network_of_spec

MILLION = 1_000_000
Cell = tuple[float, int]


def printed(value: int, decimals: int, unit: int = MILLION) -> str:
    """Print a count in millions (or another unit), halves up."""
    step = Decimal(1).scaleb(-decimals)
    return str((Decimal(value) / unit).quantize(step, ROUND_HALF_UP))


def weights(network: mncost.Network) -> int:
    """Add up convolution and linear weights, from the operators' own channels."""
    total = 0
    for node in network.graph.nodes:
        if isinstance(node.op, Conv):
            taps = node.op.kernel[0] * node.op.kernel[1]
            total += node.op.out_channels * node.op.in_channels * taps // node.op.groups
        elif isinstance(node.op, Linear):
            total += node.op.in_features * node.op.out_features
    return total


def body(network: mncost.Network) -> tuple[int, int]:
    """Return the MACs and weights in front of the classifier."""
    classifier = network.layers[-1]
    head = classifier.in_channels * classifier.out_channels
    return network.macs - head, weights(network) - head


# --------------------------------------------------------------------------------------------- V1


def test_v1() -> None:
    """V1 1.0/224 with 1000 classes is timm's mobilenetv1_100, to the unit."""
    network = mncost.load("v1")
    assert (network.macs, network.params) == (568_740_352, 4_231_976)


def test_v1_125() -> None:
    """V1 at 1.25: the parameters and MACs that timm's mobilenetv1_125 has."""
    network = mncost.load("v1", 1.25, dialect="timm")
    assert (printed(network.macs, 1), network.params) == ("879.5", 6_270_840)


@pytest.mark.parametrize(
    ("alpha", "resolution", "macs", "parameters"),
    [(1.0, 224, 567_716_352, 3_185_088), (0.75, 128, 106_002_432, 1_800_144)],
)
def test_v1_body(alpha: float, resolution: int, macs: int, parameters: int) -> None:
    """V1 without its classifier: the totals in the docstring of TF-slim's mobilenet_v1.py."""
    assert body(mncost.load("v1", alpha, resolution)) == (macs, parameters)


def test_v1_table_4() -> None:
    """Conv MobileNet 4866 M and 29.3 M against MobileNet's 569 M and 4.2 M: V1 paper, Table 4.

    Its 4866 leave the classifier's 1024 × 1000 out; with them it is 4867.29.
    """
    separable = mncost.load("v1")
    standard = separable.standard
    without_classifier, _ = body(standard)
    assert printed(without_classifier, 0) == "4866"
    assert printed(standard.macs, 2) == "4867.29"
    assert standard.macs - without_classifier == 1024 * 1000
    assert printed(standard.params, 1) == "29.3"
    assert (printed(separable.macs, 0), printed(separable.params, 1)) == ("569", "4.2")


def test_v1_table_5() -> None:
    """Shallow MobileNet, without its five 14×14×512 layers, 307 M and 2.9 M: V1 paper, Table 5.

    The second decimals are architectural arithmetic with 1001 classes.
    """
    spec = load_spec("v1")
    rows: tuple[SpecRow, ...] = tuple(row for row in spec.rows if getattr(row, "repeats", 1) != 5)
    assert len(rows) == len(spec.rows) - 1
    shallow = network_of_spec(replace(spec, rows=rows, dialects={}), 224, classes=1001)
    assert (printed(shallow.macs, 0), printed(shallow.params, 1)) == ("307", "2.9")
    assert (printed(shallow.macs, 2), printed(shallow.params, 3)) == ("307.32", "2.889")


V1_PAPER: dict[Cell, str] = {
    (1.0, 224): "569", (0.75, 224): "325", (0.5, 224): "149", (0.25, 224): "41",
    (1.0, 192): "418", (1.0, 128): "186",
}  # fmt: skip


@pytest.mark.parametrize("cell", V1_PAPER)
def test_v1_tables_6_and_7(cell: Cell) -> None:
    """MACs over α and over the resolution, rounded: V1 paper, Tables 6 and 7."""
    assert printed(mncost.load("v1", *cell).macs, 0) == V1_PAPER[cell]


def test_v1_table_7_truncates_one_cell() -> None:
    """1.0/160 is printed as 290, which 290.68 is only when cut off: V1 paper, Table 7."""
    assert mncost.load("v1", 1.0, 160).macs // MILLION == 290


V1_README: dict[Cell, str] = {
    (1.0, 224): "569", (1.0, 192): "418", (1.0, 160): "291", (1.0, 128): "186",
    (0.75, 224): "317", (0.75, 192): "233", (0.75, 160): "162", (0.75, 128): "104",
    (0.5, 224): "150", (0.5, 192): "110", (0.5, 160): "77", (0.5, 128): "49",
    (0.25, 224): "41", (0.25, 192): "34", (0.25, 160): "21", (0.25, 128): "14",
}  # fmt: skip
V1_WITHOUT_STEM = {(0.75, 224), (0.75, 192), (0.75, 160), (0.75, 128)}
V1_ROUNDED_TWICE = {(0.5, 224)}
V1_MISPRINT = {(0.25, 192)}


def test_v1_readme() -> None:
    """16 MACs but for six cells, each with its reason: tensorflow/models' mobilenet_v1.md."""
    assert len(V1_README) == 16
    networks = {cell: mncost.load("v1", *cell) for cell in V1_README}
    differ = {cell for cell, net in networks.items() if printed(net.macs, 0) != V1_README[cell]}
    assert differ == V1_WITHOUT_STEM | V1_ROUNDED_TWICE | V1_MISPRINT
    for alpha, resolution in V1_WITHOUT_STEM:
        stem = 9 * 3 * int(32 * alpha) * (resolution // 2) ** 2
        macs = networks[alpha, resolution].macs - stem
        assert printed(macs, 0) == V1_README[alpha, resolution]
    for cell in V1_ROUNDED_TWICE:
        twice = Decimal(printed(networks[cell].macs, 2)).quantize(Decimal(1), ROUND_HALF_UP)
        assert str(twice) == V1_README[cell]


@pytest.mark.parametrize(
    ("alpha", "total"), [(1.0, 4_243_945), (0.75, 2_594_537), (0.5, 1_337_577), (0.25, 473_065)]
)
def test_v1_readme_params(alpha: float, total: int) -> None:
    """4.24, 2.59, 1.34, 0.47 M: weights, biases and 3 per batch-norm channel (mobilenet_v1.md)."""
    network = mncost.load("v1", alpha, classes=1001)
    assert weights(network) + 1001 + 3 * network.buffers // 2 == total


# --------------------------------------------------------------------------------------------- V2

V2_CHANNELS = {
    1.4: [48, 24, 32, 48, 88, 136, 224, 448, 1792],
    1.3: [40, 24, 32, 40, 80, 128, 208, 416, 1664],
    1.0: [32, 16, 24, 32, 64, 96, 160, 320, 1280],
    0.75: [24, 16, 24, 24, 48, 72, 120, 240, 1280],
    0.5: [16, 8, 16, 16, 32, 48, 80, 160, 1280],
    0.35: [16, 8, 8, 16, 24, 32, 56, 112, 1280],
}
V2_REPEATS = [1, 1, 2, 3, 4, 3, 3, 1, 1]  # the paper's n, with the first and last convolution


@pytest.mark.parametrize("alpha", V2_CHANNELS)
@pytest.mark.parametrize("dialect", ["paper", "torchvision", "timm", "slim", "keras"])
def test_v2_channels(alpha: float, dialect: str) -> None:
    """Stem, blocks and last convolution: the channels of TF-slim's published checkpoints."""
    architecture = mncost.load("v2", alpha, dialect=dialect).architecture
    expected = [
        width
        for width, repeats in zip(V2_CHANNELS[alpha], V2_REPEATS, strict=True)
        for _ in range(repeats)
    ]
    assert architecture is not None
    assert [block.out_channels for block in architecture.blocks[: len(expected)]] == expected


V2_TOTALS = {
    0.35: (1_677_128, "59.29"),
    0.5: (1_968_680, "97.13"),
    0.75: (2_636_424, "209.07"),
    1.0: (3_504_872, "300.77"),
    1.4: (6_108_776, "582.20"),
}


@pytest.mark.parametrize("alpha", V2_TOTALS)
@pytest.mark.parametrize("dialect", ["paper", "torchvision", "timm", "slim", "keras"])
def test_v2_totals(alpha: float, dialect: str) -> None:
    """Parameters and MACs with 1000 classes: torchvision, timm, slim and Keras are one network."""
    network = mncost.load("v2", alpha, dialect=dialect, classes=1000)
    assert (network.params, printed(network.macs, 2)) == V2_TOTALS[alpha]


@pytest.mark.parametrize(
    ("alpha", "params", "macs"),
    [(0.75, "2.240", None), (0.5, "1.226", "91.5"), (0.35, "0.751", None)],
)
def test_v2_with_a_shrunken_last_layer(alpha: float, params: str, macs: str | None) -> None:
    """Slim's mobilenet(depth_multiplier=α) without its finegrain mode, 1001 classes."""
    network = mncost.load("v2", alpha, dialect="slim-plain")
    assert printed(network.params, 3) == params
    assert macs is None or printed(network.macs, 1) == macs


# tensorflow/models, research/slim/nets/mobilenet/README.md: MACs and parameters in millions.
V2_README: dict[Cell, tuple[int, str]] = {
    (1.4, 224): (582, "6.06"), (1.3, 224): (509, "5.34"),
    (1.0, 224): (300, "3.47"), (1.0, 192): (221, "3.47"), (1.0, 160): (154, "3.47"),
    (1.0, 128): (99, "3.47"), (1.0, 96): (56, "3.47"),
    (0.75, 224): (209, "2.61"), (0.75, 192): (153, "2.61"), (0.75, 160): (107, "2.61"),
    (0.75, 128): (69, "2.61"), (0.75, 96): (39, "2.61"),
    (0.5, 224): (97, "1.95"), (0.5, 192): (71, "1.95"), (0.5, 160): (50, "1.95"),
    (0.5, 128): (32, "1.95"), (0.5, 96): (18, "1.95"),
    (0.35, 224): (59, "1.66"), (0.35, 192): (43, "1.66"), (0.35, 160): (30, "1.66"),
    (0.35, 128): (20, "1.66"), (0.35, 96): (11, "1.66"),
}  # fmt: skip


def test_v2_readme_has_22_rows() -> None:
    """The table below is the whole of the README's, each cell once."""
    assert len(V2_README) == 22


@pytest.mark.parametrize("cell", V2_README)
def test_v2_readme(cell: Cell) -> None:
    """MACs cut off to millions, conv and fc weights with 1001 classes: Google's V2 README."""
    macs, params = V2_README[cell]
    network = mncost.load("v2", *cell, classes=1001)
    assert network.macs // MILLION == macs
    assert printed(weights(network), 2) == params


@pytest.mark.parametrize(
    ("alpha", "total"),
    [
        (1.4, 6_061_632),
        (1.3, 5_343_200),
        (1.0, 3_471_040),
        (0.75, 2_610_064),
        (0.5, 1_950_416),
        (0.35, 1_663_328),
    ],
)
def test_v2_weights(alpha: float, total: int) -> None:
    """Conv and fc weights alone, 1001 classes, to the unit: what the README's column rounds."""
    assert weights(mncost.load("v2", alpha, classes=1001)) == total


# --------------------------------------------------------------------------------------------- V3

V3_DIALECTS = ("slim-finegrain", "slim", "torchvision", "timm", "keras")
V3_EFFECTS = {
    ("v3-large", 1.25): "355.2 7.553, 355.9 8.258, 343.5 8.165, 355.2 7.552, 349.9 8.256",
    ("v3-large", 0.75): "154.6 3.995, 154.0 3.444, 140.0 3.378, 154.6 3.994, 154.6 3.994",
    ("v3-large", 0.5): "69.2 2.691, 68.3 1.742, 65.0 1.735, 73.7 2.690, 73.7 2.690",
    ("v3-large", 0.35): "39.5 2.133, 38.4 1.020, 35.3 0.997, 43.9 2.132, 43.9 2.132",
    ("v3-small", 1.25): "90.8 3.206, 91.2 3.647, 88.2 3.645, 90.8 3.205, 87.7 3.645",
    ("v3-small", 0.75): "43.4 2.043, 43.0 1.676, 39.1 1.654, 43.4 2.042, 43.4 2.042",
    ("v3-small", 0.5): "21.1 1.594, 20.4 0.933, 19.0 0.917, 24.2 1.593, 24.2 1.593",
    ("v3-small", 0.35): "12.8 1.359, 12.0 0.561, 11.2 0.559, 16.0 1.359, 15.9 1.350",
}


@pytest.mark.parametrize(("arch", "alpha"), V3_EFFECTS)
def test_v3_dialects_differ_as_the_projects_do(arch: str, alpha: float) -> None:
    """MACs and parameters in millions, each project's own number of classes: built networks."""
    networks = [mncost.load(arch, alpha, dialect=dialect) for dialect in V3_DIALECTS]
    ours = [f"{printed(net.macs, 1)} {printed(net.params, 3)}" for net in networks]
    assert ours == V3_EFFECTS[arch, alpha].split(", ")


@pytest.mark.parametrize("dialect", ["paper", "torchvision", "timm", "keras"])
def test_v3_large(dialect: str) -> None:
    """V3-Large 1.0/224 is one network in every project, to the unit (mobilenetv3_large_100)."""
    network = mncost.load("v3-large", dialect=dialect)
    assert (network.macs, network.params) == (216_589_760, 5_483_032)


def test_v3_large_without_squeeze_excite() -> None:
    """TF-slim's README: "about 215 M" when squeeze-excite is left out, 215.08."""
    network = mncost.load("v3-large")
    gates = sum(layer.macs for layer in network.layers if ".se." in layer.name)
    assert printed(network.macs - gates, 2) == "215.08"


@pytest.mark.parametrize(
    ("arch", "alpha", "macs"),
    [("v3-large", 1.0, "217"), ("v3-large", 0.75, "155"), ("v3-large-minimalistic", 1.0, "209")],
)
def test_v3_readme_macs(arch: str, alpha: float, macs: str) -> None:
    """MACs in millions: the cells of TF-slim's README that the released definition gives."""
    assert printed(mncost.load(arch, alpha).macs, 0) == macs


@pytest.mark.parametrize(
    ("arch", "alpha", "params"),
    [
        ("v3-large", 0.75, "4.0"),
        ("v3-large-minimalistic", 1.0, "3.9"),
        ("v3-small-minimalistic", 1.0, "2.0"),
    ],
)
def test_v3_readme_params(arch: str, alpha: float, params: str) -> None:
    """Parameters in millions: the cells of TF-slim's README that the released definition gives."""
    assert printed(mncost.load(arch, alpha).params, 1) == params


@pytest.mark.parametrize(("alpha", "params"), [(1.0, "2.9"), (0.75, "2.4")])
def test_v3_small_with_the_papers_head(alpha: float, params: str) -> None:
    """With the 1280 of the paper's Table 2 for the released 1024: its 2.9 M, 2.4 M and 44 M."""
    spec = load_spec("v3-small")
    rows = tuple(
        replace(row, out=1280) if isinstance(row, ConvRow) and row.out == 1024 else row
        for row in spec.rows
    )
    network = network_of_spec(replace(spec, rows=rows), 224, alpha, classes=1001)
    assert printed(network.params, 1) == params
    if alpha == 0.75:
        assert printed(network.macs, 0) == "44"


@pytest.mark.parametrize(
    ("arch", "alpha", "macs"),
    [
        ("v3-large", 0.75, "154.56"),
        ("v3-small", 0.75, "43.40"),
        ("v3-small", 1.0, "56.51"),
        ("v3-large-minimalistic", 1.0, "209.14"),
        ("v3-small-minimalistic", 1.0, "52.29"),
    ],
)
def test_v3_two_decimals(arch: str, alpha: float, macs: str) -> None:
    """MACs to 10,000: the networks that timm and torchvision build."""
    assert printed(mncost.load(arch, alpha).macs, 2) == macs


@pytest.mark.parametrize(
    ("arch", "params"),
    [("v3-large-minimalistic", "3.924"), ("v3-small-minimalistic", "2.045")],
)
def test_v3_minimalistic_params(arch: str, params: str) -> None:
    """Parameters in millions, 1000 classes: timm's tf_mobilenetv3_*_minimal_100."""
    assert printed(mncost.load(arch).params, 3) == params


# --------------------------------------------------------------------------------------------- V4

V4_TOTALS = {
    "v4-conv-s": (3_774_024, "186.01", "0.00"),
    "v4-conv-m": (9_715_512, "1080.24", "0.00"),
    "v4-conv-l": (32_590_864, "6376.22", "0.00"),
    "v4-hybrid-m": (11_074_648, "1229.24", "41.94"),
    "v4-hybrid-l": (37_764_624, "7372.14", "339.74"),
}


@pytest.mark.parametrize("arch", V4_TOTALS)
@pytest.mark.parametrize("dialect", ["paper", "timm"])
def test_v4_totals(arch: str, dialect: str) -> None:
    """Parameters to the unit, conv and attention MACs: timm's five V4 networks, 1000 classes."""
    network = mncost.load(arch, dialect=dialect)
    convolutions = printed(network.work["conv"] + network.work["linear"], 2)
    attention = printed(network.work["attention"], 2)
    assert (network.params, convolutions, attention) == V4_TOTALS[arch]
    assert network.macs == sum(
        network.work.get(kind, 0) for kind in ("conv", "linear", "attention")
    )


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("mobilenetv4_conv_small_050", 2_238_952, "64.7"),
        ("mobilenetv4_conv_small_035", 1_905_384, "47.7"),
    ],
)
def test_v4_narrow(name: str, params: int, macs: str) -> None:
    """Parameters to the unit and MACs of timm's narrow Conv-S, found by their names."""
    network = mncost.load(name)
    assert (network.params, printed(network.macs, 1)) == (params, macs)


@pytest.mark.parametrize(
    ("arch", "params", "macs"),
    [
        ("v4-conv-m", "9.2", "1.0"),
        ("v4-hybrid-m", "10.5", "1.2"),
        ("v4-conv-l", "31", "5.9"),
        ("v4-hybrid-l", "35.9", "7.2"),
    ],
)
def test_v4_table_6(arch: str, params: str, macs: str) -> None:
    """Params and MACs in units of 2^20 and 2^30, batch norm folded: V4 paper, Table 6."""
    network = mncost.load(arch)
    folded = weights(network) + network.buffers // 2 + (network.classes or 0)
    decimals = len(params.partition(".")[2])
    assert printed(folded, decimals, 2**20) == params
    assert printed(network.macs, 1, 2**30) == macs


# ------------------------------------------------- a network that only a user's file can describe


def uib(start: int, middle: int, expanded: int, out: int, stride: int = 1) -> Row:
    """Return a row of the V4 paper's tables: K1, K2, expanded, output channels, stride."""
    kernels = {"start_kernel": start, "middle_kernel": middle}
    return {"block": "uib", **kernels, "expanded": expanded, "out": out, "stride": stride}


def table_13() -> list[Row]:
    """Return MobileNetV4-Hybrid-M as the paper's Table 13 prints it, not as it was released."""
    mqa = {"block": "mobile_mqa", "heads": 4, "key_dim": 64}
    mqa_16 = mqa | {"kv_stride": 2}
    rows = [
        {"block": "conv", "kernel": 3, "out": 32, "stride": 2},
        {"block": "fused_inverted_residual", "kernel": 3, "expanded": 128, "out": 48, "stride": 2},
        uib(3, 5, 192, 80, 2), uib(3, 3, 160, 80),
        uib(3, 5, 480, 160, 2), uib(3, 3, 640, 160), uib(3, 3, 640, 160), uib(3, 5, 640, 160),
        mqa_16, uib(3, 3, 640, 160), mqa_16, uib(3, 0, 640, 160), mqa_16, uib(0, 0, 640, 160),
        mqa_16, uib(3, 0, 640, 160),
        uib(5, 5, 960, 256, 2), uib(5, 5, 1024, 256), uib(3, 5, 1024, 256), uib(3, 5, 1024, 256),
        uib(0, 0, 1024, 256), uib(3, 0, 1024, 256), uib(3, 5, 512, 256), mqa,
        uib(5, 5, 1024, 256), mqa, uib(0, 0, 1024, 256), mqa, uib(0, 0, 1024, 256), mqa,
        uib(5, 0, 1024, 256),
        {"block": "conv", "kernel": 1, "out": 960}, {"block": "pool"},
        {"block": "conv", "kernel": 1, "out": 1280}, {"block": "linear", "out": "classes"},
    ]  # fmt: skip
    return rows


def test_v4_table_13() -> None:
    """Hybrid-M as printed, 1255.0 M + 41.9 M and 11.170 M: counted from the V4 paper's Table 13."""
    defaults = {"activation": "relu", "layer_scale": True}
    network = network_of_rows(table_13(), 256, defaults=defaults)
    convolutions = network.work["conv"] + network.work["linear"]
    assert (printed(convolutions, 1), printed(network.work["attention"], 1)) == ("1255.0", "41.9")
    assert printed(network.params, 3) == "11.170"
