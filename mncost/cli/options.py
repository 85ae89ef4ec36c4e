"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mncost.cli import completion
from mncost.cli.emit import FORMATS
from mncost.errors import InputError

__all__ = [
    "GRAMMAR",
    "Alpha",
    "Arch",
    "Classes",
    "ColumnNames",
    "Convention",
    "Dialect",
    "Flops",
    "Format",
    "OneRuntime",
    "OneThreads",
    "OnlyAlpha",
    "OnlyDialect",
    "OnlyResolution",
    "OnlyRho",
    "Output",
    "PrecisionName",
    "PublishedArch",
    "Resolution",
    "Rho",
    "Twin",
    "refuse",
]

GRAMMAR = "VALUE, LOW:HIGH (the published values), LOW:HIGH:STEP, or several with commas"

Arch: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--arch",
        "-a",
        metavar="NAMES",
        autocompletion=completion.architectures,
        help="Architecture (v2), group (v3, v4, all), file (my_net.toml, - for standard input) "
        "or checkpoint (mobilenet_v2_0.75_160); several with commas. See mncost list.",
    ),
]
PublishedArch: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--arch",
        "-a",
        metavar="NAMES",
        autocompletion=completion.architectures,
        help="Built-in architectures, groups or checkpoints, with commas. Default: all.",
    ),
]
OneRuntime: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="NAME",
        autocompletion=completion.runtimes,
        help="Where a latency is meant. Default: onnxruntime, or the run's one.",
    ),
]
OneThreads: TypeAlias = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", help="Likewise. Default: 1, or those of the run."),
]
Alpha: TypeAlias = Annotated[
    str | None,
    typer.Option("--alpha", metavar="α", help=f"Width multiplier: {GRAMMAR}. Default: 1.0."),
]
Resolution: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--resolution", "-r", metavar="PX", help="Side of the image, same grammar. Default: native."
    ),
]
Rho: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--rho", metavar="ρ", help="Resolution as a ratio of the native one, same grammar."
    ),
]
Dialect: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--dialect",
        metavar="NAME",
        autocompletion=completion.dialects,
        help="Whose reading: torchvision, timm, slim, keras ... Default: paper.",
    ),
]
OnlyAlpha: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--alpha", metavar="α", help=f"Only these width multipliers: {GRAMMAR}. Default: all."
    ),
]
OnlyResolution: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--resolution", "-r", metavar="PX", help="Only these sides of the image. Default: all."
    ),
]
OnlyRho: TypeAlias = Annotated[
    str | None,
    typer.Option("--rho", metavar="ρ", help="Only these ratios to the native resolution."),
]
OnlyDialect: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--dialect",
        metavar="NAME",
        autocompletion=completion.dialects,
        help="Only this reading: paper, timm, keras ... Default: all.",
    ),
]
Classes: TypeAlias = Annotated[
    int | None,
    typer.Option("--classes", metavar="N", help="Outputs of the classifier. Default: 1000."),
]
PrecisionName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="NAME",
        autocompletion=completion.precisions,
        help="fp32, fp16, int8: for the bytes of deployed weights and of one image's "
        "activations. Assumed: batch norm folded into the convolution before it; convolution and "
        "activation fused; nothing in place; int8 with int32 biases. Default: fp32.",
    ),
]
Convention: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--convention",
        metavar="NAME",
        autocompletion=completion.conventions,
        rich_help_panel="Output",
        help="Count as a tool does: paper, torch, fvcore, thop ... See mncost explain.",
    ),
]
Twin: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--twin",
        metavar="NAME",
        help="The twin instead: standard (separable pairs as one convolution) or fused (expand and "
        "depthwise as one).",
    ),
]
Flops: TypeAlias = Annotated[
    bool,
    typer.Option("--flops", help="Add the column flops = 2 × MACs.", rich_help_panel="Output"),
]
ColumnNames: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="NAMES", help="Columns to print, in this order, with commas."
    ),
]
Format: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        metavar="NAME",
        autocompletion=completion.formats,
        help=f"{', '.join(FORMATS)}. Default: by the suffix of --output, else terminal.",
    ),
]
Output: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to a file (- for standard output), replaced only once it is complete.",
    ),
]


def refuse(others: Mapping[str, object], why: str) -> None:
    """Refuse options that mean nothing here.

    Raises:
        InputError: one of them was given.
    """
    for name, value in others.items():
        if value is not None and value != []:
            raise InputError(f"--{name.replace('_', '-')} {why}")
