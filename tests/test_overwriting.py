"""No command writes over a file that it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from mncost.cli.main import COMMANDS
from tests.running import in_process

ROOT = Path(__file__).parents[1]
LINES = (
    "table tiny.toml -o tiny.toml",
    "table v2 --arch v1,./tiny.toml -o tiny.toml",
    "table v2+tiny.toml -o ./tiny.toml",
    "layers tiny.toml -o tiny.toml",
    "explain tiny.toml -o tiny.toml",
    "verify tiny.toml -o tiny.toml",
    "export tiny.toml -o tiny.toml",
    "diff-models v2 tiny.toml -o tiny.toml",
    "prune tiny.toml --channels 0.5 --round 1 -o tiny.toml",
    "prune v2 --channels 0.5 --weights net.safetensors -o net.toml",
    "bench tiny.toml --save tiny.toml",
    "bench v2 --weights net.safetensors -o net.safetensors",
    "bench v2 --training --teacher tiny.toml -o tiny.toml",
    "compare tiny.toml -o tiny.toml",
    "compare --run run.json -o run.json",
    "show run.json -o run.json",
    "diff run.json other.json -o other.json",
    "calibrate tiny.toml --save tiny.toml",
    "predict tiny.toml -o tiny.toml",
    "predict v2 --run run.json -o run.json",
    "plot run.json --y latency -f png -o run.json",
    "plot tiny.toml --kind layers --no-time -f svg -o ./tiny.toml",
    "pick tiny.toml --max-macs 1G -o tiny.toml",
    "space space.toml -o space.toml",
    "check budgets.toml --junit budgets.toml",
    "check budgets.toml --baseline run.json --save run.json",
    "check budgets.toml --baseline-model tiny.toml -o tiny.toml",
)


@pytest.mark.parametrize("line", LINES)
def test_an_input_is_kept(line: str, here: Path) -> None:
    for name in ("tiny.toml", "space.toml", "budgets.toml"):
        folder = ROOT / ("tests" if name == "tiny.toml" else "examples")
        Path(name).write_bytes((folder / name).read_bytes())
    for name in ("run.json", "other.json", "net.safetensors"):
        Path(name).write_bytes(b"{}")
    before = {path: path.read_bytes() for path in here.iterdir()}
    done = in_process(line.split())
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert "would overwrite" in done.err
    assert {path: path.read_bytes() for path in here.iterdir()} == before


def test_every_command_that_writes_is_tried() -> None:
    tried = {line.split()[0] for line in LINES}
    # A page is no input by its suffix; `init` keeps every file that is there.
    assert set(COMMANDS) - tried <= {"list", "schema", "report", "init", "hosts", "search"}
