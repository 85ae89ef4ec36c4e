"""The standard streams: closed, full, merged, in another encoding; names that are no UTF-8."""

from __future__ import annotations

import csv
import errno
import io
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from mncost.cli.emit import emit_bytes
from mncost.cli.main import run
from mncost.errors import OutputError
from tests.running import Result, as_process, command, environment

# The last one has a note beside its table.
COMMANDS = (
    "list",
    "table v2 --alpha 0.5",
    "layers v1 --format csv",
    "schema",
    "--help",
    "--version",
    "table v2 --alpha 0.5,0.505 --format csv",
)
WITH_NOTE = COMMANDS[-1]
TINY = Path(__file__).parent / "tiny.toml"


def ran(line: str, *closed: int, **changes: object) -> subprocess.CompletedProcess[bytes]:
    """Run the command line with some standard streams closed, as ``<&-`` does."""

    def close() -> None:
        for number in closed:
            os.close(number)

    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command(*line.split()),
        **{**streams, "env": environment({}), **changes},
        preexec_fn=close,
        check=False,
        timeout=300,
    )


@cache
def usual(line: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command with all streams, once for all tests."""
    return ran(line)


@pytest.mark.parametrize("line", COMMANDS)
@pytest.mark.parametrize("closed", [(0,), (2,), (0, 2)])
def test_a_closed_stream_that_is_not_needed_changes_nothing(
    line: str, closed: Sequence[int]
) -> None:
    whole, without = usual(line), ran(line, *closed)
    assert (without.returncode, without.stdout) == (0, whole.stdout)


@pytest.mark.parametrize("closed", [(1,), (0, 1)])
@pytest.mark.parametrize("line", ["table v2", "bench --help"])
def test_without_a_standard_output_there_is_one_line(line: str, closed: Sequence[int]) -> None:
    done = ran(line, *closed)
    assert (done.returncode, done.stderr) == (2, b"mncost: standard output: closed\n")


def test_without_a_standard_output_a_file_is_written(here: Path) -> None:
    assert ran("table v2 -o out.csv", 0, 1, 2, cwd=here).returncode == 0
    assert ran("table v2 --format csv").stdout == (here / "out.csv").read_bytes()


def test_notes_never_stand_in_a_csv() -> None:
    whole = ran(WITH_NOTE)
    assert b"are one network" in whole.stderr
    merged = ran(WITH_NOTE, stderr=subprocess.STDOUT)
    assert merged.stdout == whole.stdout
    assert ran(f"{WITH_NOTE} -o -", stderr=subprocess.STDOUT).stdout == whole.stdout
    rows = list(csv.reader(io.StringIO(merged.stdout.decode())))
    assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.parametrize("line", COMMANDS)
@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252", "utf-8:strict"])
def test_the_output_is_the_same_in_every_encoding(line: str, encoding: str) -> None:
    other = as_process(line.split(), env={"PYTHONIOENCODING": encoding})
    assert (other.status, other.out.encode()) == (0, usual(line).stdout)
    assert other.err.encode() == usual(line).stderr


def test_a_locale_without_utf_8_changes_nothing() -> None:
    other = as_process(["table", "v2"], env={"LC_ALL": "C", "PYTHONUTF8": "0"})
    assert other == as_process(["table", "v2"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_standard_error_changes_nothing() -> None:
    with Path("/dev/full").open("wb") as full:
        done = ran(WITH_NOTE, stderr=full)
        assert (done.returncode, done.stdout) == (0, ran(WITH_NOTE).stdout)
        assert ran("table v9", stderr=full).returncode == 2


def test_a_path_that_is_not_utf_8(here: Path) -> None:
    """It can be read and written, and an error names it in one line."""
    name = os.fsdecode(b"caf\xe9.toml")
    (here / name).write_bytes(TINY.read_bytes())
    assert as_process(["table", name, "-o", os.fsdecode(b"\xff.csv")], cwd=here).status == 0
    assert (here / os.fsdecode(b"\xff.csv")).is_file()
    missing = as_process(["table", os.fsdecode(b"\xfe.toml")], cwd=here)
    assert (missing.status, missing.out, missing.err.count("\n")) == (2, "", 1)
    assert "\\udcfe.toml" in missing.err


@pytest.mark.parametrize("suffix", [".toml", ".csv"])
def test_a_name_of_300_letters(here: Path, suffix: str) -> None:
    name = "n" * 300 + suffix
    line = ["table", name] if suffix == ".toml" else ["table", "v2", "-o", name]
    done = as_process(line, cwd=here)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert "ile name too long" in done.err
    assert list(here.iterdir()) == []


def test_without_a_temporary_directory_there_is_one_true_line(
    here: Path, run_cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python looks for one, e.g. in $TMPDIR and /tmp, and finds none that can be written."""
    pytest.importorskip("psutil")
    pytest.importorskip("onnxruntime")

    def nowhere() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "_get_default_tempdir", nowhere)
    monkeypatch.setattr(tempfile, "tempdir", None)
    found = run_cli(["bench", "v2", "--runtime", "fake", "--max-time", "1"])
    assert (found.status, found.out, found.err.count("\n")) == (2, "", 1)
    assert "temporary directory" in found.err
    assert "standard output" not in found.err
    assert run_cli(["table", "v2", "-o", "out.csv"]).status == 0


def test_a_standard_output_of_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a notebook: the command line called from Python, whose output has no bytes below it.
    text = io.StringIO()
    monkeypatch.setattr("sys.stdout", text)
    line = "table v2 --alpha 0.5 --format csv"
    assert run(line.split()) == 0
    assert text.getvalue() == usual(line).stdout.decode()
    with pytest.raises(OutputError):  # a picture is no text
        emit_bytes(b"\x89PNG", None)
