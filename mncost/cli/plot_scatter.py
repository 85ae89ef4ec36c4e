"""``mncost plot`` of networks: accuracy over cost or latency, latency over cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mncost.cli import options, plot_options
from mncost.cli.plot_options import Asked, Picture
from mncost.errors import InputError
from mncost.pictures.draw import scatter as draw
from mncost.pictures.points import AXES, Axis, Point, accuracy_points, on_front, percent

if TYPE_CHECKING:
    from mncost.measure.records import Run

__all__ = ["scatter"]

_WHAT = "medians, 95 % intervals"


def scatter(asked: Asked, x: str, y: str) -> Picture:
    """Return the picture of networks.

    Raises:
        InputError: something cannot be used, or measured.
    """
    if y == "latency":
        return _latencies(asked, x)
    if x == "latency":
        return _accuracies_over_latency(asked)
    if asked.run_file is not None:
        raise InputError(f"{asked.run_file}: a run file is for latency: --x latency or --y latency")
    plot_options.refuse(asked, "goes with latency: --x latency, --y latency or --kind layers")
    found = asked.candidates()
    return _front(accuracy_points(found, x), x, "")


def _accuracies_over_latency(asked: Asked) -> Picture:
    """Return published accuracies over the latencies of a run, or over those measured now."""
    from mncost.choose.latency import Place, cells_at, latencies
    from mncost.results.results import Results

    found = asked.candidates()
    if asked.run_file is None:
        networks = [one.network for one in found]
        run = plot_options.measured(asked, networks, plot_options.place(asked))
    else:
        run = plot_options.read(asked.run_file)
    with plot_options.about(asked.run_file):
        cell = cells_at(run, asked.precision, Place(asked.runtime, asked.threads))[0]
        measured = latencies(Results(run), found, Place(asked.runtime, asked.threads))
    if not measured:
        raise InputError(f"{asked.run_file}: no accuracy of any network of the run is published")
    points = accuracy_points(found, "latency", measured)
    picture = _front(points, "latency", f"{_WHAT}; {plot_options.caption(run, cell)}")
    return plot_options.with_notes(picture, asked, run)


def _front(points: Sequence[Point], x: str, caption: str) -> Picture:
    front = on_front(points)
    are = "is" if len(front) == 1 else "are"
    said = (
        f"{len(front)} of {len(points)} networks {are} on the Pareto front (labels: α·resolution)"
    )
    axes = AXES[x], AXES["top1"]
    return Picture(partial(_drawn, points, axes, front=front, title=said, caption=caption), said)


def _latencies(asked: Asked, x: str) -> Picture:
    """Return latencies over a count, with the power of it that they follow."""
    from mncost.choose.latency import Place, cells_at
    from mncost.pictures.points import fit, latency_points
    from mncost.results.results import Results

    if asked.run_file is None:
        run = _measured(asked, x)
    else:
        given = {"arch": asked.arch, **asked.grid}
        options.refuse(given, "does not go with --y latency and a run file: all of it is drawn")
        run = plot_options.read(asked.run_file)
    with plot_options.about(asked.run_file):
        cells = cells_at(run, asked.precision, Place(asked.runtime, asked.threads))
        results = Results(run)
        medians = [(cell, results.interval(cell.id)) for cell in cells]
        measured = [(cell, interval) for cell, interval in medians if interval is not None]
        points = latency_points(measured, x)
        found = fit(points)
    said = (
        f"latency follows {AXES[x].name}^{found.exponent:.2f}: {percent(found.within)} "
        f"of {found.points} networks are within ±10 %"
    )
    caption = f"{_WHAT}; {plot_options.caption(run, cells[0])}"
    axes = AXES[x], AXES["latency"]
    picture = Picture(partial(_drawn, points, axes, fit=found, title=said, caption=caption), said)
    return plot_options.with_notes(picture, asked, run)


def _measured(asked: Asked, x: str) -> Run:
    """Measure the networks of a grid, if there can be a fit to them."""
    from mncost.measure.networks import cells_of
    from mncost.measure.runs import ARCHITECTURES
    from mncost.pictures.points import check_fit, cost_of

    networks = asked.networks(ARCHITECTURES)
    where = plot_options.place(asked)
    check_fit(cost_of(cell, x) for cell in cells_of(networks, where).cells)
    return plot_options.measured(asked, networks, where)


def _drawn(points: Sequence[Point], axes: tuple[Axis, Axis], format: str, **more: Any) -> bytes:
    """Draw with the format last, as :class:`Picture` has it."""
    return draw(points, *axes, format=format, **more)
