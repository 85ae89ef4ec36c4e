"""The commands: what a user gets from each of them.

Counts are compared with what torchvision and timm really build, and with the papers.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mncost
from mncost.cli.main import COMMANDS
from mncost.graph.twin import TWINS
from tests.running import FAMILIES, Result, as_process, in_process

TABLE = (
    "arch,dialect,alpha,resolution,macs,params,standard_macs,standard_params,"
    "macs_ratio,params_ratio,weight_bytes,peak_activation_bytes"
)
LAYERS = (
    "name,block,kind,in_channels,out_channels,kernel,stride,groups,out_height,out_width,"
    "bias,params,macs,bytes_read,bytes_written,intensity"
)
# Exact counts of torchvision's mobilenet_v2 and timm's mobilenetv1_100.
V2_PARAMS = {"0.35": 1_677_128, "0.5": 1_968_680, "0.75": 2_636_424, "1.0": 3_504_872}
V2_MACS, V1_MACS, V1_PARAMS = 300_774_272, 568_740_352, 4_231_976
ARCHITECTURES = [
    *("v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic", "v3-small-minimalistic"),
    *("v4-conv-s", "v4-conv-m", "v4-conv-l", "v4-hybrid-m", "v4-hybrid-l"),
]


def records(*arguments: str, stdin: bytes = b"") -> list[dict[str, str]]:
    """Run a command with ``--format csv`` and return its rows."""
    result = in_process([*arguments, "--format", "csv"], stdin)
    assert result.status == 0, result.err
    return list(csv.DictReader(io.StringIO(result.out)))


def document(*arguments: str) -> dict[str, Any]:
    """Run a command with ``--format json`` and return what it printed."""
    result = in_process([*arguments, "--format", "json"])
    assert (result.status, result.err) == (0, "")
    loaded: dict[str, Any] = json.loads(result.out)
    return loaded


def column(rows: list[dict[str, str]], name: str) -> list[str]:
    """Return one column of a CSV."""
    return [row[name] for row in rows]


# ---------------------------------------------------------------------------------------- table


def test_table_has_the_promised_columns_in_order() -> None:
    """The CSV of `table` has the promised header, and then where the peak is."""
    result = in_process(["table", "--arch", "v2", "--format", "csv"])
    assert result.out.splitlines()[0] == TABLE + ",peak_layer"
    assert result.err == ""


def test_table_counts_v2_over_its_published_alphas() -> None:
    """`--alpha 0.35:1.0` gives V2's four published α, with torchvision's parameters."""
    rows = records("table", "--arch", "v2", "--alpha", "0.35:1.0")
    assert dict(zip(column(rows, "alpha"), map(int, column(rows, "params")), strict=True)) == (
        V2_PARAMS
    )
    assert rows[-1]["macs"] == str(V2_MACS)
    assert column(rows, "resolution") == ["224"] * 4
    assert column(rows, "dialect") == ["paper"] * 4


def test_table_stands_beside_the_standard_convolution_twin() -> None:
    """V1's twin has the 4,866 M MACs (plus classifier) and 29.3 M parameters of its Table 4."""
    (row,) = records("table", "--arch", "v1")
    without_classifier = int(row["standard_macs"]) - 1024 * 1000
    assert round(without_classifier / 1e6) == 4866
    assert round(int(row["standard_params"]) / 1e6, 1) == 29.3
    assert (row["macs"], row["params"]) == (str(V1_MACS), str(V1_PARAMS))
    for what in ("macs", "params"):
        ratio = int(row[f"standard_{what}"]) / int(row[what])
        assert float(row[f"{what}_ratio"]) == pytest.approx(ratio)


def test_table_writes_the_issues_grid(here: Path) -> None:
    """V1, V2 and the V3 group over α and resolution land in one CSV file, silently."""
    words = "table --arch v1,v2,v3 --alpha 0.5:1.0 --resolution 128:224 --format csv -o grid.csv"
    result = in_process(words.split())
    assert (result.status, result.out) == (0, "")
    rows = list(csv.DictReader(io.StringIO((here / "grid.csv").read_text("utf-8"))))
    v2 = {(row["alpha"], row["resolution"]) for row in rows if row["arch"] == "v2"}
    assert v2 == {(a, r) for a in ("0.5", "0.75", "1.0") for r in ("128", "160", "192", "224")}
    assert {row["arch"] for row in rows} == set(ARCHITECTURES[:6])


