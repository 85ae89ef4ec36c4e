"""The benchmarks of the documents start; whether their goals are met is for a quiet machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = sorted(  # of the programs
    path.stem for path in ROOT.glob("benchmarks/*.py") if "ArgumentParser(" in path.read_text()
)
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_starts(name: str) -> None:
    """With what it needs: a package that is missing would be an error here."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")


def test_the_documents_name_benchmarks_that_there_are() -> None:
    texts = "".join(path.read_text("utf-8") for path in DOCUMENTS)
    named = {rest.split("`")[0].split()[0] for rest in texts.split("python -m benchmarks.")[1:]}
    assert named <= set(NAMES)
    assert named
