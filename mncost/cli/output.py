"""From a table to wherever the user wants it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

import typer

from mncost.columns import Source
from mncost.errors import OutputError, UnknownNameError
from mncost.render.table import Table

__all__ = [
    "BROKEN_PIPE",
    "FORMATS",
    "chosen",
    "discard_stdout",
    "emit",
    "emit_bytes",
    "emit_several",
    "emit_text",
    "format_for",
]

BROKEN_PIPE = 141  # as a shell reports a program that SIGPIPE ended
FORMATS = ("terminal", "csv", "json", "markdown")
_SUFFIXES = {".csv": "csv", ".json": "json", ".md": "markdown", ".txt": "terminal"}


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


def chosen(
    columns: Mapping[str, Source], names: str | None, default: Iterable[str]
) -> list[Source]:
    """Return the columns that ``--columns`` names, or the default ones.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    wanted = list(default) if names is None else [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in columns:
            raise UnknownNameError("column", name, columns)
    return [columns[name] for name in dict.fromkeys(wanted)]


def emit(table: Table, format_name: str, output: Path | None) -> None:
    """Write a table as ``format_name``; notes that the format cannot hold go to standard error."""
    emit_text(_rendered(table, format_name, output), output)
    if format_name == "csv":
        for note in table.notes:
            print(f"mncost: note: {note}", file=sys.stderr)


def emit_several(tables: Sequence[Table], format_name: str, output: Path | None) -> None:
    """Write tables for people, one below the other."""
    emit_text("\n".join(_rendered(table, format_name, output) for table in tables), output)


def emit_text(text: str, output: Path | None) -> None:
    """Write text to a file, or to standard output."""
    # Bytes, so that every locale's terminal and every pipe gets the same UTF-8.
    emit_bytes(text.encode(), output)


def emit_bytes(data: bytes, output: Path | None) -> None:
    """Write bytes to a file, or to standard output."""
    if output is None or str(output) == "-":
        _print(data)
    else:
        from mncost.render.write import write_atomically

        write_atomically(output, data)


def _rendered(table: Table, format_name: str, output: Path | None) -> str:
    if format_name == "terminal":
        return _terminal(table, output)
    render: Callable[[Table], str] = import_module(f"mncost.render.{format_name}").render
    return render(table)


def _print(data: bytes) -> None:
    if sys.stdout is None:
        raise OutputError("standard output: closed")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader has seen enough
        discard_stdout()
        raise typer.Exit(BROKEN_PIPE) from None
    except OSError as error:
        discard_stdout()
        reason = error.strerror or error
        raise OutputError(f"standard output: cannot be written: {reason}") from None


def discard_stdout() -> None:
    """Keep the interpreter from flushing, at its end, into what can no longer be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminal(table: Table, output: Path | None) -> str:
    if output is not None or sys.stdout is None or not sys.stdout.isatty():
        from mncost.render.plain import render as render_plain

        return render_plain(table)
    from mncost.render.terminal import render

    color = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return render(table, width=shutil.get_terminal_size().columns, color=color)
