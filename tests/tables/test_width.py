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

WITHOUT = ("export", "init", "plot", "report")  # write files, and print no table


def _commands() -> list[str]:
    text = (ROOT / "README.md").read_text().replace("verify v2 --alpha 0.35:1.0", "verify v2")
    lines = re.findall(r"^mncost (.*?)\s*(?:#.*)?$", text, re.MULTILINE)
    return [line for line in lines if line.split()[0] not in WITHOUT and "--self-test" not in line]


@pytest.fixture
def prepared(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("scipy", "onnx", "torch", "fvcore"):
        pytest.importorskip(package)
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
    assert len(commands) > 18
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
