"""Counting conventions and ``mncost explain``, against numbers worked out on paper."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import Any, get_args

import pytest

from mncost.cost.conventions import CONVENTIONS, find_convention
from mncost.cost.forms import SEEN_KINDS
from mncost.cost.work import KINDS, SECOND
from mncost.errors import UnknownNameError
from mncost.spec.values import Activation
from tests.networks import Row, network_of_rows
from tests.running import in_process

# An image of 8 × 8 and 3 channels; 4 × 4 and 4 after the stem; 2 × 2 and 2 after the padded one.
ROWS: list[Row] = [
    {"block": "conv", "kernel": 3, "out": 4, "stride": 2, "activation": "relu"},
    {"block": "conv", "kernel": 3, "out": 2, "stride": 2, "padding": "same", "batch_norm": False},
    {"block": "pool"},
    {"block": "linear", "out": 5},
]
STEM, PADDED, LINEAR = 4 * 4 * 4 * 27, 2 * 2 * 2 * 36, 2 * 5
NORM, RELU, POOL, PADDED_BIAS, BIAS = 4 * 4 * 4, 4 * 4 * 4, 2 * 2 * 2, 2 * 2 * 2, 5

BY_HAND = {
    "paper": STEM + PADDED + LINEAR,
    "torch": 2 * (STEM + PADDED + LINEAR),
    "fvcore": STEM + PADDED + LINEAR + 2 * NORM + POOL,
    "ptflops-pytorch": STEM + PADDED + LINEAR + BIAS + PADDED_BIAS + 2 * NORM + 2 * RELU + POOL,
    "ptflops-aten": STEM + PADDED + LINEAR + BIAS + PADDED_BIAS,
    "thop": STEM + PADDED + LINEAR + 4 * NORM,
    "torchinfo": STEM + PADDED + LINEAR + BIAS + PADDED_BIAS + 2 * 4,
    "torchprofile": STEM + PADDED + LINEAR + NORM + 2,
}
BLIND = {
    "paper": {"bias": 2, "batch_norm": 1, "relu": 1, "pool": 1},
    "fvcore": {"bias": 2, "relu": 1},
    "ptflops-pytorch": {},
    "thop": {"bias": 2, "relu": 1, "pool": 1},
    "torchinfo": {"relu": 1, "pool": 1},
}
RULES = {"minimum": 1, "divisor": 1, "padding": "symmetric"}


def explained(*arguments: str) -> list[dict[str, Any]]:
    """Return the rows of ``mncost explain`` as JSON."""
    result = in_process(["explain", *arguments, "--format", "json"])
    assert (result.status, result.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(result.out)["rows"]
    return rows


@pytest.mark.parametrize("name", BY_HAND)
def test_a_convention_weighs_the_terms(name: str) -> None:
    """Each convention of a network of four layers is what the paper's arithmetic gives."""
    network = network_of_rows(ROWS, 8, rules=RULES)
    assert CONVENTIONS[name].total(network.seen) == BY_HAND[name]
    parts = CONVENTIONS[name].parts(network.seen)
    assert sum(part.weight * part.amount for part in parts) == BY_HAND[name]


@pytest.mark.parametrize("name", BLIND)
def test_blind_spots_are_the_operators_that_count_as_zero(name: str) -> None:
    """What a tool has no price for is listed, with how many there are."""
    network = network_of_rows(ROWS, 8, rules=RULES)
    assert CONVENTIONS[name].blind_spots(network.seen) == BLIND[name]


def test_every_kind_of_work_is_known() -> None:
    """Every activation of a file has its kind, and every weight is one of a kind that exists."""
    assert set(get_args(Activation)) - {"none"} <= set(KINDS)
    for convention in CONVENTIONS.values():
        tables = [convention.always, convention.leaf]
        tables += [*convention.modules.values(), *convention.calls.values()]
        assert {kind for table in tables for kind in table} <= {*SEEN_KINDS}
    assert set(SECOND) <= set(KINDS)


def test_an_unknown_convention_names_the_closest() -> None:
    """A typo is answered with the name that was meant and all that are accepted."""
    with pytest.raises(UnknownNameError, match=r"did you mean 'fvcore'.*torchprofile"):
        find_convention("fvcor")


