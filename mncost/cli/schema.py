"""``mncost schema``."""

from __future__ import annotations

from typing import Annotated

import typer

from mncost.cli.emit import emit_text
from mncost.cli.options import Output
from mncost.errors import UnknownNameError

__all__ = ["schema"]

FILES = ("architecture", "budget", "run")


def schema(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="architecture, budget, or run (mncost bench -o)."),
    ] = "architecture",
    output: Output = None,
) -> None:
    """Print the JSON Schema of a kind of file, for an editor's completion and checks."""
    if file not in FILES:
        raise UnknownNameError("file", file, FILES)
    if file == "run":
        from mncost.measure.run_file import run_schema

        emit_text(run_schema(), output)
    elif file == "budget":
        from mncost.budget.schema import budget_schema

        emit_text(budget_schema(), output)
    else:
        from mncost.spec.json_schema import architecture_schema

        emit_text(architecture_schema(), output)
