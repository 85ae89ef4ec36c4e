"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import typer

from mncost.cli.params import Only, completer
from mncost.errors import InputError

__all__ = [
    "Convention",
    "Flops",
    "Verbose",
    "only_time",
    "refuse",
]


Convention: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--convention",
        metavar="NAME",
        autocompletion=completer("conventions"),
        rich_help_panel="Output",
        help="Count like another tool: paper, torch, fvcore, thop ... See mncost explain.",
    ),
]
Flops: TypeAlias = Annotated[
    bool,
    typer.Option("--flops", help="Add the column flops = 2 × MACs.", rich_help_panel="Output"),
]
Verbose: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Print every warning in full, and details of the machine.",
        rich_help_panel="Output",
    ),
]


def only_time(words: str) -> Only:
    """Return how ``Effort`` stands in a command that spends its time in its own way."""
    return Only(
        without=("target_error", "processes", "copies", "seed", "clock"), help={"max_time": words}
    )


def refuse(others: Mapping[str, object], why: str) -> None:
    """Refuse options that mean nothing here.

    Raises:
        InputError: one of them was given.
    """
    for name, value in others.items():
        if value is not None and value != []:
            raise InputError(f"--{name.replace('_', '-')} {why}")
