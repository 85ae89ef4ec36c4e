"""What travels to a host runs in Python 3.9 with nothing but its standard library."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mncost

ROOT = Path(mncost.__file__).parent
PROGRAM = """
import sys
sys.modules.update(dict.fromkeys(("msgspec", "numpy", "psutil", "typer"), None))
package = sys.modules["mncost"] = type(sys)("mncost")
package.__path__ = [sys.argv[1]]
import mncost.hosts.agent, mncost.measure.workers.serve
from mncost.measure.runtime_names import RUNTIMES
from mncost.measure.runtimes import runtime_class
for name in RUNTIMES:
    if runtime_class(name).least_python == (3, 9):
        runtime_class(name)
print("\\n".join(sorted(m.__file__ for n, m in sys.modules.items() if n.startswith("mncost."))))
"""
# Of the standard library, since 3.10; of typing names only where they are imported for types.
NEWER = {"TypeAlias", "pairwise", "UTC", "StrEnum", "tomllib", "ParamSpec", "Self", "assert_never"}
NEWER_KEYWORDS = {"strict", "kw_only", "slots", "ignore_cleanup_errors", "process_group"}
LATER = {"torch", "torch_compile"}  # their ``least_python`` is 3.11
GUARDED = {"TemporaryDirectory"}  # mncost.measure.scratch: not called there


def traveling() -> list[Path]:
    """Import all of it without the packages of other people, and return its files."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [Path(line) for line in done.stdout.split()]


def test_the_traveling_source_is_python_3_9() -> None:
    files = traveling()
    assert ROOT / "hosts" / "agent.py" in files
    assert len(files) > 20
    for file in (file for file in files if file.stem not in LATER):
        tree = ast.parse(file.read_text(), feature_version=(3, 9))
        problems = list(newer(tree))
        assert not problems, f"{file}: {problems}"


def test_a_real_python_3_9_imports_it() -> None:
    old = shutil.which("python3.9")
    if old is None or subprocess.run([old, "-V"], capture_output=True, check=False).returncode:
        pytest.skip("no python3.9 here")
    files = subprocess.run([old, "-c", PROGRAM, str(ROOT)], check=True, capture_output=True)
    assert len(files.stdout.split()) > 20


def test_newer_python_is_seen() -> None:
    for text in (
        "from typing import TypeAlias",
        "zip(a, b, strict=True)",
        "@dataclass(kw_only=True)\nclass A: pass",
        "isinstance(a, int | str)",
    ):
        assert list(newer(ast.parse(text))), text


def newer(tree: ast.Module) -> list[str]:
    """Return what Python 3.9 does not know, but for imports that only types need."""
    seen = []
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for inside in ast.walk(node):
                inside.lineno = -1  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if getattr(node, "lineno", 0) == -1:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            seen += [alias.name for alias in node.names if alias.name in NEWER]
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name not in GUARDED:
                seen += [word.arg for word in node.keywords if word.arg in NEWER_KEYWORDS]
            if name == "isinstance" and isinstance(node.args[-1], ast.BinOp):
                seen.append("isinstance with a union")
    return seen
