"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import typer

from mncost.cli import completion
from mncost.errors import InputError
from mncost.which import GRAMMAR

__all__ = [
    "GRAMMAR",
    "Convention",
    "Flops",
    "OneRuntime",
    "OneThreads",
    "PrecisionName",
    "Rho",
    "Twin",
    "refuse",
]


OneRuntime: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="NAME",
        autocompletion=completion.runtimes,
        help="Runtime whose latency counts. Default: onnxruntime, or the run's only one.",
    ),
]
OneThreads: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--threads", metavar="N", help="Threads of that runtime. Default: 1, or those of the run."
    ),
]
Rho: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--rho", metavar="ρ", help="Resolution as a ratio of the native one, same grammar."
    ),
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


def refuse(others: Mapping[str, object], why: str) -> None:
    """Refuse options that mean nothing here.

    Raises:
        InputError: one of them was given.
    """
    for name, value in others.items():
        if value is not None and value != []:
            raise InputError(f"--{name.replace('_', '-')} {why}")
