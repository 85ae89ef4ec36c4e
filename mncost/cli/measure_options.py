"""The options of the commands that measure, and of those that show what was measured."""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeAlias

import typer

from mncost.cli import completion
from mncost.cli.emit import FORMATS
from mncost.errors import InputError, UnknownNameError

__all__ = [
    "Arch",
    "Batch",
    "By",
    "Export",
    "MaxTime",
    "MeasuredPrecision",
    "Percentiles",
    "Processes",
    "Provider",
    "Python",
    "Runtime",
    "TableFormat",
    "TargetError",
    "Threads",
    "View",
    "names",
    "numbers",
    "view",
]

EXPORTS = ("pyperf",)
BY = ("layer",)

Arch: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--arch",
        "-a",
        metavar="NAMES",
        autocompletion=completion.architectures,
        help="Architectures, groups, files or checkpoints, with commas. Default: v1,v2,v3-large.",
    ),
]
Runtime: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="NAMES",
        autocompletion=completion.runtimes,
        help="onnxruntime, torch (eager, channels-last), torch-compile (inductor, frozen), with "
        "commas. Default: those of the first two that are installed.",
    ),
]
Provider: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="NAMES",
        help="Execution providers of ONNX Runtime: CPU, OpenVINO, DNNL, XNNPACK. "
        "Default: all that the installed package has for CPUs.",
    ),
]
Threads: TypeAlias = Annotated[
    str | None,
    typer.Option("--threads", metavar="N,...", help="Threads of the runtime. Default: 1."),
]
MeasuredPrecision: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="NAMES",
        help="fp32, int8 (ONNX Runtime: static quantisation, per channel), with commas. "
        "Default: fp32.",
    ),
]
Batch: TypeAlias = Annotated[
    str | None,
    typer.Option("--batch", metavar="N,...", help="Images in one call. Default: 1."),
]
Python: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="PATH",
        help="Measure in this interpreter too (another version of a runtime), run by run beside "
        "our own.",
    ),
]
TargetError: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--target-error",
        metavar="%",
        help="Stop when half of each median's 95 % interval is within it. Default: 2 %.",
    ),
]
MaxTime: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--max-time",
        metavar="TIME",
        help="Stop after it in any case: 90, 90s, 5min. Default: 54 s, or 3 s a cell if more.",
    ),
]
Processes: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--processes",
        metavar="N",
        help="Measure in at least so many processes, one after the other. Default: 6.",
    ),
]
By: TypeAlias = Annotated[
    str | None,
    typer.Option("--by", metavar="layer", help="Where the time goes: each layer (ONNX Runtime)."),
]
Percentiles: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--percentiles",
        metavar="P,...",
        help="Percentiles, each with its own distribution-free interval, e.g. 50,90,99.",
    ),
]
TableFormat: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        metavar="NAME",
        autocompletion=completion.formats,
        help=f"Of the table: {', '.join(FORMATS)}. Default: terminal.",
    ),
]
Export: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--export",
        metavar="pyperf",
        help="Write what python -m pyperf compare_to reads; mncost bench: beside --output, as "
        "NAME.pyperf.json.",
    ),
]


class View(NamedTuple):
    """How a run is to be shown."""

    format: str
    by_layer: bool
    percentiles: tuple[float, ...] | None  # None: nobody asked
    columns: str | None
    export: str | None


def view(
    by: str | None,
    percentiles: str | None,
    columns: str | None,
    export: str | None,
    format_name: str,
) -> View:
    """Check how a run is to be shown.

    Raises:
        InputError: there is no such view.
    """
    if by is not None and by not in BY:
        raise UnknownNameError("view", by, BY)
    if by is not None and percentiles is not None:
        raise InputError("--by layer and --percentiles do not go together")
    if export is not None and export not in EXPORTS:
        raise UnknownNameError("export", export, EXPORTS)
    return View(format_name, by is not None, _percentiles(percentiles), columns, export)


def names(given: str | None, default: list[str]) -> list[str]:
    """Return the names of an option, without repeats."""
    return default if given is None else list(dict.fromkeys(map(str.strip, given.split(","))))


def numbers(option: str, given: str | None) -> list[int]:
    """Return the whole numbers of an option; 1 unless there are any.

    Raises:
        InputError: one is none.
    """
    words = names(given, ["1"])
    for word in words:
        if not word.isdecimal():
            raise InputError(f"{option} {word!r}: accepted are whole numbers, with commas between")
    return [int(word) for word in words]


def _percentiles(given: str | None) -> tuple[float, ...] | None:
    if given is None:
        return None
    found = []
    for word in given.split(","):
        try:
            value = float(word)
        except ValueError:
            value = 0.0
        if not 0 < value < 100:
            raise InputError(f"--percentiles {word.strip()!r}: accepted are numbers from 0 to 100")
        found.append(value)
    return tuple(dict.fromkeys(found))