def test_explain_prints_the_bridge_of_v2() -> None:
    """300.774 → 314.193 (fvcore) → 320.300 (ptflops) → 327.487 M (thop), with their terms."""
    bridge = [row for row in explained("--arch", "v2") if row["part"] == "bridge"]
    assert [(row["name"], row["count"]) for row in bridge] == [
        ("paper", 300_774_272),
        ("fvcore", 314_193_216),
        ("ptflops-pytorch", 320_300_008),
        ("thop", 327_486_720),
    ]
    assert bridge[0]["terms"] == ["conv:1*299494272", "linear:1*1280000"]
    assert bridge[1]["terms"] == ["batch_norm:2*6678112", "pool:1*62720"]
    assert bridge[2]["terms"] == ["bias:1*1000", "relu6:1*6105792"]
    text = in_process(["explain", "--arch", "v2"]).out
    for printed in ("300.774", "314.193", "320.300", "327.487", "+ bias 1,000 + relu6 6,105,792"):
        assert printed in text


@pytest.mark.parametrize("arguments", [["v1"], ["v3-large", "--dialect", "keras"], ["v4-hybrid-m"]])
def test_each_step_of_the_bridge_is_the_sum_of_its_terms(arguments: list[str]) -> None:
    """From line to line, the terms make up exactly the difference."""
    before = 0
    for row in explained("--arch", *arguments):
        terms = [term.partition(":")[2].split("*") for term in row["terms"]]
        total = sum(int(weight) * int(amount) for weight, amount in terms)
        assert total == row["count"] - (before if row["part"] == "bridge" else 0)
        before = row["count"]


def test_explain_has_a_row_for_each_tool() -> None:
    """Number, unit, terms, blind spots and version of each tool on this network."""
    tools = {
        row["name"]: row for row in explained("--arch", "v4-hybrid-m") if row["part"] == "tool"
    }
    assert list(tools) == list(CONVENTIONS)
    assert (tools["torch"]["unit"], tools["fvcore"]["unit"]) == ("FLOPs", "MACs")
    assert "attention:8" in tools["thop"]["blind_spots"]
    assert "layer_scale:30" in tools["fvcore"]["blind_spots"]
    assert tools["fvcore"]["version"] == "0.1.5.post20221221"


def test_explain_shows_a_twin() -> None:
    """`--twin standard` explains the standard-convolution twin: V1's has 4,867.29 M."""
    rows = explained("--arch", "v1", "--twin", "standard")
    assert round(rows[0]["count"] / 1e6, 2) == 4867.29


@pytest.mark.parametrize("name", ["terminal", "csv", "json", "markdown"])
def test_explain_has_every_format(name: str) -> None:
    """Each format names every tool."""
    result = in_process(["explain", "--arch", "v2", "--format", name])
    assert result.status == 0
    assert [tool for tool in CONVENTIONS if tool not in result.out] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explain", "--arch", "v1,v2"], "needs one network"),
        (["explain", "--arch", "v2", "--twin", "standart"], "did you mean 'standard'"),
        (["table", "--arch", "v2", "--convention", "tophat"], "did you mean 'thop'"),
        (["table", "--arch", "v2", "--convention", "thop", "--flops"], "do not go together"),
        (["table", "--arch", "v2", "--convention", "thop", "--published"], "does not go with"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str) -> None:
    """What cannot be answered is said in one line, with status 2."""
    result = in_process(arguments)
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert said in result.err


def test_table_uses_one_convention_throughout() -> None:
    """MACs, the twin's, their ratio: all by one tool, which a column names."""
    words = "table --arch v2 --convention fvcore --format csv"
    (row,) = csv.DictReader(io.StringIO(in_process(words.split()).out))
    assert (row["macs"], row["convention"]) == ("314193216", "fvcore")
    twin = [r for r in explained("--arch", "v2", "--twin", "standard") if r["name"] == "fvcore"]
    assert row["standard_macs"] == str(twin[-1]["count"])
    assert float(row["macs_ratio"]) == pytest.approx(twin[-1]["count"] / 314_193_216)


def test_table_says_its_convention_to_people() -> None:
    """A title names the tool and its unit; the matrix has its numbers too."""
    titles = _words("table --arch v2 --convention torch").split()
    assert (titles.count("torch"), titles.count("FLOPs"), titles.count("MACs")) == (3, 3, 0)
    matrix = _words("table --arch v2 --convention torch --pivot macs --format csv")
    assert matrix.splitlines()[1].endswith(",601548544")


def _words(command: str) -> str:
    result = in_process(command.split())
    assert result.status == 0
    return "\n".join(line.rstrip() for line in result.out.splitlines())


def test_table_without_a_convention_has_no_such_column() -> None:
    """The columns that scripts know stay as they are."""
    header = in_process(["table", "--arch", "v2", "--format", "csv"]).out.splitlines()[0]
    assert "convention" not in header


def test_explain_needs_no_torch() -> None:
    """It is arithmetic: neither torch nor numpy nor onnx is imported."""
    program = (
        "import sys; from mncost.cli.main import run; run(['explain', '--arch', 'v2']); "
        "sys.exit(bool({'torch', 'numpy', 'onnx', 'fvcore'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
