"""Points as a picture, with matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import cycle
from typing import TYPE_CHECKING, Any, cast

from mncost.plot.points import MARGIN, Axis, Fit, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FORMATS", "scatter"]

FORMATS = ("png", "svg", "pdf")
_INCHES = (6.4, 4.2)
_DPI = 200  # of PNG
_LABEL = (0.035, 0.09)  # height and width of a label, as shares of the axes
_LOGARITHMIC = 8  # times as much at the right end as at the left: a linear axis would hide half
# Okabe and Ito's colours, which people who confuse colours can tell apart; shapes say it again.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
_MARKERS = "osD^vPX"
_LOOK: dict[str, Any] = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.markersize": 4.5,
    "svg.hashsalt": "mncost",
}


def scatter(
    points: Sequence[Point],
    x: Axis,
    y: Axis,
    *,
    front: Sequence[Point] = (),
    fit: Fit | None = None,
    title: str = "",
    format: str = "png",
) -> bytes:
    """Return a picture of points: by architecture, with intervals, and a front or a fit.

    Args:
        points: at least one.
        x: the axis; logarithmic if the points span more than a factor of eight.
        y: likewise.
        front: points that a line joins and that are labelled.
        fit: a power law; a band of ± 10 % around it.
        title: above it.
        format: one of :data:`FORMATS`.
    """
    with _figure() as (figure, axes):
        _scale(axes, points, is_y_logarithmic=fit is not None)
        for number, (group, colour, marker) in enumerate(_styles(points)):
            members = [point for point in points if point.group == group]
            _group(axes, members, colour, marker, f"points-{number}")
        if front:
            _draw_front(axes, front)
        if fit is not None:
            _draw_fit(axes, points, fit)
        axes.set(xlabel=x.title, ylabel=y.title, title=title)
        if len({point.group for point in points}) > 1:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
        out = BytesIO()
        metadata = {"Date": None} if format == "svg" else None  # the same file each time
        figure.savefig(out, format=format, dpi=_DPI, bbox_inches="tight", metadata=metadata)
    return out.getvalue()


@contextmanager
def _figure() -> Iterator[tuple[Any, Axes]]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(cast(Any, _LOOK)):
        figure = Figure(figsize=_INCHES)
        yield figure, figure.add_subplot()


def _styles(points: Sequence[Point]) -> Iterator[tuple[str, str, str]]:
    groups = sorted({point.group for point in points})
    # Eight colours and seven shapes: 56 architectures before two of them look alike.
    yield from zip(groups, cycle(_COLOURS), cycle(_MARKERS), strict=False)


def _group(axes: Axes, points: Sequence[Point], colour: str, marker: str, gid: str) -> None:
    """Draw points of one look; in an SVG, their markers are the element ``gid``, in order."""
    drawn = axes.errorbar(
        [point.x for point in points],
        [point.y for point in points],
        xerr=_errors([(point.x, point.x_bounds) for point in points]),
        yerr=_errors([(point.y, point.y_bounds) for point in points]),
        fmt=marker,
        color=colour,
        elinewidth=0.8,
        markeredgewidth=0,
        alpha=0.85,
        label=points[0].group,
    )
    drawn.lines[0].set_gid(gid)


def _errors(values: Sequence[tuple[float, tuple[float, float] | None]]) -> Any:
    if all(bounds is None for _, bounds in values):
        return None
    known = [(value, bounds or (value, value)) for value, bounds in values]
    return [[value - lo for value, (lo, _) in known], [hi - value for value, (_, hi) in known]]


def _draw_front(axes: Axes, front: Sequence[Point]) -> None:
    """Join the front by steps: what is between two points is no network."""
    xs, ys = [point.x for point in front], [point.y for point in front]
    axes.plot(xs, ys, drawstyle="steps-post", color="#444444", linewidth=0.9, zorder=1)
    for point in _apart(axes, front):
        axes.annotate(
            point.label,
            (point.x, point.y),
            xytext=(-3, 4),
            textcoords="offset points",
            ha="right",
            fontsize=6.5,
            color="#444444",
        )


def _apart(axes: Axes, points: Sequence[Point]) -> list[Point]:
    """Return those whose labels have room: no other label at their height near them."""
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]  # decides the limits
    height, width = _LABEL
    placed: list[tuple[float, float]] = []
    kept = []
    for point in reversed(points):
        x, y = axes.transAxes.inverted().transform(axes.transData.transform((point.x, point.y)))
        if x > width and all(abs(x - a) > width or abs(y - b) > height for a, b in placed):
            placed.append((x, y))
            kept.append(point)
    return kept


def _draw_fit(axes: Axes, points: Sequence[Point], fit: Fit) -> None:
    low, high = min(point.x for point in points), max(point.x for point in points)
    xs = [low * (high / low) ** (step / 50) for step in range(51)]
    ys = [fit.at(x) for x in xs]
    axes.plot(xs, ys, color="#444444", linewidth=0.9, zorder=1)
    lower, upper = ([factor * y for y in ys] for factor in (1 - MARGIN, 1 + MARGIN))
    axes.fill_between(xs, lower, upper, color="#bbbbbb", alpha=0.4, linewidth=0, zorder=0)


def _scale(axes: Axes, points: Sequence[Point], *, is_y_logarithmic: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    spans: list[tuple[Any, Callable[[str], None], list[float]]] = [
        (axes.xaxis, axes.set_xscale, [point.x for point in points])
    ]
    if is_y_logarithmic:
        spans.append((axes.yaxis, axes.set_yscale, [point.y for point in points]))
    for axis, scale, values in spans:
        if max(values) > _LOGARITHMIC * min(values):
            scale("log")
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
