"""What the documents say to type works, and what they show is what comes out.

Every command and every Python block of a document is a test, `README.md::line:43,column:1`. They
run in the document's order, the commands in one shell and the Python blocks in one namespace, in
one directory that holds `examples/` and `my_net.toml`.

- The exit status has to be 0, or what a comment at the end of the line says: `# exit 2`.
- In `console` blocks the lines after `$` are commands; where output is shown, it has to be the real
  one, with or without what went to standard error. A line `...` stands for any lines, `...` at the
  end of a line for the rest of it.
- Latencies are those of a scripted runtime: nothing is measured. Where no output is shown, it has
  less noise than usual, and a run ends soon.
- The first command of a document is a process of its own, as are all that need a shell. The others
  run in the process of the tests: starting an interpreter for each would take minutes.

A command of another tool than those of this file is an error, lest one goes untested by mistake.
"""

from __future__ import annotations

import contextlib
import difflib
import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from mncost.measure.runtimes.fake import SCRIPT
from tests.measure.scripted import instead_of_processes
from tests.running import in_process, use_state

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "docs/tutorials/*.md",
    "examples/README.md",
]
RUN = ("mncost ", "python ", "cat ", "head ", "tail ", "sort ", "cut ", "grep ", "ls ")
# Set-up and checks: they need a network, change the checkout, or are this very test run.
NOT_RUN = (
    "python3 -m venv ",
    ". activate",  # of the virtual environment, whose directory is left out here
    "python -m benchmarks.",
    "python -m pytest",
    "pip ",
    "pre-commit ",
    ".ci/run",
)
_BLOCK = RawFencedCodeBlockLexer(re.compile(r"(?P<language>.*)$\n", re.MULTILINE))
_SECONDS = 300  # for one command, on a machine that is busy with other things


class Command(NamedTuple):
    """A command of a document, the exit status it has, and the output that is shown below it."""

    text: str
    status: int
    shown: str


def commands(document: Document) -> Iterator[Region]:
    """Yield each command of the blocks: its language, its text, and what is shown below it."""
    for block in _BLOCK(document):
        language, source = block.lexemes["language"].strip(), block.lexemes["source"]
        for start, text, shown in _split(language, source):
            start += block.start + source.offset  # noqa: PLW2901
            yield Region(start, start + 1, (language, text, shown), _evaluate)


def _split(language: str, source: str) -> Iterator[tuple[int, str, str]]:
    if language == "console":
        for match in re.finditer(r"(?:^\$ |\A).*?(?=^\$ |\Z)", source, re.MULTILINE | re.DOTALL):
            command = re.match(r"(?:.*\\\n)*.*", match[0])
            assert command is not None
            yield match.start(), command[0], match[0][command.end() :]
    elif language in ("sh", "bash"):
        for match in re.finditer(r"^[^#\s](?:.*\\\n)*.*", source, re.MULTILINE):
            yield match.start(), f"$ {match[0]}", ""
    elif not language:
        for match in re.finditer(r"^(?:\$ )?mncost .*", source, re.MULTILINE):
            yield match.start(), match[0], ""


def _evaluate(example: Example) -> str | None:
    language, text, shown = example.parsed
    if not language:
        return "a command in a block that is not marked sh, bash or console"
    if not text.startswith("$ "):
        return "a console block starts with $ and a command"
    command = parsed(text.removeprefix("$ "), shown)
    if unknown := [step for step in steps(command.text) if not step.startswith(RUN)]:
        return f"{unknown[0]!r} is neither run nor in NOT_RUN (see {Path(__file__).name})"
    if not (wanted := " && ".join(steps(command.text))):
        return None
    words = plain_words(wanted)
    if words is None or example.namespace.pop("is_first", False):
        return complaint(command, *example.namespace["shell"].run(wanted))
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        if command.shown.strip():
            patch.delenv(SCRIPT)
        done = in_process(words)
    return complaint(command, done.status, *map(_without_colours, (done.out, done.err)))


def plain_words(text: str) -> list[str] | None:
    """Return the words after ``mncost``, if that is all and no shell is needed to read them."""
    text = text.replace("\\\n", " ")
    if not text.startswith("mncost ") or re.search(r"[|&;<>()$`*?{}~\[\]\\]", text):
        return None
    return shlex.split(text, comments=True)[1:]


