"""The examples work, and what they print is true."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest

import mncost
from examples import choose_a_network
from mncost.cli.main import run
from tests.measure.scripted import instead_of_processes

measures = pytest.mark.skipif(not find_spec("scipy"), reason="needs mncost[bench]")
EXAMPLES = Path(__file__).parent.parent / "examples"
MY_NET = EXAMPLES / "my_net.toml"

# MACs and parameters of each block at α = 1 and 160 × 160 pixels, by hand. MACs: channels in ×
# channels out × kernel × pixels out; parameters: the weights, and two a channel for each batch
# norm. The strides make the image 80, 40, 20, 10 and 5 pixels wide.
BY_HAND = {
    "stem": (3 * 16 * 9 * 80 * 80, 3 * 16 * 9 + 2 * 16),
    "row2": ((16 * 9 + 16 * 24) * 40 * 40, (16 * 9 + 2 * 16) + (16 * 24 + 2 * 24)),
    "row3": (
        (24 * 96 * 9 + 96 * 32) * 20 * 20,
        (24 * 96 * 9 + 2 * 96) + (96 * 32 + 2 * 32),
    ),
    "squeezed": (
        32 * 128 * 20 * 20 + (128 * 25 + 128 * 48) * 10 * 10 + 2 * 128 * 32,
        (32 * 128 + 2 * 128)
        + (128 * 25 + 2 * 128)
        + (128 * 32 + 32 + 32 * 128 + 128)  # squeeze-excite, with biases
        + (128 * 48 + 2 * 48),
    ),
    **dict.fromkeys(
        ("row5.1", "row5.2"),
        (
            (48 * 144 + 144 * 9 + 144 * 48) * 10 * 10,
            (48 * 144 + 2 * 144) + (144 * 9 + 2 * 144) + (144 * 48 + 2 * 48),
        ),
    ),
    "row6": (
        (48 * 9 + 48 * 240) * 10 * 10 + (240 * 25 + 240 * 96) * 5 * 5,
        (48 * 9 + 2 * 48)
        + (48 * 240 + 2 * 240)
        + (240 * 25 + 2 * 240)
        + (240 * 96 + 2 * 96)
        + 96,  # layer scale
    ),
    "attention": (
        # queries of 4 heads, one key, one value, output; QKᵀ and its product with V at 25 pixels
        (96 * 96 + 96 * 24 + 96 * 24 + 96 * 96) * 5 * 5 + 2 * (4 * 25 * 25 * 24),
        2 * 96 + (96 * 96 + 96 * 24 + 96 * 24 + 96 * 96) + 96,
    ),
    "ffn": (
        (96 * 192 + 192 * 96) * 5 * 5,
        (96 * 192 + 2 * 192) + (192 * 96 + 2 * 96) + 96,
    ),
    "last": (96 * 384 * 5 * 5, 96 * 384 + 2 * 384),
    "head": (384 * 256, 384 * 256 + 256),
    "classifier": (256 * 37, 256 * 37 + 37),
}

# tensorflow/models, research/slim/nets/mobilenet/README.md: the millions of MACs, decimals cut off,
# of every V2 checkpoint up to 50 M. The parameters: 1.7 M at α = 0.35, 2.0 M at 0.5, 2.6 M at 0.75.
V2_UP_TO_50_M = {
    (0.5, 160): 50,
    (0.35, 192): 43,
    (0.75, 96): 39,
    (0.5, 128): 32,
    (0.35, 160): 30,
    (0.35, 128): 20,
    (0.5, 96): 18,
    (0.35, 96): 11,
}


def test_my_net_loads_and_costs_what_arithmetic_says() -> None:
    net = mncost.load(str(MY_NET))
    assert (net.arch, net.alpha, net.resolution, net.classes) == ("my-net", 1.0, 160, 37)
    assert net.macs == sum(macs for macs, _ in BY_HAND.values())
    assert net.params == sum(params for _, params in BY_HAND.values())


def test_my_net_by_block_on_the_command_line(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    options = ["--by", "block", "--columns", "name,macs,params", "--format", "csv"]
    rows = _rows(["layers", "--arch", str(MY_NET), *options], capfdbinary)
    printed = {row["name"]: (int(row["macs"]), int(row["params"])) for row in rows}
    assert {name: cost for name, cost in printed.items() if cost != (0, 0)} == BY_HAND


def test_my_net_has_a_grid_of_its_own(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    options = ["--alpha", "0.5:1.5", "--resolution", "96:192", "--format", "csv"]
    rows = _rows(["table", "--arch", str(MY_NET), *options], capfdbinary)
    cells = [(row["arch"], row["alpha"], row["resolution"]) for row in rows]
    assert cells == [
        ("my-net", alpha, size)
        for alpha in ("0.5", "0.75", "1.0", "1.5")
        for size in ("96", "128", "160", "192")
    ]


def test_my_net_in_its_dialect(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    options = ["--dialect", "microcontroller", "--format", "csv"]
    rows = _rows(["layers", "--arch", str(MY_NET), *options], capfdbinary)
    macs = {row["name"]: int(row["macs"]) for row in rows}
    assert "attention" not in {row["kind"] for row in rows}
    assert not [name for name in macs if ".se." in name]
    assert macs["attention.conv"] == 96 * 9 * 5 * 5
    assert macs["classifier.linear"] == 64 * 37


def test_an_editor_that_knows_the_schema_accepts_my_net() -> None:
    schema = files("mncost").joinpath("spec", "architecture.schema.json").read_text("utf-8")
    jsonschema.validate(tomllib.loads(MY_NET.read_text("utf-8")), json.loads(schema))


def test_budget_search_finds_exactly_what_fits() -> None:
    result = _search("--arch", "v2", "--macs", "51", "--params", "2")
    assert result.returncode == 0, result.stderr
    assert _cells(result.stdout) == [
        (alpha, size, macs)
        for (alpha, size), macs in V2_UP_TO_50_M.items()
        if alpha != 0.75  # too many parameters
    ]


def test_budget_search_minds_the_budget_for_parameters() -> None:
    result = _search("--arch", "v2", "--macs", "51", "--params", "3")
    assert _cells(result.stdout) == [(*cell, macs) for cell, macs in V2_UP_TO_50_M.items()]


def test_budget_search_shows_the_best() -> None:
    result = _search("--arch", "v2", "--macs", "51", "--params", "2", "--top", "1")
    assert _cells(result.stdout) == [(0.5, 160, 50)]


def test_budget_search_takes_a_file() -> None:
    macs, params = (sum(cost) for cost in zip(*BY_HAND.values(), strict=True))
    budget = ["--macs", str(macs / 1e6), "--params", str(params / 1e6)]
    result = _search("--arch", str(MY_NET), *budget, "--resolution", "160")
    assert result.returncode == 0, result.stderr
    assert _cells(result.stdout)[0] == (1.0, 160, macs // 10**6)


def test_budget_search_says_that_nothing_fits() -> None:
    result = _search("--arch", "v2", "--macs", "11", "--params", "2")
    assert (result.returncode, result.stdout) == (1, "")
    assert "none of 30 networks fits" in result.stderr  # 6 published α × 5 resolutions


def test_budget_search_explains_bad_input() -> None:
    result = _search("--arch", "v9", "--macs", "11", "--params", "2")
    assert (result.returncode, result.stdout) == (2, "")
    assert "unknown architecture 'v9'" in result.stderr
    assert "Traceback" not in result.stderr


LIMITS = ("--latency", "4 ms", "--size", "16 MB", "--top1", "65", "--arch", "v1,v2,v3")


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    """The fake runtime does 40 MACs a nanosecond; no process is started and no time passes."""
    instead_of_processes(monkeypatch)


@measures
@pytest.mark.usefixtures("scripted")
def test_choosing_writes_a_budget_that_check_accepts(capsys: pytest.CaptureFixture[str]) -> None:
    """By hand: 4 ms are 160 M MACs, and of those in 16 MB V3-Large 0.75 (155 M) is the best."""
    assert choose_a_network.main([*LIMITS, "--runtime", "fake", "--run", "run.json"]) == 0
    printed = capsys.readouterr().out
    assert (
        "\nChosen: v3-large (timm-tf) α 0.75 at 224 px: 73.442 % top-1, 155 M MACs, 3." in printed
    )
    assert "\nOr: v3-large α 0.75 at 224 px: 73.3 % top-1" in printed
    assert "as accurate as far as anyone knows\n" in printed
    assert "\nwithout max_size: +" in printed
    assert "\nmax_latency costs no accuracy\n" in printed
    text = Path("my_budget.toml").read_text("utf-8")
    (budget,) = tomllib.loads(text)["budget"]
    assert budget == {
        "model": {
            "arch": "v3-large",
            "alpha": 0.75,
            "resolution": 224,
            "dialect": "timm-tf",
            "classes": 1000,
        },
        "precision": "fp32",
        "runtime": "fake",
        "threads": 1,
        "weight_bytes": "16 MB",
        "latency": {"p50": "4 ms"},
    }
    assert run(["check", "my_budget.toml"]) == 0
    assert run(["pick", "--run", "run.json", "--max-latency", "4ms", "--max-size", "16MB"]) == 0


@measures
@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        (("--top1", "99"), 1),  # by what is published
        (("--latency", "1 us"), 1),  # by measuring
        (("--macs", "1 k"), 1),
    ],
)
def test_choosing_says_that_nothing_fits(
    changes: tuple[str, str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose_a_network.main([*LIMITS, *changes, "--runtime", "fake"]) == status
    assert "none of 73 published networks" in capsys.readouterr().out
    assert not Path("my_budget.toml").exists()


@measures
@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("--latency", "4"), "max_latency '4': accepted is a number with one of"),
        (("--top1", "nan"), "min_top1 'nan': accepted is a number between"),
        (("--arch", "v9"), "unknown architecture 'v9'"),
        (("--output", "none/my_budget.toml"), "none/my_budget.toml: No such file or directory"),
    ],
)
def test_choosing_explains_bad_input(
    changes: tuple[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        choose_a_network.main([*LIMITS, "--runtime", "fake", *changes])
    assert raised.value.code == 2
    assert message in capsys.readouterr().err


@measures
@pytest.mark.usefixtures("scripted")
def test_choosing_in_int8_on_two_threads(capsys: pytest.CaptureFixture[str]) -> None:
    """The script's INT8 is twice as fast, and so are two threads: 160 M MACs take 1 ms."""
    words = ["--latency", "3 ms", "--precision", "int8", "--threads", "2", "--runtime", "fake"]
    assert choose_a_network.main([*words, "--arch", "v1,v2,v3", "-o", "small.toml"]) == 0
    (budget,) = tomllib.loads(Path("small.toml").read_text("utf-8"))["budget"]
    assert (budget["precision"], budget["threads"]) == ("int8", 2)
    assert "weight_bytes" not in budget
    capsys.readouterr()
    assert run(["check", "small.toml"]) == 0


