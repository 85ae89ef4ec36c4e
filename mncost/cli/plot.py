"""``mncost plot``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mncost.api import as_precision
from mncost.cli import options, plot_options
from mncost.cli.plot_options import Asked, Picture
from mncost.errors import InputError, UnknownNameError
from mncost.units import seconds

__all__ = ["plot"]

_X = ("macs", "params", "size", "memory", "latency")
_Y = ("top1", "latency")
_KINDS = ("scatter", "layers")
_FORMATS = ("png", "svg", "pdf")


def plot(
    run_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            help="A run file of mncost bench: its times, instead of measuring now.",
        ),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="NAME",
            show_default=False,
            help="scatter: networks as points. layers: one network, MACs, time and bytes by layer. "
            "Default: scatter.",
        ),
    ] = "scatter",
    x: Annotated[
        str | None,
        typer.Option("--x", metavar="NAME", help=f"{', '.join(_X)}. Default: macs."),
    ] = None,
    y: Annotated[
        str | None,
        typer.Option(
            "--y", metavar="NAME", help=f"{', '.join(_Y)}. Default: top1, as it is published."
        ),
    ] = None,
    arch: plot_options.Arch = None,
    alpha: plot_options.Alpha = None,
    resolution: plot_options.Resolution = None,
    rho: options.Rho = None,
    dialect: plot_options.Dialect = None,
    precision: options.PrecisionName = None,
    twin: options.Twin = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="With --kind layers: layer, block, stage or kind. Default: layer.",
        ),
    ] = None,
    no_time: Annotated[
        bool,
        typer.Option("--no-time", help="With --kind layers: MACs and bytes; nothing is measured."),
    ] = False,
    runtime: options.OneRuntime = None,
    threads: options.OneThreads = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            "--max-time",
            metavar="TIME",
            help="To measure at most, if intervals are not within ± 2 % before. Default: 54 s, or "
            "3 s a network if that is more.",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", metavar="FILE", help="Write what was measured: a run file, to plot again."
        ),
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help=f"{', '.join(_FORMATS)}. Default: by the suffix of --output, else png.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A .png, .svg or .pdf file (- for standard output), replaced only once it is "
            "complete. Default: mncost-Y-X.png or mncost-layers.png, here.",
        ),
    ] = None,
) -> int:
    """Draw accuracy over cost, measured latency over cost, or what each layer costs.

    Published accuracies with their Pareto front; latencies with their intervals
    and the power of the cost that they follow. Latencies are measured now,
    unless there is a RUN. Needs matplotlib (the extra plot).

    mncost plot --arch v1,v2,v3,v4 --x macs --y top1 -o front.svg
    mncost plot --arch v2,v3 --x latency --y top1 --save run.json
    mncost plot run.json --x macs --y latency -o fit.pdf
    mncost plot --arch v2 --kind layers
    mncost plot --arch v3-large --kind layers --no-time --by block
    """
    if kind not in _KINDS:
        raise UnknownNameError("--kind", kind, _KINDS)
    asked = Asked(
        run_file=run_file,
        arch=arch or None,
        grid={"alpha": alpha, "resolution": resolution, "rho": rho, "dialect": dialect},
        precision=as_precision(precision),
        runtime=runtime,
        threads=threads,
        max_time=None if max_time is None else seconds("--max-time", max_time),
        save=save,
    )
    of_layers = {"by": by, "twin": twin, "no_time": no_time or None}
    if kind == "layers":
        options.refuse({"x": x, "y": y}, "does not go with --kind layers")
        stem = "mncost-layers"
    else:
        options.refuse(of_layers, "goes with --kind layers")
        x, y = x or "macs", y or "top1"
        _check(x, y)
        stem = f"mncost-{y}-{x}"
    wanted, target = _target(format_name, output, stem)
    plot_options.check(asked, target)
    if kind == "layers":
        from mncost.cli.plot_layers import layers

        picture = layers(asked, by or "layer", twin, has_time=not no_time)
    else:
        from mncost.cli.plot_scatter import scatter

        picture = scatter(asked, x or "", y or "")
    return _write(picture, wanted, target)


def _check(x: str, y: str) -> None:
    for option, name, accepted in (("--x", x, _X), ("--y", y, _Y)):
        if name not in accepted:
            raise UnknownNameError(option, name, accepted)
    if x == y:
        raise InputError(f"--x and --y are both {x}")


def _target(name: str | None, output: Path | None, stem: str) -> tuple[str, Path]:
    """Return the format, and the file to write."""
    if output is not None and str(output) == "-" and name is None:
        raise InputError(f"--output - needs --format: {', '.join(_FORMATS)}")
    wanted = name
    if wanted is None:
        wanted = "png" if output is None else output.suffix.lower().removeprefix(".")
    if wanted not in _FORMATS:
        raise UnknownNameError("format of a picture", wanted or str(output), _FORMATS)
    return wanted, Path(f"{stem}.{wanted}") if output is None else output


def _write(picture: Picture, wanted: str, target: Path) -> int:
    """Draw, write, and say what there is to see."""
    from mncost.cli.emit import emit_bytes

    emit_bytes(picture.draw(wanted), target)
    if str(target) != "-":
        print(f"{target}: {picture.said}")
    for note in picture.notes:
        print(f"mncost: note: {note}", file=sys.stderr)
    return picture.status
