"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mncost.cli.params import Only
from mncost.errors import InputError
from mncost.flags import Flag

__all__ = [
    "Convention",
    "Flops",
    "RunFile",
    "Verbose",
    "only_time",
    "refuse",
]


Convention: TypeAlias = Annotated[
    str | None,
    Flag(
        "Count like another tool: paper, torch, fvcore, thop ... See mncost explain.",
        "NAME",
        completes="conventions",
    ),
]
Flops: TypeAlias = Annotated[bool, Flag("Add the column flops = 2 × MACs.")]
RunFile: TypeAlias = Annotated[
    Path | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run file of mncost bench; - for standard input. Default: the last run.",
    ),
]
Verbose: TypeAlias = Annotated[
    bool,
    Flag("Print every warning in full, and details of the machine.", names=("--verbose", "-v")),
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