def test_pivot_is_an_alpha_by_resolution_matrix() -> None:
    """`--pivot macs` has one row per α, one column per resolution, and the macs inside."""
    words = "table --arch v2 --alpha 0.35:1.4 --resolution 96:224 --pivot macs"
    rows = records(*words.split())
    assert list(rows[0]) == ["arch", "dialect", "alpha", "96", "128", "160", "192", "224"]
    assert column(rows, "alpha") == ["0.35", "0.5", "0.75", "1.0", "1.3", "1.4"]
    assert rows[3]["224"] == str(V2_MACS)
    # Google's table of checkpoints prints these, truncated.
    assert [int(row["96"]) // 10**6 for row in rows[:4]] == [11, 18, 39, 56]


def test_pivot_leaves_cells_empty_that_were_not_asked_for() -> None:
    """Two architectures with other native sizes share a matrix; what is not there is empty."""
    rows = records("table", "--arch", "v2,v4-conv-m", "--pivot", "params")
    assert (rows[0]["224"], rows[0]["256"], rows[1]["224"]) == ("3504872", "", "")
    assert rows[1]["256"] == "9715512"  # timm's count


def test_published_stands_beside_ours_and_hides_nothing() -> None:
    """`--published` prints Google's 22 checkpoints of V2, each with the figure as printed."""
    rows = records("table", "--arch", "v2", "--published")
    google = [row for row in rows if "nets/mobilenet/README.md" in row["source"]]
    assert len(google) == 22
    native = next(row for row in google if row["variant"] == "mobilenet_v2_1.0_224")
    assert (native["published_macs_m"], native["published_params_m"]) == ("300", "3.47")
    assert (native["macs"], native["params"]) == (str(V2_MACS), "3504872")
    assert "weights" in native["params_why"]
    assert "1001" in native["params_why"].replace(",", "")


def test_published_for_people_has_reasons_and_sources_below() -> None:
    """On a terminal the long texts are marks in the table and lines below it."""
    result = in_process(["table", "--arch", "v2", "--published"])
    assert result.status == 0
    assert re.search(r"^\[1\] \S", result.out, re.MULTILINE)


def test_flops_adds_twice_the_macs() -> None:
    """`--flops` adds a column that is 2 × macs, and only when asked."""
    (row,) = records("table", "--arch", "v2", "--flops")
    assert int(row["flops"]) == 2 * V2_MACS
    layers = records("layers", "--arch", "v2", "--flops")
    assert [int(row["flops"]) for row in layers] == [2 * int(row["macs"]) for row in layers]
    title = in_process(["table", "--arch", "v2", "--flops", "-f", "markdown"]).out.splitlines()[0]
    assert "FLOPs =2×MACs" in title


def test_columns_come_in_the_order_asked_for() -> None:
    """`--columns` chooses and orders, extra columns included."""
    rows = records("table", "--arch", "v2", "--columns", "params, rho,arch,classes,peak_layer")
    assert list(rows[0]) == ["params", "rho", "arch", "classes", "peak_layer"]
    assert (rows[0]["rho"], rows[0]["classes"]) == ("1.0", "1000")


def test_classes_change_only_the_classifier() -> None:
    """One more class costs V2 a row of 1,280 weights and a bias, and 1,280 MACs."""
    (row,) = records("table", "--arch", "v2", "--classes", "1001")
    assert int(row["params"]) - V2_PARAMS["1.0"] == 1281
    assert int(row["macs"]) - V2_MACS == 1280


def test_precision_halves_and_quarters_bytes_not_counts() -> None:
    """fp16 takes half of fp32's bytes, int8 about a quarter (biases stay int32)."""
    cells = {
        name: records("table", "--arch", "v2", "--precision", name)[0]
        for name in ("fp32", "fp16", "int8")
    }
    for what in ("weight_bytes", "peak_activation_bytes"):
        full, half, quarter = (int(cells[name][what]) for name in cells)
        assert full == 2 * half
        assert full / 4 <= quarter < full / 3
    assert {cell["macs"] for cell in cells.values()} == {str(V2_MACS)}


def test_rho_is_a_ratio_of_the_native_resolution() -> None:
    """ρ 0.857, 0.714 and 0.571 of 224 px are V1's published 192, 160 and 128 px."""
    by_rho = records("table", "--arch", "v1", "--rho", "0.571,0.714,0.857,1")
    by_pixel = records("table", "--arch", "v1", "--resolution", "128:224")
    assert column(by_rho, "resolution") == ["128", "160", "192", "224"]
    assert by_rho == by_pixel


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--arch", "mobilenets"], ARCHITECTURES),
        (["--arch", "v3"], ARCHITECTURES[2:6]),
        (["--arch", "v4"], ARCHITECTURES[6:]),
        (["--arch", "v2,v1"], ["v2", "v1"]),
        (["--arch", "v2", "--arch", "v1"], ["v2", "v1"]),
        (["-a", "v2, v1", "-a", "v2"], ["v2", "v1"]),
        (
            ["--arch", "v3-small,v3"],
            ["v3-small", *(a for a in ARCHITECTURES[2:6] if a[2:] != "-small")],
        ),
    ],
)
def test_arch_takes_names_groups_and_repeats(arguments: list[str], expected: list[str]) -> None:
    """Names, groups, commas and repeated options add up, each architecture once."""
    assert column(records("table", *arguments), "arch") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mobilenet_v2_0.75_160", ("v2", "paper", "0.75", "160")),
        ("mobilenet_v1_0.25_128", ("v1", "paper", "0.25", "128")),
        ("mobilenet_v2", ("v2", "torchvision", "1.0", "224")),
        ("mobilenetv2_050", ("v2", "timm", "0.5", "224")),
        ("mobilenetv3_large_075", ("v3-large", "timm", "0.75", "224")),
    ],
)
def test_arch_takes_the_name_of_a_checkpoint(name: str, expected: tuple[str, ...]) -> None:
    """A checkpoint's name says architecture, dialect, α and resolution."""
    (row,) = records("table", "--arch", name)
    assert (row["arch"], row["dialect"], row["alpha"], row["resolution"]) == expected