def _without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def parsed(text: str, shown: str) -> Command:
    """Take a documented command apart."""
    text = re.sub(r"(?<!\S)(\./)?\.venv/bin/", "", text.replace("\\\n> ", "\\\n"))
    status = re.search(r"\s+# exit (\d+)\s*\Z", text)
    return Command(text[: status and status.start()], int(status[1]) if status else 0, shown)


def steps(text: str) -> list[str]:
    """Return what of a line is run here."""
    return [step for step in text.split(" && ") if not step.startswith(NOT_RUN)]


def complaint(command: Command, status: int, out: str, err: str) -> str | None:
    """Return what is wrong with what a command did."""
    if status != command.status:
        return f"exit status {status}, not {command.status}; it printed:\n{out}{err}"
    differences = [_difference(command.shown, real) for real in (out, out + err)]
    if command.shown.strip() and all(differences):
        return f"the document shows other output (-) than the command's (+):\n{differences[-1]}"
    return None


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
    cut = line.endswith("...")
    return re.escape(line.removesuffix("...") if cut else line) + (r".*\n" if cut else r"\n")


def _lines(text: str) -> list[str]:
    """Return lines without spaces at their ends, and without empty lines around them."""
    return [line.rstrip() for line in text.strip("\n").splitlines()]


class Shell:
    """A shell that goes on from one command to the next; ``mncost`` in it measures nothing."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._files = {name: programs / name for name in ("out", "err")}
        program = programs / "mncost"
        program.write_text(f"#!{sys.executable}\n{_PROGRAM.format(root=str(ROOT))}")
        program.chmod(0o755)
        path = [programs, Path(sys.executable).parent, os.environ["PATH"]]
        self._bash = subprocess.Popen(
            ["bash"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PATH": os.pathsep.join(map(str, path))},
            text=True,
        )

    def run(self, text: str) -> tuple[int, str, str]:
        """Run a command; return its exit status and what it printed on both streams."""
        bash, out, err = self._bash, *map(shlex.quote, map(str, self._files.values()))
        assert bash.stdin is not None
        assert bash.stdout is not None
        bash.stdin.write(
            f"set -o pipefail\neval {shlex.quote(text)} >{out} 2>{err} </dev/null\necho $?\n"
        )
        bash.stdin.flush()
        limit = threading.Timer(_SECONDS, bash.kill)
        limit.start()
        status = bash.stdout.readline()
        limit.cancel()
        printed, complained = (
            _without_colours(file.read_text("utf-8")) for file in self._files.values()
        )
        assert status, f"the shell ended; it printed:\n{printed}{complained}"
        # 141: `head` has read enough and closed the pipe.
        return 0 if "|" in text and int(status) == 141 else int(status), printed, complained

    def close(self) -> None:
        """End the shell."""
        self._bash.communicate(timeout=300)


_PROGRAM = """
import pkgutil, sys
sys.path.insert(0, {root!r})
from mncost.cli import main

class Patch:
    def setattr(self, name, value):
        module, _, name = name.rpartition(".")
        setattr(pkgutil.resolve_name(module), name, value)

if sys.argv[1:2] != ["table"]:
    from tests.measure.scripted import instead_of_processes
    instead_of_processes(Patch())
sys.exit(main())
"""


def set_up(namespace: dict[str, Any]) -> None:
    """Go to a directory of the document's own."""
    namespace["stack"] = stack = contextlib.ExitStack()
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    folder, programs = (
        Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in ("folder", "programs")
    )
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copy(ROOT / "examples" / "my_net.toml", folder)
    # What the width and the colours of --help depend on.
    for name, value in {"COLUMNS": "80", "TERM": "dumb", "PYTHONUTF8": "1"}.items():
        patch.setenv(name, value)
    for name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):
        patch.delenv(name, raising=False)
    use_state(patch.setenv, programs / "state")
    patch.chdir(folder)
    instead_of_processes(patch)
    namespace["shell"], namespace["is_first"] = Shell(folder, programs), True
    # Here the machine is quiet, so that a few processes are enough.
    patch.setenv(SCRIPT, '{"process": 0.003, "noise": 0.003}')
    stack.callback(namespace["shell"].close)


def tear_down(namespace: dict[str, Any]) -> None:
    """End the shell, and remove the directory."""
    namespace["stack"].close()


SYBIL = Sybil(
    parsers=[
        commands,
        PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE),
    ],
    path=str(ROOT),
    patterns=DOCUMENTS,
    setup=set_up,
    teardown=tear_down,
)
pytest_collect_file = SYBIL.pytest()
