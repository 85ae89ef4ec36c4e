"""The entry point: runs a command, and turns every foreseen failure into one line and a status."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from mncost import __version__
from mncost.cli.layers import layers
from mncost.cli.list import list_
from mncost.cli.schema import schema
from mncost.cli.table import table
from mncost.errors import MncostError

__all__ = ["app", "main"]

OK, UNUSABLE, INTERRUPTED, BROKEN_PIPE = 0, 2, 130, 141

app = typer.Typer(
    name="mncost",
    help="What a MobileNet costs: multiply-accumulates, parameters and memory, exact to the unit.",
    epilog="Exit status: 0 fine, 2 unusable input, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(table)
app.command()(layers)
app.command("list")(list_)
app.command()(schema)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mncost {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    try:
        status = app(arguments, prog_name="mncost", standalone_mode=False)
        sys.stdout.flush()
    except (MncostError, typer.TyperException) as error:
        return _fail(str(error.format_message() if hasattr(error, "format_message") else error))
    except typer.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return BROKEN_PIPE
    except OSError as error:
        _discard_stdout()
        return _fail(f"standard output: cannot be written: {error.strerror or error}")
    return status if isinstance(status, int) else OK


def _fail(message: str) -> int:
    print(f"mncost: {' '.join(message.split())}", file=sys.stderr)
    return UNUSABLE


def _discard_stdout() -> None:
    """Keep the interpreter from flushing, at its end, into what can no longer be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
