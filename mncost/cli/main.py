"""The entry point: runs a command, and turns every foreseen failure into one line and a status."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from mncost import __version__
from mncost.cli.output import BROKEN_PIPE, discard_stdout
from mncost.errors import BudgetError, MncostError, one_line

__all__ = ["COMMANDS", "run"]

OK, UNUSABLE, INTERRUPTED = 0, 2, 130

COMMANDS = {
    "table": "mncost.cli.table:table",
    "layers": "mncost.cli.layers:layers",
    "pick": "mncost.cli.pick:pick",
    "plot": "mncost.cli.plot:plot",
    "compare": "mncost.cli.compare:compare",
    "bench": "mncost.cli.bench:bench",
    "show": "mncost.cli.show:show",
    "report": "mncost.cli.report:report",
    "check": "mncost.cli.check:check",
    "compare-runs": "mncost.cli.compare_runs:compare_runs",
    "explain": "mncost.cli.explain:explain",
    "verify": "mncost.cli.verify:verify",
    "export": "mncost.cli.export:export",
    "list": "mncost.cli.list:list_",
    "schema": "mncost.cli.schema:schema",
}


def _app(arguments: list[str]) -> typer.Typer:
    """Return the command line; only the command that is called is imported, for a fast start."""
    app = typer.Typer(
        name="mncost",
        callback=_options,
        help="What a MobileNet costs: multiply-accumulates, parameters and memory, exact to the "
        "unit; and its latency, measured.",
        epilog="Exit status: 0 fine, 1 a check failed, 2 unusable input, 3 inconclusive, "
        "130 interrupted.",
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    called = arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS
    for name in called:
        module, _, function = COMMANDS[name].partition(":")
        app.command(name)(getattr(import_module(module), function))
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mncost {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    try:
        status = _app(arguments)(arguments or ["--help"], prog_name="mncost", standalone_mode=False)
    except BudgetError as error:
        return max(map(_fail, error.problems))
    except MncostError as error:
        return _fail(str(error))
    except typer.TyperException as error:
        return _fail(error.format_message())
    except SystemExit:  # how typer ends when the reader of its help has seen enough
        return BROKEN_PIPE
    except OSError as error:
        discard_stdout()
        return _fail(f"standard output: cannot be written: {error.strerror or error}")
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return status if isinstance(status, int) else OK


def _fail(message: str) -> int:
    print(f"mncost: {one_line(' '.join(message.split()))}", file=sys.stderr)
    return UNUSABLE
