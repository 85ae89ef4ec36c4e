"""The largest tensor at each size: the V2 paper's Table 3, and a machine that runs in slices."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from itertools import product
from math import prod
from pathlib import Path

import pytest
from hypothesis import given, settings

import mncost
from mncost.cost.materialised import Materialised, Tensor, inner_results
from mncost.cost.memory import PRECISIONS, Precision, schedule
from mncost.graph.misfits import as_image
from mncost.graph.ops import Attention, Conv, Linear, Op
from mncost.network import Network
from mncost.published.memory import MemoryFigure, difference
from tests.networks import EVERY_DIALECT, Row, network_of_rows, toml
from tests.random_rows import ALPHAS, ROWS, TAIL, bodies
from tests.running import Result, in_process

ELEMENT = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}
SMALL = {"divisor": 1, "minimum": 1, "se_divisor": 1, "classes": 10}

# ------------------------------------------------------------------ the V2 paper's Table 3, by hand

SIDES = (112, 56, 28, 14, 7, 1)
PRINTED = {
    "v1": "64/1600 128/800 256/400 512/200 1024/199 1024/2",
    "v2": "16/400 32/200 64/100 160/62 320/32 1280/2",
}
PRINTED_MAX = {"v1": 1600, "v2": 400}
# Output channels of the V1 paper's Table 1 and of the V2 paper's Table 2 (c), by output size.
BLOCKS = {"v1": (64, 128, 256, 512, 1024, 1024), "v2": (16, 24, 32, 96, 320, 1280)}
# V2's t·c of the row above, at the input's size; the last convolution at 7 × 7; the pooling.
WIDEST = {"v1": BLOCKS["v1"], "v2": (6 * 16, 6 * 24, 6 * 32, 6 * 96, 1280, 1280)}
# Where V2's cell is what the next row of its Table 2 writes, one size further down.
NEXT_ROW = {56: ("row4.1", 32), 28: ("row5.1", 64), 14: ("row7.1", 160)}


def printed(arch: str) -> dict[int, tuple[int, int]]:
    """Return the printed channels and kB by side."""
    cells = (cell.split("/") for cell in PRINTED[arch].split())
    return {side: (int(c), int(kb)) for side, (c, kb) in zip(SIDES, cells, strict=True)}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("arch", PRINTED)
def test_papers_networks(arch: str, precision: Precision) -> None:
    """Channels from the papers' tables of layers, bytes multiplied out."""
    records = mncost.load(arch, precision=precision).materialised
    element = ELEMENT[precision]
    assert [(r.height, r.width) for r in records] == [(side, side) for side in SIDES]
    for record, blocks, widest in zip(records, BLOCKS[arch], WIDEST[arch], strict=True):
        pixels = record.height**2
        assert record.split is not None
        assert record.split[:2] == (blocks, blocks * pixels * element)
        assert record.largest[:2] == (widest, widest * pixels * element)


def test_layers_of_v2() -> None:
    """The first layer that writes each: rows of the V2 paper's Table 2, its first repeats."""
    records = mncost.load("v2").materialised
    assert [record.split.layer if record.split else "" for record in records] == [
        *(f"row{row}.project.conv" for row in ("2", "3.1", "4.1", "6.1", "8")),
        "row10.pool",
    ]
    assert [record.largest.layer for record in records] == [
        *(f"row{row}.expand.conv" for row in ("3.1", "3.2", "4.2", "6.2")),
        "last.conv",
        "row10.pool",
    ]


