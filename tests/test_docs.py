"""What the documents say to type works, and what they show is what comes out.

Of every document this runs, in their order and in one scratch directory that holds ``examples/``
and ``my_net.toml``:

- the lines of ``sh`` and ``bash`` blocks, and in ``console`` blocks the lines after ``$``. The exit
  status has to be 0, unless the line ends with ``# exit N``. Where a console block shows output, it
  has to be the real one, with or without what went to standard error; a line ``...`` stands for any
  lines, and ``...`` at the end of a line for the rest of it.
- ``python`` blocks, all in one namespace; with ``>>>`` they show their output too.

A command that is neither run nor in ``SKIPPED`` is an error, lest one goes untested by mistake.
"""

from __future__ import annotations

import difflib
import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mncost.cli.main import run
from tests.measure.scripted import instead_of_processes

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("docs/*.md")),
    ROOT / "examples" / "README.md",
]
# Run by a real shell that finds this environment's programs first.
IN_SHELL = ("python ", "cat ", "head ", "tail ", "sort ", "cut ", "grep ", "ls ")
# Set-up and checks: they need a network, change the checkout, or are this very test run.
SKIPPED = (
    "python3 -m venv ",
    "python -m venv ",
    "python -m benchmarks.",
    "python -m build",
    "python -m pip ",
    "python -m pytest",
    "python benchmarks/",
    "python tests/",
    "python tools/",
    "benchmarks/",
    "cd ",
    "git ",
    "lint-imports",
    "mypy",
    "pip ",
    "pre-commit ",
    "pytest",
    "ruff ",
    "source ",
    ".ci/run",
    ". .venv",
)

Captured = pytest.CaptureFixture[bytes]


class Block(NamedTuple):
    """A fenced block: its language, the number of its first line, and its text."""

    language: str
    line: int
    text: str