def test_a_users_file_does_what_a_built_in_one_does(here: Path) -> None:
    """A copy of a built-in file, from a path or from standard input, gives the same rows."""
    text = (FAMILIES / "v2.toml").read_bytes()
    (here / "my_net.toml").write_bytes(text)
    options = ("--alpha", "0.35:1.0", "--resolution", "96:224", "--dialect", "timm")
    expected = records("table", "--arch", "v2", *options)
    assert records("table", "--arch", "my_net.toml", *options) == expected
    assert records("table", "--arch", "-", *options, stdin=text) == expected


@pytest.mark.parametrize("line", ["table {} --hints", "compare {} --precision fp32,int8"])
def test_standard_input_serves_a_command_that_needs_it_twice(line: str, here: Path) -> None:
    text = (FAMILIES / "v2.toml").read_bytes()
    (here / "v2.toml").write_bytes(text)
    of_file = in_process(line.format("v2.toml").split())
    assert in_process(line.format("-").split(), stdin=text) == of_file
    assert of_file.status == 0


def test_a_note_says_which_alphas_collapse() -> None:
    """α that round to one network are named: below a table, in JSON, on stderr beside CSV."""
    words = ["table", "--arch", "v2", "--alpha", "0.9,0.901,1.0"]
    (note,) = document(*words)["notes"]
    assert "0.9, 0.901" in note
    found = in_process([*words, "--format", "csv"])
    assert found.err == f"mncost: note: {note}\n"
    assert len(found.out.splitlines()) == 4
    for name in ("terminal", "markdown"):
        assert note in in_process([*words, "-f", name]).out


def test_a_family_without_the_range_is_left_out_and_named() -> None:
    """In a group, a family that has nothing in the range is left out with a note, not silently."""
    loaded = document("table", "--arch", "v1,v2", "--alpha", "1.3:1.4")
    assert [row["arch"] for row in loaded["rows"]] == ["v2", "v2"]
    assert len(loaded["notes"]) == 1


# --------------------------------------------------------------------------------------- layers


def test_layers_has_the_promised_columns_in_order() -> None:
    """The CSV of `layers` begins with exactly the promised header; the stem is the paper's."""
    result = in_process(["layers", "--arch", "v1", "--format", "csv"])
    assert result.out.splitlines()[0] == LAYERS
    stem = records("layers", "--arch", "v1")[0]
    assert (stem["name"], stem["block"], stem["kind"]) == ("stem.conv", "stem", "conv")
    assert stem["macs"] == str(3 * 3 * 3 * 32 * 112 * 112)
    assert (stem["params"], stem["bias"]) == (str(3 * 3 * 3 * 32), "false")