@pytest.mark.parametrize("arch", PRINTED)
def test_printed_table(arch: str) -> None:
    """Which cells are ours: all but one kB of V1, and but those of V2 that the next row writes."""
    differ = {}
    for (side, (channels, kb)), ours in zip(printed(arch).items(), BLOCKS[arch], strict=True):
        exact = ours * side * side * 2 / 1000
        if channels != ours or not (abs(exact - kb) < 1 or abs(exact / kb - 1) < 0.01):
            differ[side] = (channels, kb)
    assert (
        differ
        == {
            "v1": {7: (1024, 199)},
            "v2": {56: (32, 200), 28: (64, 100), 14: (160, 62)},
        }[arch]
    )
    records = mncost.load(arch, precision="fp16").materialised
    most = max(record.split.bytes for record in records if record.split)
    assert most == {"v1": 64, "v2": 16}[arch] * 112 * 112 * 2
    assert most // 100_000 * 100 == PRINTED_MAX[arch]


def test_misprint_of_v1() -> None:
    """No tensor of V1 at 7 × 7 takes 199 kB, at any precision; two at 16 bits take 200.7."""
    layers = mncost.load("v1").all_layers
    sizes = {7 * 7 * layer.out_channels for layer in layers if layer.out_height == 7}
    assert sizes == {7 * 7 * 512, 7 * 7 * 1024}
    assert all(round(size * element / 1000) != 199 for size in sizes for element in (1, 2, 4))
    assert 2 * 7 * 7 * 1024 * 2 == 200_704


