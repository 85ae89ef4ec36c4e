"""Every table of the README at 80 and 100 columns: no line is longer, no number is cut."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from mncost.cli import emit
from mncost.render import terminal
from mncost.render.table import Table
from tests.documents import ROOT
from tests.measure.scripted import instead_of_processes
from tests.running import in_process

TABLES = ("table", "layers", "explain", "list", "compare", "bench", "show", "diff", "pick", "check")
OTHERS = ("--self-test", "-o")  # they print sentences, or write files


def _commands() -> list[str]:
    text = (ROOT / "README.md").read_text()
    lines = re.findall(r"^mncost (.*?)\s*(?:#.*)?$", text, re.MULTILINE)
    return [line for line in lines if line.split()[0] in TABLES and not {*OTHERS} & {*line.split()}]


@pytest.fixture
def prepared(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy")
    pytest.importorskip("onnx")
    instead_of_processes(monkeypatch)
    shutil.copytree(ROOT / "examples", here / "examples")
    call = "bench v2 --alpha 0.5,1.0 --runtime fake --save run.json"
    assert in_process(shlex.split(call)).status == 0
    call = "export v2 --alpha 0.5 --resolution 160 -o net.onnx"
    assert in_process(shlex.split(call)).status == 0


@pytest.mark.usefixtures("prepared")
def test_no_line_is_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too wide is left out and named; a number never goes on in the next line."""
    commands = _commands()
    assert len(commands) > 12
    widths: dict[int, list[str]] = {80: [], 100: []}

    def rendered(table: Table, output: Path | None) -> str:
        for width, texts in widths.items():
            texts.append(terminal.render(table, width=width, color=False))
        return ""

    monkeypatch.setattr(emit, "_terminal", rendered)
    for command in commands:
        assert in_process(shlex.split(command)).status in (0, 1), command
    assert len(widths[80]) >= len(commands)
    for width, texts in widths.items():
        long = [line for text in texts for line in text.splitlines() if len(line) > width]
        assert long == []