@pytest.mark.parametrize("by", ["layer", "block", "stage", "kind"])
def test_every_grouping_adds_up_to_the_network(by: str) -> None:
    """Whatever `--by` says, MACs and parameters sum to the network's."""
    rows = records("layers", "--arch", "v2", "--by", by)
    assert sum(int(row["macs"]) for row in rows) == V2_MACS
    assert sum(int(row["params"]) for row in rows) == V2_PARAMS["1.0"]
    assert len(set(column(rows, "name"))) == len(rows)


def test_stages_are_the_sizes_of_v2s_table() -> None:
    """V2's stages end at 112, 56, 28, 14, 7 and 1 pixels, as in Table 2 of its paper."""
    rows = records("layers", "--arch", "v2", "--by", "stage")
    assert column(rows, "out_height") == ["112", "56", "28", "14", "7", "1"]


def test_kinds_are_those_of_the_graph() -> None:
    """V3 has convolutions, linear layers and batch norms; V4-Hybrid attention and layer scale."""
    v3 = column(records("layers", "--arch", "v3-large", "--by", "kind"), "name")
    assert {"conv", "depthwise", "pointwise", "linear", "batch_norm"} <= set(v3)
    v4 = column(records("layers", "--arch", "v4-hybrid-m", "--by", "kind"), "name")
    assert {"attention", "layer_scale"} <= set(v4)


def test_pairs_show_the_theoretical_ratio() -> None:
    """For V1's first pair (N = 64, k = 3) theory says 1/64 + 1/9, and so do the counts."""
    first = records("layers", "--arch", "v1", "--by", "pair")[0]
    assert float(first["theoretical_macs_share"]) == pytest.approx(1 / 64 + 1 / 9)
    exact = int(first["pair_macs"]) / int(first["merged_macs"])
    assert float(first["macs_share"]) == pytest.approx(exact) == pytest.approx(1 / 64 + 1 / 9)
    assert len(records("layers", "--arch", "v1", "--by", "pair")) == 13


def test_pairs_of_the_fused_twin() -> None:
    """V2's first expansion, 16 → 96 and 3×3 of stride 2 at 112: s²/k² + 1/C is 4/9 + 1/16."""
    rows = records("layers", "--arch", "v2", "--by", "pair", "--twin", "fused")
    assert len(rows) == 16
    first = rows[0]
    assert (first["first"], first["second"]) == ("row3.1.expand.conv", "row3.1.depthwise.conv")
    assert [first[name] for name in ("kernel", "stride", "in_channels", "out_channels")] == [
        *("3", "2", "16", "96")
    ]
    assert int(first["pair_macs"]) == 16 * 96 * 112**2 + 9 * 96 * 56**2
    assert int(first["merged_macs"]) == 9 * 16 * 96 * 56**2
    exact = int(first["pair_macs"]) / int(first["merged_macs"])
    assert float(first["macs_share"]) == pytest.approx(exact) == pytest.approx(4 / 9 + 1 / 16)
    assert float(first["theoretical_macs_share"]) == pytest.approx(4 / 9 + 1 / 16)


@pytest.mark.parametrize("twin", TWINS)
def test_pairs_have_the_same_columns_for_every_twin(twin: str) -> None:
    """A program reads them all alike; the help names each twin."""
    rows = records("layers", "--arch", "v2", "--by", "pair", "--twin", twin)
    assert list(rows[0]) == list(records("layers", "--arch", "v1", "--by", "pair")[0])
    assert twin in in_process(["layers", "--help"]).out


def test_all_adds_the_operators_that_cost_nothing() -> None:
    """`--all` keeps the order and adds activations, pooling and the like, without new costs."""
    some, every = records("layers", "--arch", "v2"), records("layers", "--arch", "v2", "--all")
    names = set(column(some, "name"))
    assert [row for row in every if row["name"] in names] == some
    added = [row for row in every if row["name"] not in names]
    assert {"activation", "add", "pool", "dropout"} <= {row["kind"] for row in added}
    assert {(row["macs"], row["params"]) for row in added} == {("0", "0")}


