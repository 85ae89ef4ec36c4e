"""What all fuzzers share: what a call of the command line must never do, and hostile words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

from tests.running import Result, in_process

T = TypeVar("T")
# One input: made from the random numbers, tried in an empty current directory. What is returned is
# what became of it, in a word or two; a fault is an AssertionError, or any other exception.
Attempt = Callable[[Random], str]

STATUSES = {0: "accepted", 1: "a check failed", 2: "refused", 3: "inconclusive"}
# What other programs would take for a command, a formula, a link, markup or the end of something.
HOSTILE = (
    "::stop-commands::x",
    "##vso[task.complete result=Failed]",
    "\x1b[31mred\x1b]0;title\x07",
    "![x](http://example.org/x.png)",
    "<script>alert(1)</script>",
    "]]>&amp;",
    "=1+1",
    "@SUM(A1)",
    "a|b",
    "a\nb",
    "\u202eevil",
    "x" * 300,
    "../../etc/passwd",
    "-rf",
    "\udcff",
    "",
    " ",
)
# Numbers at the ends of what somebody has thought of, as text.
EXTREMES = (
    *("0", "-1", "1", "2", "7", "31", "101", "1024", "65536", "65537", "9223372036854775808"),
    *("1" + "0" * 400, "0.0", "-0.0", "0.1", "1e-300", "1e308", "1e999", "nan", "inf", "-inf"),
    *("true", "false", "[]", "{}", "[[]]", "[1]", '""', '"x"', "null"),
)


def call(words: Sequence[str], stdin: bytes = b"") -> Result:
    """Run the command line, and check what holds whatever the input is."""
    result = in_process(words, stdin)
    status, out, err = result
    if status not in STATUSES:
        again = in_process([*words, "--traceback"], stdin).err
        raise AssertionError(f"status {status}: {_culprit(again or err)}")
    assert "Traceback" not in out + err, err
    if status == 2:
        assert err.startswith("mncost: "), err
        assert all(line.isprintable() for line in err.splitlines()), ascii(err)
    _nothing_hostile(out + err)
    return result


def refuses(result: Result) -> None:
    """Check that bad input is one line, and nothing else."""
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1), result


def outcome(result: Result) -> str:
    """Say what became of an input."""
    return STATUSES[result.status]


def files(folder: Path) -> dict[str, bytes]:
    """Return what a folder holds."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def chance(random: Random, one_in: int) -> bool:
    """Return True once in so many calls."""
    return random.randrange(one_in) == 0


def _culprit(err: str) -> str:
    """Return the line of ours where an error of mncost itself arose, and the error."""
    places = re.findall(r'File "[^"]*/mncost/([^"]+)", line (\d+), in (\w+)', err)
    lines = [line for line in err.splitlines() if not line.startswith((" ", "mncost: "))]
    return f"{':'.join(places[-1]) if places else ''} {lines[-1] if lines else err}"


def _nothing_hostile(text: str) -> None:
    """No escape sequence reaches the terminal, and no line is a command of a CI service."""
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]|\u202e", text), ascii(text)
    ours = r"(?!::(error|warning|notice) file=budgets)"  # annotations, which --github asks for
    assert not re.search(rf"^{ours}(::|##vso\[)", text, re.MULTILINE), text
