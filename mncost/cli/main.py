"""The entry point: the table of commands, and running one."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from inspect import cleandoc
from typing import Annotated, NamedTuple

import typer

from mncost import __version__
from mncost.cli.emit import say

__all__ = ["COMMANDS", "run"]


class Command(NamedTuple):
    """A command: where its function is, and its line in the list of commands."""

    function: str
    panel: str
    help: str


_COUNT, _MEASURE, _CHOOSE, _CI = "Count", "Measure", "Choose", "CI"
COMMANDS = {
    "table": Command("mncost.cli.table:table", _COUNT, "Costs over a grid of α and resolution."),
    "layers": Command("mncost.cli.layers:layers", _COUNT, "One network, layer by layer."),
    "explain": Command("mncost.cli.explain:explain", _COUNT, "Why counting tools disagree."),
    "verify": Command("mncost.cli.verify:verify", _COUNT, "Our counts beside torch's and ONNX's."),
    "export": Command("mncost.cli.export:export", _COUNT, "A network as ONNX, torch or TOML."),
    "prune": Command("mncost.cli.prune:prune", _COUNT, "A narrower network, and its weights."),
    "list": Command("mncost.cli.list:list_", _COUNT, "The built-in architectures."),
    "diff-models": Command(
        "mncost.cli.diff_models:diff_models", _COUNT, "What changed between two networks."
    ),
    "bench": Command("mncost.cli.bench:bench", _MEASURE, "Latency on this machine's CPU."),
    "compare": Command(
        "mncost.cli.compare:compare", _MEASURE, "What separable layers save, on paper and measured."
    ),
    "show": Command("mncost.cli.show:show", _MEASURE, "The table of a saved run."),
    "report": Command("mncost.cli.report:report", _MEASURE, "A saved run as an HTML page."),
    "diff": Command("mncost.cli.diff:diff", _MEASURE, "What changed between two saved runs."),
    "hosts": Command("mncost.cli.hosts:hosts", _MEASURE, "Other machines, over ssh."),
    "calibrate": Command(
        "mncost.cli.calibrate:calibrate", _MEASURE, "A profile of this machine, for predict."
    ),
    "predict": Command("mncost.cli.predict:predict", _MEASURE, "Latency that is not measured."),
    "pick": Command("mncost.cli.pick:pick", _CHOOSE, "The most accurate networks in a budget."),
    "plot": Command("mncost.cli.plot:plot", _CHOOSE, "Accuracy, cost and latency as a picture."),
    "space": Command("mncost.cli.space:space", _CHOOSE, "All networks of a design space."),
    "search": Command(
        "mncost.cli.search:search", _CHOOSE, "A narrower network within a latency budget."
    ),
    "check": Command("mncost.cli.check:check", _CI, "Check networks against a budget file."),
    "init": Command("mncost.cli.init:init", _CI, "A budget file and a workflow for CI."),
    "schema": Command("mncost.cli.schema:schema", _CI, "The JSON Schema of a kind of file."),
}
OLD_NAMES = {"compare-runs": "diff"}


def _app(arguments: list[str]) -> typer.Typer:
    """Return the command line; only the command that is called is imported, for a fast start."""
    app = typer.Typer(
        name="mncost",
        callback=_options,
        help="What a network costs: multiply-accumulates, parameters and memory, exact to the "
        "unit, and measured latency.\n\nmncost table v2 --alpha 0.35:1.0\nmncost "
        "bench v2 --max-time 20s\nmncost pick --max-macs 150M",
        epilog="Exit status: 0 fine, 1 a check failed, 2 unusable input, 3 inconclusive, "
        "70 an error of mncost itself, 130 interrupted.",
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    if not arguments or {"-h", "--help"} & set(arguments):
        from mncost.cli.quick_help import import_help

        import_help()
    called = OLD_NAMES.get(arguments[0], arguments[0]) if arguments else ""
    is_completion = "_MNCOST_COMPLETE" in os.environ
    for name, command in COMMANDS.items():
        if is_completion or name == called:
            _add(app, name, command)
        elif called not in COMMANDS:
            app.command(name, rich_help_panel=command.panel, help=command.help)(_unused)
    for old, name in OLD_NAMES.items():
        if name == called:
            _add(app, old, COMMANDS[name], hidden=True)
    return app


def _add(app: typer.Typer, name: str, command: Command, *, hidden: bool = False) -> None:
    """Import a command and add it."""
    from mncost.cli.params import spread

    module, _, function_name = command.function.partition(":")
    function = getattr(import_module(module), function_name)
    said = _help(function.__doc__ or "")
    app.command(name, help=said, hidden=hidden, rich_help_panel=command.panel)(spread(function))


def _help(docstring: str) -> str:
    """Return a docstring whose prose flows; lines of examples stay lines."""
    paragraphs = [part.split("\n") for part in cleandoc(docstring).split("\n\n")]
    return "\n\n".join(
        ("\n" if lines[0].startswith("mncost ") else " ").join(lines) for lines in paragraphs
    )


def _unused() -> None:
    """Stand for a command in the list of commands."""


def _version(wanted: bool) -> None:
    if wanted:
        say(f"mncost {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    traceback: Annotated[
        bool,
        typer.Option(
            "--traceback",
            help="Show the Python traceback of an error in mncost or in a model's own code.",
        ),
    ] = False,
) -> None:
    pass


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    gc.set_threshold(100_000)  # what a command makes, it needs until it ends
    has_traceback = "--traceback" in arguments
    arguments = [argument for argument in arguments if argument != "--traceback"]
    if sys.stdout is None and (not arguments or "--help" in arguments):
        from mncost.cli.failures import fail

        return fail("standard output: closed")
    try:
        status = _app(arguments)(arguments or ["--help"], prog_name="mncost", standalone_mode=False)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        from mncost.cli.failures import status_of

        return status_of(error, has_traceback=has_traceback)
    return status if isinstance(status, int) else 0