class Command(NamedTuple):
    """A command line of a document, and the output that is shown below it, if any is."""

    line: int
    text: str
    shown: str | None = None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_document(
    document: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: Captured,
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "examples" / "my_net.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    _as_on_a_plain_terminal(monkeypatch)
    instead_of_processes(monkeypatch)  # latencies are measured by whoever reads, not here
    problems = [
        f"{document.relative_to(ROOT)}:{problem}"
        for problem in _problems(document.read_text("utf-8"), capfdbinary)
    ]
    if problems:
        pytest.fail("\n\n".join(problems), pytrace=False)


def test_the_readme_shows_a_command() -> None:
    blocks = list(_blocks((ROOT / "README.md").read_text("utf-8")))
    commands = [c for block in blocks if _is_shell(block) for c in _commands(block)]
    assert [c for c in commands if _plain(c.text).startswith("mncost ")], (
        "README.md has no line that starts with `mncost ` in a block marked sh, bash or console"
    )


def _document(language: str, *lines: str) -> str:
    return "\n".join(["Text.", "", f"```{language}", *lines, "```", ""])


TRUE = {
    "comments": _document("sh", "mncost --version", "# a word", "mncost list -f csv  # another"),
    "exit status": _document("sh", "mncost table --arch v9  # exit 2"),
    "two lines": _document("sh", "mncost list \\", "    --format csv"),
    "pipe": _document("sh", "mncost list -o list.csv", "head -n 1 list.csv | grep arch"),
    "set-up": _document("bash", "pip install nothing-at-all && mncost --version"),
    "path": _document("sh", ".venv/bin/mncost --version"),
    "script": _document("sh", ".venv/bin/python -c 'import mncost'"),
    "cut line": _document("console", "$ mncost --version", "mncost ..."),
    "cut lines": _document("console", "$ mncost schema", "{", "...", "}"),
    "left": _document("console", "$ mncost schema", "{", "...", "", "$ mncost --version"),
    "stdout": _document("console", "$ mncost list -f csv | head -n 1", "arch,resolution,..."),
    "stderr": _document("console", "$ mncost table -a v9  # exit 2", "mncost: unknown ..."),
    "closed pipe": _document("sh", "mncost schema | head -n 1"),
    "python": _document("python", "import mncost", "assert mncost.load('v1').macs == 568_740_352"),
    "pycon": _document("python", ">>> import mncost", ">>> mncost.load('v1').macs", "568740352"),
    "one namespace": _document("python", "a = 1") + _document("python", ">>> a", "1"),
    "other language": _document("toml", "mncost = 1"),
}
FALSE = {
    "failure": (_document("sh", "mncost table --arch v9"), "exit status 2, not 0"),
    "success": (_document("sh", "mncost list  # exit 2"), "exit status 0, not 2"),
    "no such option": (_document("sh", "mncost list --colour"), "exit status 2, not 0"),
    "second line": (_document("sh", "mncost list", "mncost lst"), "5: mncost lst"),
    "pipe": (_document("sh", "mncost lst | cat"), "exit status 2, not 0"),
    "unknown command": (_document("sh", "curl example.org"), "neither run nor in SKIPPED"),
    "unknown step": (_document("sh", "mncost list && curl x"), "neither run nor in SKIPPED"),
    "output": (_document("console", "$ mncost --version", "mncost 99"), "-mncost 99"),
    "cut output": (_document("console", "$ mncost schema", "...", "{"), "shows other output"),
    "no prompt": (_document("console", "mncost --version"), "starts with $"),
    "python": (_document("python", "import mncost", "mncost.load('v9')"), "UnknownNameError"),
    "pycon": (_document("python", ">>> 1 + 1", "3"), "Expected"),
    "not marked": (_document("", "mncost list"), "not marked"),
    "not closed": ("```sh\nmncost list\n", "never closed"),
}


@pytest.mark.parametrize("text", TRUE.values(), ids=TRUE)
def test_a_true_document_passes(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(_problems(text, capfdbinary)) == []


@pytest.mark.parametrize(("text", "complaint"), FALSE.values(), ids=FALSE)
def test_a_false_document_fails(
    text: str,
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: Captured,
) -> None:
    monkeypatch.chdir(tmp_path)
    (problem,) = _problems(text, capfdbinary)
    assert complaint in problem


def _problems(text: str, captured: Captured) -> Iterator[str]:
    """Run everything in a document, and yield what is wrong: line number and explanation."""
    names: dict[str, Any] = {"__name__": "document"}
    for block in _blocks(text):
        if block.language == "console" and not _has_prompts(block):
            yield f"{block.line}: a console block starts with $ and a command"
        elif _is_shell(block):
            for command in _commands(block):
                yield from _check(command, captured)
        elif block.language in ("python", "py", "pycon"):
            yield from _check_python(block, names)
        elif not block.language and re.search(r"^(\$ )?mncost ", block.text, re.MULTILINE):
            yield f"{block.line}: a command in a block that is not marked sh, bash or console"
        elif block.language == "unclosed":
            yield f"{block.line}: the block is never closed"


def _blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a document, indented ones without their indentation."""
    opened: re.Match[str] | None = None
    start, body = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if opened is None:
            if opened := re.match(r"(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w-]*)", line):
                start, body = number + 1, ""
        elif line.strip() == opened["fence"]:
            yield Block(opened["language"], start, body)
            opened = None
        else:
            body += line.removeprefix(opened["indent"]) + "\n"
    if opened is not None:
        yield Block("unclosed", start - 1, body)


def _is_shell(block: Block) -> bool:
    return block.language in ("sh", "bash", "shell", "console")


def _commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a shell block; where it has prompts, each with the output below it."""
    if not _has_prompts(block):
        for number, line in _joined(block):
            if line and not line.startswith("#"):
                yield Command(number, line)
        return
    found: list[Command] = []
    for number, line in _joined(block):
        if line.startswith("$ "):
            found.append(Command(number, line.removeprefix("$ ")))
        elif found and (line or found[-1].shown):
            found[-1] = found[-1]._replace(shown=(found[-1].shown or "") + line + "\n")
    yield from found


def _has_prompts(block: Block) -> bool:
    return block.text.startswith("$ ")


def _joined(block: Block) -> Iterator[tuple[int, str]]:
    """Yield the lines of a block with their numbers; a backslash joins one with the next."""
    start, begun = block.line, ""
    for number, line in enumerate(block.text.splitlines(), block.line):
        start = start if begun else number
        whole = begun + (line.removeprefix("> ") if begun else line).rstrip()
        if whole.endswith("\\"):
            begun = whole.removesuffix("\\")
        else:
            yield start, whole
            begun = ""


def _plain(command: str) -> str:
    """Return a command without the path to the environment's programs."""
    return re.sub(r"(?<!\S)(\./)?\.venv/bin/", "", command)


def _check(command: Command, captured: Captured) -> Iterator[str]:
    """Run a command line and yield what is wrong with it."""
    text, status = _plain(command.text), 0
    if expected := re.search(r"\s+# exit (\d+)$", text):
        text, status = text[: expected.start()], int(expected[1])
    where = f"{command.line}: {command.text}\n"
    steps = [step for step in text.split(" && ") if not step.startswith(SKIPPED)]
    if unknown := [step for step in steps if not step.startswith(("mncost ", *IN_SHELL))]:
        yield f"{where}{unknown[0]!r} is neither run nor in SKIPPED (see {Path(__file__).name})"
    elif steps:
        got, out, err = _run(" && ".join(steps), captured)
        if got != status:
            yield f"{where}exit status {got}, not {status}; it printed:\n{out}{err}"
        elif command.shown is not None and all(
            differences := [_difference(command.shown, real) for real in (out, out + err)]
        ):
            yield f"{where}shows other output (-) than the command's (+):\n{differences[-1]}"


def _run(text: str, captured: Captured) -> tuple[int, str, str]:
    """Run a command line; return its exit status and what it printed on both streams."""
    if text.startswith("mncost ") and not re.search(r"[|<>&;$`*]", text):
        captured.readouterr()
        status = run(shlex.split(text, comments=True)[1:])
        out, err = captured.readouterr()
    else:
        status, out, err = _run_in_shell(text)
    return status, _without_colors(out), _without_colors(err)


def _run_in_shell(text: str) -> tuple[int, bytes, bytes]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", text],
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    # 141: `head` has read enough and closed the pipe.
    status = 0 if "|" in text and ran.returncode == 141 else ran.returncode
    return status, ran.stdout, ran.stderr


def _without_colors(printed: bytes) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", printed.decode())


def _difference(shown: str, real: str) -> str:
    """Return how the output that a document shows differs from the real one, "" if it does not."""
    lines, real_lines = _lines(shown), _lines(real)
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() in ("...", "…") else _line_pattern(line) for line in lines
    )
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in real_lines)):
        return ""
    return "\n".join(list(difflib.unified_diff(lines, real_lines, lineterm="", n=1))[2:])


def _line_pattern(line: str) -> str:
    """Match a line; one that ends with ``...`` is cut there."""
    if line.endswith("..."):
        return re.escape(line.removesuffix("...")) + r".*\n"
    return re.escape(line) + r"\n"


def _lines(text: str) -> list[str]:
    """Return lines without spaces at their ends, and without empty lines around them."""
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _check_python(block: Block, names: dict[str, Any]) -> Iterator[str]:
    """Run a Python block, in the namespace of the document."""
    if ">>> " in block.text:
        example = doctest.DocTestParser().get_doctest(
            block.text, names, "block", None, block.line - 1
        )
        report: list[str] = []
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        doctest.DocTestRunner(optionflags=flags).run(example, out=report.append, clear_globs=False)
        names.update(example.globs)  # get_doctest copies them
        if report:
            yield f"{block.line}: {''.join(report)}"
        return
    try:
        exec(compile(block.text, f"block at line {block.line}", "exec"), names)
    except Exception:
        yield f"{block.line}: {traceback.format_exc()}"


def _as_on_a_plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix what the width and the colours of --help depend on."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("PYTHONUTF8", "1")
    for name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