def test_twin_shows_the_standard_convolutions() -> None:
    """`--twin standard` has no depthwise left and costs what the paper's Table 4 says."""
    rows = records("layers", "--arch", "v1", "--twin", "standard")
    assert "depthwise" not in column(rows, "kind")
    assert round((sum(int(row["macs"]) for row in rows) - 1_024_000) / 1e6) == 4866


def test_twin_shows_the_fused_convolutions() -> None:
    """`--twin fused` has no depthwise but that of V2's first block, which expands nothing."""
    rows = records("layers", "--arch", "v2", "--twin", "fused")
    depthwise = [row["name"] for row in rows if row["kind"] == "depthwise"]
    assert depthwise == ["row2.depthwise.conv"]
    assert [row["kind"] for row in rows if row["block"] == "row3.1"] == [
        *("conv", "batch_norm", "pointwise", "batch_norm")
    ]


def test_layers_at_another_width_and_dialect() -> None:
    """The issue's example: torchvision's V3-Large at 0.75 has the 3,994,000-odd parameters."""
    words = "layers --arch v3-large --alpha 0.75 --dialect torchvision --by layer"
    rows = records(*words.split())
    assert {row["kind"] for row in rows} >= {"conv", "depthwise", "pointwise", "linear"}
    assert rows[0]["out_channels"] == "16"  # 0.75 × 16 = 12, to the nearest 8 not 10 % below


# ------------------------------------------------------------------------------- list and schema


def test_list_has_every_architecture() -> None:
    """`list` names all eleven, with native size, published values, dialects and counts."""
    rows = records("list")
    assert column(rows, "arch") == ARCHITECTURES
    v2 = rows[1]
    assert (v2["resolution"], v2["macs"], v2["params"]) == ("224", str(V2_MACS), "3504872")
    assert v2["alphas"] == "0.35 0.5 0.75 1.0 1.3 1.4"
    assert v2["resolutions"] == "96 128 160 192 224"
    assert {"torchvision", "timm", "slim", "keras"} <= set(v2["dialects"].split())
    assert [row["resolution"] for row in rows[6:]] == ["224", "256", "384", "256", "384"]


def test_list_names_the_groups() -> None:
    """`list` says what v3, v4 and all stand for."""
    out = in_process(["list"]).out
    for group, first in (("v3", "v3-large"), ("v4", "v4-conv-s"), ("all", "v1")):
        assert re.search(rf"^{group}\b\W+{first}\b", out, re.MULTILINE)


def test_json_list_has_lists_not_words() -> None:
    """Several values in one cell are a JSON array."""
    v1 = document("list")["rows"][0]
    assert v1["alphas"] == [0.25, 0.5, 0.75, 1.0]
    assert v1["resolutions"] == [128, 160, 192, 224]


def test_schema_goes_to_a_file_too(here: Path) -> None:
    """`schema -o` writes what `schema` prints."""
    printed = in_process(["schema"]).out
    assert in_process(["schema", "-o", "schema.json"]) == Result(0, "", "")
    assert (here / "schema.json").read_text("utf-8") == printed
    assert json.loads(printed)["$schema"].endswith("2020-12/schema")


# --------------------------------------------------------------------------------------- output


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("out.csv", "arch,dialect"),
        ("out.CSV", "arch,dialect"),
        ("out.json", "{"),
        ("out.md", "| arch |"),
        ("out.txt", " "),
        ("out", " "),
        ("out.dat", " "),
    ],
)
def test_the_suffix_chooses_the_format(here: Path, name: str, start: str) -> None:
    """`-o` writes the format that its suffix names, else the terminal's, and prints nothing."""
    assert in_process(["table", "--arch", "v2", "-o", name]) == Result(0, "", "")
    assert (here / name).read_text("utf-8").startswith(start)


def test_format_beats_the_suffix(here: Path) -> None:
    """An explicit `--format` wins over the file's suffix."""
    in_process(["table", "--arch", "v2", "--format", "csv", "-o", "out.json"])
    assert (here / "out.json").read_text("utf-8").startswith(TABLE)


def test_a_dash_is_standard_output(here: Path) -> None:
    """`-o -` prints, and makes no file of that name."""
    words = ["table", "--arch", "v2", "--format", "csv"]
    assert in_process([*words, "-o", "-"]) == in_process(words)
    assert list(here.iterdir()) == []


# ------------------------------------------------------------------------ the program as a whole


def test_version() -> None:
    """`--version` prints name and version."""
    assert in_process(["--version"]) == Result(0, f"mncost {mncost.__version__}\n", "")


