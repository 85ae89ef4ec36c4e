"""Where a result goes: the flags of the output, and writing it there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mncost.cli.streams import tell
from mncost.errors import Interrupted, OutputError, UnknownNameError
from mncost.flags import Flags, flag

if TYPE_CHECKING:
    from mncost.render.table import Table

__all__ = [
    "BROKEN_PIPE",
    "FORMATS",
    "FOR_PEOPLE",
    "Out",
    "discard_stdout",
    "emit",
    "emit_bytes",
    "emit_several",
    "emit_text",
    "format_for",
    "is_standard_output",
    "say",
]

BROKEN_PIPE = 141  # as a shell reports a program that SIGPIPE ended
FORMATS = ("terminal", "csv", "json", "markdown", "svg")
_SUFFIXES = {".csv": "csv", ".json": "json", ".md": "markdown", ".svg": "svg", ".txt": "terminal"}


FOR_PEOPLE = ("terminal", "markdown", "svg")


class Out(Flags):
    """How and where a result is written."""

    panel = "Output"

    columns: str | None = flag(
        "Columns to print, in this order, separated by commas; all: every column.", metavar="NAMES"
    )
    format: str | None = flag(
        f"{', '.join(FORMATS)}. Default: by the suffix of --output, else terminal.",
        metavar="NAME",
        names=("--format", "-f"),
        completes="formats",
    )
    output: Path | None = flag(
        "Write to this file, or - for standard output. The file is replaced only when complete.",
        metavar="FILE",
        names=("--output", "-o"),
    )

    def __post_init__(self) -> None:
        """Refuse an unknown format.

        Raises:
            UnknownNameError: there is no format of this name.
        """
        format_for(self.format, self.output)

    @property
    def kind(self) -> str:
        """The format that is written."""
        return format_for(self.format, self.output)

    @property
    def for_people(self) -> bool:
        """Whether people read it, not programs."""
        return self.kind in FOR_PEOPLE

    def emit(self, table: Table, *, in_full: bool = False) -> None:
        """Write a table; in full: people see all details of what was measured too."""
        emit(table.in_full() if in_full else table, self.kind, self.output)

    @contextmanager
    def when_interrupted(self, *, in_full: bool = False, **options: Any) -> Iterator[None]:
        """Write what is known when a command is interrupted, or cannot save, as its table."""
        try:
            yield
        except (Interrupted, OutputError) as error:
            if error.known is not None:
                self.emit(error.known.table(**options), in_full=in_full)
            raise


def format_for(name: str | None, output: Path | None) -> str:
    """Return the format to write: the one named, or that of the output file's suffix.

    Raises:
        UnknownNameError: there is no format of this name.
    """
    if name is None:
        return _SUFFIXES.get(output.suffix.lower(), "terminal") if output else "terminal"
    if name not in FORMATS:
        raise UnknownNameError("format", name, FORMATS)
    return name


def emit(table: Table, format_name: str, output: Path | None) -> None:
    """Write a table as ``format_name``; notes that the format cannot hold go to standard error."""
    emit_text(_rendered(table, format_name, output), output)
    if format_name == "csv" and not (is_standard_output(output) and _is_merged()):
        for note in [*table.notes, *[table.warning] * bool(table.warning)]:
            tell(f"mncost: note: {note}")


def emit_several(tables: Sequence[Table], format_name: str, output: Path | None) -> None:
    """Write tables for people, one below the other."""
    if format_name == "svg":
        from mncost.render.svg import render

        emit_text(render(*tables), output)
        return
    emit_text("\n".join(_rendered(table, format_name, output) for table in tables), output)


def emit_text(text: str, output: Path | None) -> None:
    """Write text to a file, or to standard output."""
    # Bytes, so that every locale's terminal and every pipe gets the same UTF-8.
    emit_bytes(text.encode(errors="backslashreplace"), output)


def say(line: str) -> None:
    """Print a line for people to standard output.

    Raises:
        OutputError: it cannot be written.
    """
    from mncost.render.escape import plain

    emit_text(f"{plain(line)}\n", None)


def is_standard_output(output: Path | None) -> bool:
    """Whether this is no file."""
    return output is None or str(output) == "-"


def emit_bytes(data: bytes, output: Path | None) -> None:
    """Write bytes to a file, or to standard output."""
    if output is None or is_standard_output(output):
        _print(data)
    else:
        from mncost.render.write import write_atomically

        write_atomically(output, data)


def _rendered(table: Table, format_name: str, output: Path | None) -> str:
    if format_name == "terminal":
        return _terminal(table, output)
    render: Callable[[Table], str] = import_module(f"mncost.render.{format_name}").render
    return render(table)


def _is_merged() -> bool:
    """Whether standard error goes where standard output goes (``2>&1``), but for a terminal."""
    try:
        out, err = (os.fstat(stream.fileno()) for stream in (sys.stdout, sys.stderr))
        return os.path.samestat(out, err) and not sys.stdout.isatty()
    except (OSError, ValueError, AttributeError):  # not files of the system
        return False


def _print(data: bytes) -> None:
    if sys.stdout is None:
        raise OutputError("standard output: closed")
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:  # that of a notebook, or a StringIO
        _print_text(data)
        return
    try:
        buffer.write(data)
        buffer.flush()
    except BrokenPipeError:  # the reader has seen enough
        discard_stdout()
        raise typer.Exit(BROKEN_PIPE) from None
    except OSError as error:
        discard_stdout()
        reason = error.strerror or error
        raise OutputError(f"standard output: cannot be written: {reason}") from None


def _print_text(data: bytes) -> None:
    try:
        sys.stdout.write(data.decode())
    except UnicodeDecodeError:
        raise OutputError("standard output: takes text only; -o FILE names a file") from None


def discard_stdout() -> None:
    """Keep the interpreter from flushing, at its end, into what can no longer be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminal(table: Table, output: Path | None) -> str:
    if output is not None or sys.stdout is None or not sys.stdout.isatty():
        from mncost.render.plain import render as render_plain

        return render_plain(table)
    import shutil

    from mncost.render.terminal import render

    color = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return render(table, width=shutil.get_terminal_size().columns, color=color)