def _rows(arguments: list[str], captured: pytest.CaptureFixture[bytes]) -> Sequence[dict[str, str]]:
    """Run a command that prints CSV, and return its rows."""
    assert run(arguments) == 0
    return list(csv.DictReader(io.StringIO(captured.readouterr().out.decode())))


def _search(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a user does."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", "budget_search.py", *arguments],
        cwd=EXAMPLES,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def _cells(printed: str) -> list[tuple[float, int, int]]:
    """Return α, resolution and whole millions of MACs of each line below the title."""
    fields = [line.split() for line in printed.splitlines()[1:]]
    return [(float(alpha), int(size), int(float(macs))) for _, alpha, size, macs, _ in fields]


def test_two_heads() -> None:
    """Two outputs; MACs and parameters of the widest block and of the encoder, by hand."""
    network = mncost.load(str(EXAMPLES / "two_heads.toml"))
    assert [network.shapes[index] for index in network.graph.outputs] == [(20,), (5, 128, 128)]
    coarse = [layer for layer in network.all_layers if layer.block == "coarse"]
    macs = 64 * 48 * 16**2 + (48 * 48 * 9 + 48 * 96 + 64 * 96) * 8**2
    params = 64 * 48 + 48 * 48 * 9 + 48 * 96 + 64 * 96 + 2 * (48 + 48 + 96 + 96)
    assert sum(layer.macs for layer in coarse) == macs
    assert sum(layer.params for layer in coarse) == params
    encoder = [layer for layer in network.all_layers if layer.block == "encoder.1"]
    tokens, width, hidden = 64, 96, 192
    weights = 4 * width * width + 2 * width * hidden
    assert sum(layer.macs for layer in encoder) == tokens * weights + 2 * tokens * tokens * width
    assert sum(layer.params for layer in encoder) == weights + 5 * width + hidden + 4 * width
