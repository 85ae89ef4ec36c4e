"""The options that only ``mncost compare`` has, and which of all of them go together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from mncost.cli import completion

if TYPE_CHECKING:
    from mncost.api import Grid

__all__ = [
    "Bench",
    "Fp32",
    "Int8",
    "Layers",
    "MaxTime",
    "MaxTwinGmacs",
    "Memory",
    "Precision",
    "Run",
    "Save",
    "grids",
    "precisions",
]

MAX_TWIN_GMACS = 20.0

Layers: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--layers/--no-layers",
        help="Each pair of layers against its convolution; with --bench as small networks of their "
        "own, under the machine's roofline. Default: with --bench of one network.",
    ),
]
Bench: TypeAlias = Annotated[
    bool, typer.Option("--bench", help="Measure it too, on this machine's CPU.")
]
Memory: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--memory/--no-memory",
        help="Measure the peak memory too. Default: with --bench of one network.",
    ),
]
Fp32: TypeAlias = Annotated[bool, typer.Option("--fp32", help="Short for --precision fp32.")]
Int8: TypeAlias = Annotated[
    bool, typer.Option("--int8", help="Short for --precision int8; with --fp32: both.")
]
Precision: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="NAMES",
        autocompletion=completion.precisions,
        help="fp32, int8 (measured on ONNX Runtime), fp16 (not measured), with commas. "
        "Default: fp32.",
    ),
]
MaxTwinGmacs: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--max-twin-gmacs",
        metavar="G",
        help=f"Do not time twins of more GMACs than this. Default: {MAX_TWIN_GMACS:g}.",
    ),
]
MaxTime: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--max-time",
        metavar="TIME",
        help="Stop after it in any case: 90, 90s, 5min. Default: 150 s, or 3 s a network and twin "
        "if more.",
    ),
]
Save: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--save",
        metavar="FILE",
        help="Write the run file (.json): every sample. mncost bench --resume goes on with it.",
    ),
]
Run: TypeAlias = Annotated[
    Path | None,
    typer.Option("--run", metavar="FILE", help="Compare what a saved run measured."),
]


def grids(which: Mapping[str, Any]) -> Grid:
    """Return the networks that are asked for, at each of the precisions.

    Raises:
        InputError: something cannot be used.
    """
    from mncost.api import Grid, grid

    given = {name: value for name, value in which.items() if name not in ("twin", "precision")}
    every = [grid(**given, precision=name) for name in which["precision"]]
    networks = [network for found in every for network in found]
    return Grid(networks, list(dict.fromkeys(note for found in every for note in found.notes)))


def precisions(named: str | None, *, fp32: bool, int8: bool) -> list[str]:
    """Return the precisions that were asked for, in any of the ways.

    Raises:
        UnknownNameError: there is no such precision.
    """
    from mncost.api import as_precision

    names = [] if named is None else [name.strip() for name in named.split(",")]
    for name in names:
        as_precision(name)
    return list(dict.fromkeys([*names, *["fp32"] * fp32, *["int8"] * int8]))