@pytest.mark.parametrize(("side", "writer"), NEXT_ROW.items())
def test_cells_of_v2_from_the_next_row(side: int, writer: tuple[str, int]) -> None:
    """The printed channels are what the block writes that reads there; the kB follow from them."""
    block, channels = writer
    members = [layer for layer in mncost.load("v2").all_layers if layer.block == block]
    assert (members[0].in_height, members[-1].out_height) == (side, side // 2)
    assert members[-1].out_channels == channels
    kb = channels * side * side * 2 // 1000
    assert (channels, kb) == printed("v2")[side]


# ------------------------------------------------------------------------------------- the reasons


def reason(channels: int, kb: int, ours: int | None = 8) -> str:
    """Compare a cell for 10 × 10 with a network that has a block from there to 5 × 5, 8 → 24."""
    rows: list[Row] = [
        {"block": "dropout", "rate": 0.1},
        {"block": "conv", "kernel": 1, "out": 8},
        {"block": "separable", "kernel": 3, "out": 24, "stride": 2},
    ]
    network = network_of_rows(rows, 10, rules=SMALL)
    split = None if ours is None else Tensor(ours, ours * 200, "x")
    record = Materialised(10, 10, Tensor(99, 19_800, "y"), split)
    return difference(record, MemoryFigure(channels, kb), network.all_layers)


def test_no_reason_is_needed_for_rounding() -> None:
    """800 channels of 100 pixels are 160 kB, eight are 1.6: up to 1 % or 1 kB, either way."""
    for kb in (159, 160, 161):
        assert reason(800, kb, ours=800) == ""
    for kb in (1, 2):
        assert reason(8, kb) == ""


@pytest.mark.parametrize(("channels", "kb", "exact"), [(800, 158, "160.0"), (8, 3, "1.6")])
def test_reason_of_a_misprint(channels: int, kb: int, exact: str) -> None:
    """KB that do not follow from their own channels are a misprint, whatever ours is."""
    for ours in (channels, 7, None):
        assert reason(channels, kb, ours) == (
            f"10×10: {kb} kB is a misprint: the {channels} channels printed beside it take "
            f"{exact} kB"
        )


def test_reason_of_the_next_row() -> None:
    """24 channels stand for the block that reads 10 × 10 and writes 5 × 5."""
    for ours, text in ((8, "8"), (None, "0")):
        assert reason(24, 4, ours) == (
            "10×10: 24 channels are written by row3.pointwise.conv, whose block reads 10×10 but "
            f"writes 5×5; at 10×10 {text} are written at most"
        )


def test_a_difference_without_reason() -> None:
    """Nothing explains 16 channels; nor 8, which a block that stays at 10 × 10 writes."""
    assert reason(16, 3) == "10×10: 16 channels are not reproduced"
    assert reason(8, 2, ours=4) == "10×10: 8 channels are not reproduced"


# ------------------------------------------------------- what is whole, block by block, and by hand

IMAGES = [block for block in ROWS if block != "mobilevit"]  # what the machine below cuts
STEM: Row = {"block": "conv", "kernel": 3, "out": 8, "stride": 2, "activation": "relu"}
WIDE: Row = {"block": "conv", "kernel": 1, "out": 32}
BOTTLENECK: Row = {"block": "inverted_residual", "kernel": 3, "expansion": 6, "out": 8}
UIB: Row = {"block": "uib", "expanded": 32, "out": 8, "activation": "relu", "layer_scale": True}
MQA: Row = {"block": "mobile_mqa", "heads": 4, "key_dim": 4, "kv_stride": 2}
FUSED: Row = {"block": "fused_inverted_residual", "kernel": 3, "expansion": 4, "out": 8}

WHOLE: dict[str, tuple[list[Row], str]] = {
    "V1": (
        [STEM, {"block": "separable", "kernel": 3, "out": 8}],
        "row2.pointwise.conv",
    ),
    # A pointwise that widens reads what is whole: the paper's constraint (b) is not met.
    "V1, wider": (
        [STEM, {"block": "separable", "kernel": 3, "out": 16}],
        "row2.depthwise.conv row2.pointwise.conv",
    ),
    "a stem that narrows": (
        [STEM | {"out": 2}, {"block": "separable", "kernel": 3, "out": 2}],
        "row1.conv row2.pointwise.conv",
    ),
    # Two filters a channel: it reads slices of the stem, but mixes nothing to write any.
    "a depthwise that widens": (
        [STEM, WIDE | {"groups": 8, "out": 16}, {"block": "separable", "kernel": 3, "out": 8}],
        "row2.conv row3.pointwise.conv",
    ),
    "V2's first layers": (
        [STEM, BOTTLENECK | {"expansion": 1, "out": 4}],
        "row2.project.conv",
    ),
    # The sum reads the stem too.
    "V3's first layers": (
        [STEM, BOTTLENECK | {"expansion": 1}],
        "row1.conv row2.project.conv row2.add",
    ),
    "a bottleneck": ([STEM, BOTTLENECK], "row1.conv row2.project.conv row2.add"),
    "without a sum": ([STEM, BOTTLENECK | {"out": 4}], "row1.conv row2.project.conv"),
    # He et al.'s bottleneck: narrow inside, so slices of the inside would save nothing.
    "narrow inside": (
        [STEM, BOTTLENECK | {"expansion": 0.5, "residual": False}],
        "row1.conv row2.expand.conv row2.depthwise.conv row2.project.conv",
    ),
    # Pooled and scaled: read twice.
    "squeeze-excite": (
        [STEM, BOTTLENECK | {"se": 0.25, "out": 4}],
        "row1.conv row2.depthwise.conv row2.se.reduce.conv row2.project.conv",
    ),
    "fused": ([STEM, FUSED], "row1.conv row2.project.conv row2.add"),
    "two stems": ([STEM, STEM], "row1.conv row2.conv"),
    "UIB": (
        [STEM, UIB | {"start_kernel": 3, "middle_kernel": 3}],
        "row1.conv row2.start.conv row2.project.conv row2.add",
    ),
    "UIB without depthwise": (
        [STEM, UIB | {"start_kernel": 0, "middle_kernel": 0, "out": 4}],
        "row1.conv row2.project.conv row2.layer_scale",
    ),
    # The strided depthwise in front of keys and of values narrows nothing, but is summed up.
    "attention": (
        [STEM, MQA],
        "row1.conv row2.bn row2.query.conv row2.key.conv row2.value.conv row2.attention "
        "row2.output.conv row2.add",
    ),
    # The widened tensor is pooled slice by slice; the vector is a block's result.
    "the head": (
        [STEM, WIDE, {"block": "pool"}, {"block": "dropout", "rate": 0.1}, TAIL[1]],
        "row1.conv row3.pool row5.linear",
    ),
    "no layers": ([{"block": "dropout", "rate": 0.1}], ""),
}


def whole(network: Network) -> list[str]:
    """Return the layers whose results are whole."""
    graph = network.graph
    plan = schedule(graph)
    inner = inner_results(graph, plan)
    return [graph.nodes[step.node].name for step in plan if step.node not in inner]


@pytest.mark.parametrize(("rows", "names"), WHOLE.values(), ids=WHOLE)
def test_what_is_whole(rows: list[Row], names: str) -> None:
    """What blocks still materialise in slices, worked out by hand from the definition."""
    assert whole(network_of_rows(rows, rules=SMALL)) == names.split()


def test_what_v2_keeps_whole() -> None:
    """All bottlenecks and sums, the pooled vector and the classes: Section 5.1 of the paper."""
    names = whole(mncost.load("v2"))
    kinds = Counter(name.partition(".")[2].lstrip("1234.") for name in names)
    assert kinds == {"project.conv": 17, "add": 10, "pool": 1, "linear": 1}


@pytest.mark.parametrize("arch", ["v3-large", "v3-small"])
def test_v3_keeps_whole_what_it_scales(arch: str) -> None:
    """Each squeeze-excite keeps its depthwise's result, other bottlenecks do not."""
    network = mncost.load(arch)
    gated = {layer.block for layer in network.all_layers if layer.kind == "scale"}
    assert {name[: -len(".depthwise.conv")] for name in whole(network) if "depthwise" in name} == (
        gated
    )


def test_v3_small_keeps_nothing_whole_at_its_first_size() -> None:
    """Its stem's 16 channels go straight into a strided depthwise: V3 paper, Table 2."""
    first, second, *_ = mncost.load("v3-small", precision="fp16").materialised
    assert first == (112, 112, (16, 16 * 112**2 * 2, "stem.conv"), None)
    assert second.split == (16, 16 * 56**2 * 2, "row2.depthwise.conv")


def test_v4_keeps_queries_whole() -> None:
    """Hybrid-M at 16 × 16: 4 heads of 64 are more than the blocks' 160 channels."""
    by_side = {r.height: r for r in mncost.load("v4-hybrid-m", precision="int8").materialised}
    assert by_side[16].split == (256, 256 * 16 * 16, "row9.query.conv")


# -------------------------------------------------------------------------------------------- sizes


def test_vectors_inside_blocks_are_of_size_one() -> None:
    """A squeeze-excite's vectors stand in the last row: pooled 48, squeezed 24, then 4 and 10."""
    rows = [BOTTLENECK | {"se": 0.5, "expansion": 16, "out": 4}, *TAIL]
    first, last = network_of_rows(rows, 4, rules=SMALL).materialised
    assert first[:2] == (4, 4)
    assert last == (1, 1, (48, 4 * 48, "row1.se.pool"), (24, 4 * 24, "row1.se.reduce.conv"))


def test_one_pixel() -> None:
    """An image of one pixel has one size; of equals the first layer is named."""
    rows = [{"block": "conv", "kernel": 3, "out": 10}, *TAIL]
    (record,) = network_of_rows(rows, 1, rules=SMALL).materialised
    assert record == (1, 1, (10, 40, "row1.conv"), (10, 40, "row2.pool"))


def test_no_layers() -> None:
    """Without a step nothing is written, and the image does not count."""
    assert network_of_rows([{"block": "dropout", "rate": 0.1}]).materialised == ()


# ------------------------------------------------------------------- a machine that runs in slices


def channels_read(op: Op, channel: int, channels: int) -> list[int]:
    """Return the input channels, of so many, that one output channel depends on."""
    match op:
        case Conv():
            width, group = op.in_channels // op.groups, channel * op.groups // op.out_channels
            return list(range(group * width, (group + 1) * width))
        case Linear() | Attention():
            return list(range(channels))
        case _:
            return [channel]


def run_in_slices(network: Network) -> set[int]:
    """Run a network, and return the results that it held whole.

    Of an inner result the machine has room for one channel, and it computes each channel once. A
    convolution, a linear layer or a sum takes in its input channel by channel.
    """
    graph, shapes = network.graph, network.shapes
    steps = {step.node: step for step in schedule(graph)}
    inner = inner_results(graph, schedule(graph))
    held, computed = {0}, Counter[tuple[int, int]]()

    def compute(index: int, channel: int) -> None:
        computed[index, channel] += 1
        for source in steps[index].inputs:
            if source in inner:
                (only,) = channels_read(graph.nodes[index].op, channel, shapes[source][0])
                compute(source, only)
            else:
                assert source in held

    for index, step in steps.items():
        if index in inner:
            continue
        for source in step.inputs:
            if source in inner:
                assert not isinstance(graph.nodes[index].op, Attention)
                for channel in range(shapes[source][0]):
                    compute(source, channel)
            else:
                assert source in held
        held.add(index)
    everything = {(index, c) for index in inner for c in range(shapes[index][0])}
    assert computed == Counter(everything)
    return held - {0}


def check(network: Network) -> None:
    """Compare the records with what the machine held, size by size."""
    held = run_in_slices(network)
    element, steps = ELEMENT[network.precision], [s.node for s in schedule(network.graph)]
    for record in network.materialised:
        tensors = {
            step: (shape[0], prod(shape) * element, network.graph.nodes[step].name)
            for step in steps
            if as_image(shape := network.shapes[step])[1:] == record[:2]
        }
        left = [tensor for step, tensor in tensors.items() if step in held]
        assert record.largest == max(tensors.values(), key=lambda tensor: tensor[1])
        assert record.split == max(left, key=lambda tensor: tensor[1], default=None)
    sizes = [(record.height, record.width) for record in network.materialised]
    written = {as_image(network.shapes[step])[1:] for step in steps}
    assert sizes == sorted(written, reverse=True)


@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
def test_families(arch: str, dialect: str) -> None:
    """Each family and its twin runs in slices, and holds what the records say."""
    network = mncost.load(arch, 0.75, 97, dialect)
    check(network)
    check(network.standard)


@settings(deadline=None, max_examples=60)
@given(rows=bodies(*IMAGES), alpha=ALPHAS)
def test_random_networks(rows: list[Row], alpha: float) -> None:
    """So does any valid file."""
    network = network_of_rows([*rows, *TAIL], 32, alpha)
    check(network)
    check(network.standard)


# -------------------------------------------------------------------------------- the command line


def memory(*arguments: str) -> Result:
    """Run ``mncost layers --memory``."""
    return in_process(["layers", "--memory", *arguments])


def rows_of(*arguments: str) -> list[dict[str, str]]:
    """Return its rows."""
    result = memory(*arguments, "--format", "csv")
    assert result.status == 0, result
    return list(csv.DictReader(io.StringIO(result.out)))


@pytest.mark.parametrize("arch", PRINTED)
def test_printed_columns(arch: str) -> None:
    """The columns beside ours are the paper's; a note stands for each cell that differs."""
    rows = rows_of("--arch", arch, "--precision", "fp16")
    cells = [f"{row['published_channels']}/{row['published_kb']}" for row in rows]
    assert " ".join(cells) == PRINTED[arch]
    assert [int(row["split_channels"]) for row in rows] == list(BLOCKS[arch])
    assert [int(row["largest_channels"]) for row in rows] == list(WIDEST[arch])
    notes = memory("--arch", arch, "--precision", "fp16", "-f", "csv").err
    told = [line.split()[4] for line in notes.splitlines() if " printed at " in line]
    assert told == {"v1": ["7×7:"], "v2": ["56×56:", "28×28:", "14×14:"]}[arch]
    for side, (block, channels) in NEXT_ROW.items() if arch == "v2" else ():
        assert f"{side}×{side}: {channels} channels are written by {block}." in notes


@pytest.mark.parametrize(
    "arguments",
    [
        ["--arch", "v2"],
        ["--arch", "v2", "--precision", "int8"],
        ["--arch", "v2", "--precision", "fp16", "--alpha", "0.5"],
        ["--arch", "v2", "--precision", "fp16", "--resolution", "192"],
        ["--arch", "v2", "--precision", "fp16", "--dialect", "torchvision"],
        ["--arch", "v2", "--precision", "fp16", "--twin", "standard"],
        ["--arch", "v3-large", "--precision", "fp16"],
    ],
)
def test_nothing_is_printed_for_other_networks(arguments: list[str]) -> None:
    """Only V1 and V2 as in their papers, at 16 bits, have a printed cell."""
    result = memory(*arguments, "--format", "json")
    assert result.status == 0
    document = json.loads(result.out)
    assert not any(name.startswith("published") for name in document["columns"])
    assert not any(note.startswith("printed") for note in document["notes"])


def test_nothing_is_printed_for_a_file_of_the_same_name(tmp_path: Path) -> None:
    """A file that calls itself v2 is not the paper's V2."""
    path = tmp_path / "mine.toml"
    path.write_bytes(toml([STEM, *TAIL], name="v2", resolution=224))
    (first, *_) = rows_of("--arch", str(path), "--precision", "fp16")
    assert "published_kb" not in first


def test_twin() -> None:
    """V1's standard twin: the stem's 32 channels, then a convolution to 64; both at 112 × 112."""
    first, *_ = rows_of("--arch", "v1", "--twin", "standard", "--precision", "int8")
    assert (first["largest_channels"], first["largest_bytes"]) == ("64", str(64 * 112 * 112))


def test_absent_tensors_are_empty_cells() -> None:
    """Where nothing is whole in slices, the cells are empty."""
    first, *_ = rows_of("--arch", "v3-small")
    names = ("split_channels", "split_bytes", "split_layer")
    assert [first[name] for name in names] == ["", "", ""]
    title = memory("--arch", "v3-small", "--precision", "fp16").out.splitlines()[0]
    assert f"split, {16 * 56**2 * 2:,} bytes, at row2.depthwise.conv" in title


@pytest.mark.parametrize("format_name", ["terminal", "markdown"])
def test_heading(format_name: str) -> None:
    """It says the largest of all sizes; a note says what split is."""
    lines = memory("-a", "v2", "--precision", "fp16", "-f", format_name).out.splitlines()
    largest, split = 6 * 16 * 112**2 * 2, 16 * 112**2 * 2
    assert f"{largest:,} bytes, at row3.1.expand.conv; split, {split:,} bytes" in lines[0]
    assert any("split: of those that are left" in line for line in lines)


def test_columns_are_chosen() -> None:
    """--columns goes with it, in its own names."""
    (first, *_) = rows_of("-a", "v1", "--columns", "split_layer,height")
    assert first == {"split_layer": "row2.pointwise.conv", "height": "112"}


REFUSED = [
    *product([["--by", by] for by in ("block", "stage", "kind", "pair")], ["goes without --by"]),
    (["--all"], "--memory goes without --by, --all and --flops"),
    (["--flops"], "--memory goes without --by, --all and --flops"),
    (["--columns", "macs"], "unknown column 'macs'"),
    (["--columns", "published_kb"], "unknown column 'published_kb'"),  # fp32 has none
    (["--alpha", "0.5,1.0"], "needs one network"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_what_it_does_not_go_with(arguments: list[str], words: str) -> None:
    """One line on standard error, status 2, nothing printed."""
    result = memory("--arch", "v2", *arguments)
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1), result
    assert words in result.err
