"""``mncost plot``."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mncost.cli import options
from mncost.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from mncost.cost.memory import Precision
    from mncost.measure.records import Run
    from mncost.plot.points import Fit, Point

__all__ = ["plot"]

_X = ("macs", "params", "size", "memory", "latency")
_Y = ("top1", "latency")
_FORMATS = ("png", "svg", "pdf")


def plot(
    run_file: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A run file of mncost bench, for latencies."),
    ] = None,
    x: Annotated[str, typer.Option("--x", metavar="NAME", help=f"{', '.join(_X)}.")] = "macs",
    y: Annotated[
        str | None,
        typer.Option(
            "--y", metavar="NAME", help=f"{', '.join(_Y)}. Default: top1, as it is published."
        ),
    ] = None,
    arch: options.PublishedArch = None,
    alpha: options.Alpha = None,
    resolution: options.Resolution = None,
    rho: options.Rho = None,
    dialect: options.Dialect = None,
    precision: options.PrecisionName = None,
    runtime: Annotated[
        str | None, typer.Option("--runtime", metavar="NAME", help="If the run has several.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", help="If the run has several.")
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format", "-f", metavar="NAME", help=f"{', '.join(_FORMATS)}. Default: by the suffix."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A .png, .svg or .pdf file (- for standard output), replaced only once it is "
            "complete.",
        ),
    ] = None,
) -> None:
    """Draw accuracy against cost, or measured latency against cost.

    Published accuracies are drawn with their Pareto front; latencies with their intervals and with
    the power of the cost that they follow. Needs mncost[plot].

    mncost plot --arch v1,v2,v3,v4 --x macs --y top1 -o front.svg
    mncost plot run.json --x latency --y top1 -o front.svg
    mncost plot run.json --x macs --y latency -o fit.png
    """
    if output is None:
        raise InputError("missing option '--output': a .png, .svg or .pdf file, or - and --format")
    wanted = _format(format_name, output)
    chosen = "top1" if y is None else y
    _check(x, chosen, run_file)
    if find_spec("matplotlib") is None:
        raise InputError("needs matplotlib: pip install 'mncost[plot]'")
    where = (runtime, threads)
    if run_file is None:
        options.refuse({"runtime": runtime, "threads": threads}, "goes with a run file")
    run = None if run_file is None else _read(run_file)
    grid = {"alpha": alpha, "resolution": resolution, "rho": rho, "dialect": dialect}
    from mncost.plot.points import AXES, on_front

    if chosen == "latency":
        assert run is not None
        options.refuse({"arch": arch, **grid}, "does not go with --y latency: the run is drawn")
        front: Sequence[Point] = ()
        fit: Fit | None
        points, fit = _latencies(run, x, options.as_precision(precision), *where)
        said = (
            f"latency follows {AXES[x].name}^{fit.exponent:.2f}: {fit.within:.0%} of {fit.points} "
            "networks are within ±10 %"
        )
    else:
        points = _accuracies(run, x, arch, grid, options.as_precision(precision), *where)
        fit, front = None, on_front(points)
        said = (
            f"{len(front)} of {len(points)} networks are on the Pareto front (labels: α·resolution)"
        )
    _write(points, (x, chosen), front, fit, said, wanted, output)


def _format(name: str | None, output: Path) -> str:
    wanted = output.suffix.lower().removeprefix(".") if name is None else name
    if wanted not in _FORMATS:
        raise UnknownNameError("format of a picture", wanted or str(output), _FORMATS)
    return wanted


def _check(x: str, y: str, run_file: Path | None) -> None:
    for option, name, accepted in (("--x", x, _X), ("--y", y, _Y)):
        if name not in accepted:
            raise UnknownNameError(option, name, accepted)
    if x == y:
        raise InputError(f"--x and --y are both {x}")
    if "latency" in (x, y) and run_file is None:
        raise InputError("latency needs a run file: mncost plot run.json, of `mncost bench -o`")
    if "latency" not in (x, y) and run_file is not None:
        raise InputError(f"{run_file}: a run file is for latency: --x latency or --y latency")


def _read(file: Path) -> Run:
    from mncost.measure.needs import TO_SHOW, need
    from mncost.measure.run_file import read_run

    need(*TO_SHOW)
    return read_run(file)


def _latencies(
    run: Run, x: str, precision: str, runtime: str | None, threads: int | None
) -> tuple[list[Point], Fit]:
    """Return the latencies of a run, and the power of x that they follow."""
    from mncost.budget.judge import latency_interval
    from mncost.choose.latency import Place, cells_at
    from mncost.measure.results.statistics import LEVEL
    from mncost.plot.points import fit, latency_points

    cells = cells_at(run, precision, Place(runtime, threads))
    measured = [(cell, latency_interval(run, cell.id, 50, LEVEL)) for cell in cells]
    points = latency_points([(cell, found) for cell, found in measured if found is not None], x)
    return points, fit(points)


def _accuracies(
    run: Run | None,
    x: str,
    arch: list[str] | None,
    grid: Mapping[str, str | None],
    precision: Precision,
    runtime: str | None,
    threads: int | None,
) -> list[Point]:
    """Return the published accuracies: over a count, or over the latencies of a run."""
    from mncost.choose.accuracy import candidates
    from mncost.choose.latency import LatencyLimit, Place, timed
    from mncost.plot.points import accuracy_points

    found = candidates(",".join(arch or ["all"]), **grid, precision=precision)
    if run is None:
        return accuracy_points(found, x)
    measured = timed(run, found, LatencyLimit(math.inf, place=Place(runtime, threads)))
    if not measured:
        raise InputError("no accuracy of any network of the run is published")
    return accuracy_points(found, x, measured)


def _write(
    points: Sequence[Point],
    axes: tuple[str, str],
    front: Sequence[Point],
    fit: Fit | None,
    said: str,
    wanted: str,
    output: Path,
) -> None:
    """Draw, write, and say what there is to see."""
    from mncost.plot.draw import scatter
    from mncost.plot.points import AXES
    from mncost.report.write import write_atomically

    x, y = (AXES[name] for name in axes)
    picture = scatter(points, x, y, front=front, fit=fit, title=said, format=wanted)
    if str(output) == "-":
        sys.stdout.buffer.write(picture)
    else:
        write_atomically(output, picture)
        print(f"{output}: {said}")
