"""``mncost schema``."""

from __future__ import annotations

from typing import Annotated

import typer

from mncost.cli.emit import Out, emit_text
from mncost.cli.params import Only
from mncost.errors import UnknownNameError

__all__ = ["schema"]

FILES = ("architecture", "budget", "run", "space")


def schema(
    out: Annotated[Out, Only(without=("columns", "format"))],
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="architecture, budget, space (a design space), or run (mncost bench --save).",
        ),
    ] = "architecture",
) -> None:
    """Print the JSON Schema of a kind of file, for an editor's completion and checks.

    mncost schema
    mncost schema budget -o budgets.schema.json
    """
    if file not in FILES:
        raise UnknownNameError("file", file, FILES)
    if file == "run":
        from mncost.measure.run_file import run_schema as made
    elif file == "budget":
        from mncost.budget.schema import budget_schema as made
    elif file == "space":
        from mncost.space.schema import space_schema as made
    else:
        from mncost.spec.json_schema import architecture_schema as made
    emit_text(made(), out.output)