def test_no_arguments_is_help(run_cli: Callable[..., Result]) -> None:
    """Bare `mncost` shows the help, and that is no failure."""
    bare = run_cli([])
    assert bare == run_cli(["--help"])
    assert bare.status == 0
    for name in ("table", "layers", "list", "schema"):
        assert name in bare.out


def test_module_and_script_are_one_program() -> None:
    """`python -m mncost` and the installed `mncost` print the same."""
    script = Path(sys.executable).with_name("mncost")
    words = ["table", "--arch", "v2", "--format", "csv"]
    done = subprocess.run([script, *words], capture_output=True, check=True, timeout=300)
    assert as_process(words) == Result(0, done.stdout.decode(), done.stderr.decode())


EXAMPLES = {
    "table": ["mncost table v2 --alpha 0.35:1.0", "mncost table v2 --published"],
    "layers": ["mncost layers v3-large", "mncost layers v2 --by kind"],
    "list": [],
    "schema": [],
}


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("name", EXAMPLES)
def test_help_shows_examples_at_every_width(
    name: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command's help fits the terminal and shows commands to copy."""
    monkeypatch.setenv("COLUMNS", str(width))
    result = in_process([name, "--help"])
    assert (result.status, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= width
    assert f"mncost {name}" in result.out
    if width == 100:
        assert [line for line in EXAMPLES[name] if line not in result.out] == []


def test_help_examples_work(here: Path) -> None:
    """Every example line in the help of `table` and `layers` runs."""
    found = []
    for name in ("table", "layers"):
        lines = in_process([name, "--help"]).out.splitlines()
        found += [
            line.split() for line in map(str.strip, lines) if line.startswith(f"mncost {name}")
        ]
    assert len(found) >= 7
    for words in found:
        if "--latency" not in words:  # it needs a profile of this machine
            assert in_process(words[1:]).status == 0, words


@pytest.mark.parametrize(
    "stated", ["folded", "fused", "nothing is computed in place", "int32 biases"]
)
def test_help_states_the_assumptions_behind_bytes(
    stated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--help` says on what assumptions weights and activations are counted."""
    monkeypatch.setenv("COLUMNS", "200")
    assert stated in " ".join(in_process(["table", "--help"]).out.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("mncost ta", ["table"]),
        ("mncost table --arch v3-s", ["v3-small", "v3-small-minimalistic"]),
        ("mncost table --arch v1,v4-h", ["v1,v4-hybrid-m", "v1,v4-hybrid-l"]),
        ("mncost table --arch v2 --dialect slim-", ["slim-plain", "slim-finegrain"]),
        ("mncost layers --arch v2 --format m", ["markdown"]),
        ("mncost table --arch v2 --convention ptflops", ["ptflops-pytorch", "ptflops-aten"]),
    ],
)
def test_the_shell_completes(words: str, offered: list[str]) -> None:
    """Commands, and the values of options, the last of several with commas."""
    environment = {
        **os.environ,
        "_MNCOST_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from mncost.cli.main import run; run([])"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.split() == offered


# ----------------------------------------------------------------- names of other tools, errors


def test_plain_words_and_the_option_mean_the_same() -> None:
    words = ["table", "v1", "v2", "--format", "csv"]
    option = ["table", "--arch", "v1,v2", "--format", "csv"]
    assert in_process(words).out == in_process(option).out


def test_all_columns_are_those_that_a_frame_has() -> None:
    pytest.importorskip("pandas")
    (row,) = records("table", "v2", "--columns", "all")
    assert list(row) == list(mncost.grid("v2").to_frame().columns)


def test_an_error_of_our_own_has_its_own_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither a failed check (1) nor wrong input (2); the rest is printed on demand."""

    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("by hand")

    monkeypatch.setattr("mncost.tables.grid.grid_table", broken)
    short = in_process(["table", "v2"])
    assert (short.status, short.out, short.err.count("\n")) == (70, "", 1)
    assert "ZeroDivisionError: by hand" in short.err
    long = in_process(["table", "v2", "--traceback"])
    assert long.status == 70
    assert "Traceback" in long.err


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_fits(name: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is offered the runtime of the tests."""
    monkeypatch.setenv("COLUMNS", str(width))
    result = in_process([name, "--help"])
    assert (result.status, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= width
    assert "fake" not in result.out
