"""``mncost plot`` as users run it: the files it writes, and what it refuses."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from mncost.measure.runtimes.fake import SCRIPT
from tests.running import Result

Cli = Callable[..., Result]


@pytest.fixture
def run_file(run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(SCRIPT, json.dumps({"process": 0.002, "noise": 0.002}))
    words = "bench --arch v2,v3-small --no-twin --runtime fake --alpha 0.35:1.0 -o run.json"
    assert run_cli(words.split()).status == 0
    return "run.json"


def texts(picture: Path) -> str:
    """Return the comments of an SVG, where matplotlib says which text an outline is."""
    builder = ET.TreeBuilder(insert_comments=True)
    root = ET.fromstring(picture.read_text("utf-8"), ET.XMLParser(target=builder))
    return "\n".join(str(node.text) for node in root.iter(cast(Any, ET.Comment)))


def test_a_front_of_published_accuracies(run_cli: Cli, here: Path) -> None:
    found = run_cli(["plot", "--arch", "v1,v2", "-o", "front.svg"])
    assert found.status == 0
    assert found.out.startswith("front.svg: ")
    assert "networks are on the Pareto front" in found.out
    said = texts(Path("front.svg"))
    for text in ("v1", "v2", "multiply-accumulates (millions)", "0.75·96"):
        assert text in said
    first = Path("front.svg").read_bytes()
    run_cli(["plot", "--arch", "v1,v2", "-o", "front.svg"])
    assert Path("front.svg").read_bytes() == first, "the same picture is the same file"


def test_latency_over_macs(run_cli: Cli, run_file: str) -> None:
    found = run_cli(["plot", run_file, "--y", "latency", "-o", "fit.png"])
    assert found.status == 0
    assert "latency follows MACs^" in found.out
    data = Path("fit.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert width > height > 600


def test_accuracy_over_latency(run_cli: Cli, run_file: str) -> None:
    found = run_cli(["plot", run_file, "--x", "latency", "--arch", "v2", "-o", "front.pdf"])
    assert found.status == 0
    assert Path("front.pdf").read_bytes().startswith(b"%PDF")
    assert "4 of 4 networks" in found.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "missing option '--output'"),
        ("-o front.gif", "unknown format of a picture 'gif'; accepted: png, svg, pdf"),
        ("-o front", "unknown format of a picture 'front'"),
        ("--x mac -o f.svg", "unknown --x 'mac' (did you mean 'macs'?)"),
        ("--y top5 -o f.svg", "unknown --y 'top5' (did you mean 'top1'?)"),
        ("--x latency -o f.svg", "latency needs a run file"),
        ("run.json -o f.svg", "run.json: a run file is for latency"),
        ("--x latency --y latency run.json -o f.svg", "--x and --y are both latency"),
        ("--runtime fake -o f.svg", "--runtime goes with a run file"),
        ("run.json --y latency --arch v2 -o f.svg", "--arch does not go with --y latency"),
        ("run.json --y latency --threads 4 -o f.svg", "the run has nothing of that kind"),
        ("run.json --x latency --arch v1 -o f.svg", "no accuracy of any network of the run"),
        ("--arch v9 -o f.svg", "unknown architecture 'v9'"),
        ("-o none/f.svg", "none/f.svg: cannot be written"),
    ],
)
def test_bad_input_is_one_line(run_cli: Cli, run_file: str, words: str, message: str) -> None:
    found = run_cli(["plot", *words.split()])
    assert found.status == 2
    assert message in found.err
    assert len(found.err.splitlines()) == 1
    assert [path.name for path in Path().iterdir()] == ["run.json"]
