"""Points as a picture, with matplotlib."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

from mncost.pictures.families import colour_of
from mncost.pictures.labels import Labels, Side
from mncost.pictures.look import DARK, FORMATS, LIGHT, SMALL, canvas, headed, saved
from mncost.pictures.points import MARGIN, Fit, Point
from mncost.pictures.scatter import Scatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FORMATS", "draw"]

_INCHES_HIGH = 4.2
_LOGARITHMIC = 8  # times as much at the right end as at the left: a linear axis would hide half
_WIDE = 300  # likewise: so many labels would touch each other
_FEW = 7  # groups that are named beside their points, not in a legend
_LONG = 16  # entries of a legend from which on they are small
_HIGH = 26  # small entries that stand below each other
_FAR_APART = 20_000  # times as much at the right end: labels of whole decades only
_MARKERS = "osD^vPX"
_FAR = 2  # times the largest value: where an interval may leave the picture
_MARGIN = 0.05  # around what is shown, of its width
_MORE_DATA = "dark edge: trained on more than ImageNet-1k, or distilled"
_STEPS = 50  # of a curve

_XY = tuple[float, float]
# Above a front, to the left, there is nothing; elsewhere all sides are as good.
_BESIDE_FRONT = (
    Side(-3, 4, "right", "bottom"),
    Side(-5, 0, "right", "center"),
    Side(0, 5, "center", "bottom"),
    Side(4, -4, "left", "top"),
)
_BESIDE_GROUP = (
    Side(6, 0, "left", "center"),
    Side(5, -5, "left", "top"),
    Side(0, -6, "center", "top"),
    Side(-5, 5, "right", "bottom"),
    Side(0, 6, "center", "bottom"),
    Side(-6, 0, "right", "center"),
)


def draw(scatter: Scatter, caption: str = "", format: str = "png") -> bytes:
    """Draw points: by architecture, with intervals, and a front or a fit.

    The x axis is logarithmic if the points span more than a factor of eight; with a fit both axes
    are, and a band shows ± 10 % around it. In an SVG, the markers of the architectures, in the
    order of :attr:`Scatter.groups`, are the elements ``points-0``, ``points-1`` and so on.

    Args:
        scatter: at least one point. Without a title and a finding it has no head.
        caption: below, in small.
        format: one of :data:`FORMATS`, or ``svg-text``.
    """
    points, (x, y) = scatter.points, scatter.axes
    with canvas(_INCHES_HIGH) as figure:
        axes = figure.add_subplot()
        _scale(axes, points, scatter.fit)
        styles = list(_styles(scatter.groups))
        for number, (group, colour, marker) in enumerate(styles):
            _group(axes, scatter.groups[group], colour, marker, f"points-{number}")
        fitted = _draw_fit(axes, points, scatter.fit) if scatter.fit else []
        lines = [_draw_front(axes, scatter.front), fitted]
        axes.set(xlabel=x.title, ylabel=y.title)
        if any(point.has_more_data for point in points):
            _note(axes, _MORE_DATA)
        headed(figure, scatter.title, scatter.finding, caption)
        _name(axes, points, styles, scatter.front, lines)
        return saved(figure, format)


def _note(axes: Axes, text: str) -> None:
    """Write something small into the lower right corner."""
    where = axes.transAxes
    axes.text(
        0.99, 0.01, text, fontsize=SMALL, color=DARK, transform=where, ha="right", va="bottom"
    )


def _styles(groups: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the groups with their colours and markers.

    A family has one colour, the same in every picture; its members differ in shape.
    """
    seen: Counter[str] = Counter()
    for group in groups:
        colour = colour_of(group.partition(",")[0].partition(" on ")[0])
        yield group, colour, _MARKERS[seen[colour] % len(_MARKERS)]
        seen[colour] += 1


def _group(axes: Axes, points: Sequence[Point], colour: str, marker: str, gid: str) -> None:
    """Draw points of one look; in an SVG, their markers are the elements ``gid``, in order."""
    drawn = axes.errorbar(
        [point.x for point in points],
        [point.y for point in points],
        xerr=_errors([(point.x, point.x_bounds) for point in points]),
        yerr=_errors([(point.y, point.y_bounds) for point in points]),
        fmt=marker,
        color=(colour, 0.85),
        ecolor=(colour, 0.5),
        elinewidth=0.8,
        markeredgewidth=0,
        label=points[0].group,
    )
    drawn.lines[0].set_gid(gid)
    rough = [(point.x, point.y) for point in points if point.is_rough]
    more = [(point.x, point.y) for point in points if point.has_more_data]
    if more:
        axes.plot(*zip(*more, strict=True), marker, markerfacecolor="none", color=DARK)
    if rough:  # a lighter middle makes them hollow
        axes.plot(*zip(*rough, strict=True), marker, color="white", markersize=2.5, zorder=4)


def _errors(values: Sequence[tuple[float, _XY | None]]) -> Any:
    if all(bounds is None for _, bounds in values):
        return None
    known = [(value, bounds or (value, value)) for value, bounds in values]
    return [[value - lo for value, (lo, _) in known], [hi - value for value, (_, hi) in known]]


def _x_bar(point: Point) -> list[_XY]:
    return [(bound, point.y) for bound in point.x_bounds or ()]


def _y_bar(point: Point) -> list[_XY]:
    return [(point.x, bound) for bound in point.y_bounds or ()]


def _draw_front(axes: Axes, front: Sequence[Point]) -> list[_XY]:
    """Join the front by steps: what is between two points is no network. Return the corners."""
    xs, ys = [point.x for point in front], [point.y for point in front]
    axes.plot(xs, ys, drawstyle="steps-post", color=DARK, linewidth=0.9, zorder=1)
    corners = [((one.x, one.y), (other.x, one.y)) for one, other in pairwise(front)]
    return [*chain.from_iterable(corners), *((point.x, point.y) for point in front[-1:])]


def _draw_fit(axes: Axes, points: Sequence[Point], fit: Fit) -> list[_XY]:
    """Draw a fit and the band around it; return points of the line."""
    low, high = min(point.x for point in points), max(point.x for point in points)
    xs = [low * (high / low) ** (step / _STEPS) for step in range(_STEPS + 1)]
    ys = [fit.at(x) for x in xs]
    axes.plot(xs, ys, color=DARK, linewidth=0.9, zorder=1)
    lower, upper = ([factor * y for y in ys] for factor in (1 - MARGIN, 1 + MARGIN))
    axes.fill_between(xs, lower, upper, color=LIGHT, alpha=0.4, linewidth=0, zorder=0)
    return list(zip(xs, ys, strict=True))


def _name(
    axes: Axes,
    points: Sequence[Point],
    styles: Sequence[tuple[str, str, str]],
    front: Sequence[Point],
    lines: Sequence[Sequence[_XY]],
) -> None:
    """Name the groups and label the front."""
    marks = [(point.x, point.y) for point in points]
    bars = [*map(_x_bar, points), *map(_y_bar, points)]
    labels = Labels(axes, marks, [*lines, *bars])
    if len(styles) > 1 and not _name_groups(labels, points, styles):
        small = {"fontsize": SMALL, "labelspacing": 0.35} if len(styles) > _LONG else {}
        axes.figure.legend(
            loc="outside right upper", handlelength=1, ncols=-(-len(styles) // _HIGH), **small
        )
        labels = Labels(axes, marks, [*lines, *bars])  # the axes have become narrower
    for point in [*front[-1:], *front[:1], *reversed(front[1:-1])]:
        labels.add(point.label, (point.x, point.y), _BESIDE_FRONT, fontsize=SMALL, color=DARK)


def _name_groups(
    labels: Labels, points: Sequence[Point], styles: Sequence[tuple[str, str, str]]
) -> bool:
    """Name a few groups beside one of their points; return whether there was room for all."""
    if len(styles) > _FEW or any(" on " in group for group, *_ in styles):
        return False  # on several runtimes, points of one colour stand beside each other
    written = []
    for group, colour, _ in styles:
        own = sorted(((p.x, p.y) for p in points if p.group == group), reverse=True)
        tried = (labels.add(group, at, _BESIDE_GROUP, color=colour) for at in own)
        written.append(next((label for label in tried if label is not None), None))
    if None not in written:
        return True
    for label in written:
        if label is not None:
            label.remove()
    return False


def _scale(axes: Axes, points: Sequence[Point], fit: Fit | None) -> None:
    """Set the scales and the limits of both axes: with logarithms, a fit is a straight line."""
    xs = _limits([(point.x, point.x_bounds) for point in points])
    ys = _limits([(point.y, point.y_bounds) for point in points])
    if fit is not None:
        ends = [fit.at(min(point.x for point in points)), fit.at(max(point.x for point in points))]
        ys = min(ys[0], (1 - MARGIN) * min(ends)), max(ys[1], (1 + MARGIN) * max(ends))
    is_wide = xs[1] > _LOGARITHMIC * xs[0]
    _set(axes.xaxis, axes.set_xscale, axes.set_xlim, xs, is_logarithmic=is_wide or fit is not None)
    _set(axes.yaxis, axes.set_yscale, axes.set_ylim, ys, is_logarithmic=fit is not None)


def _limits(values: Sequence[tuple[float, _XY | None]]) -> _XY:
    """Return what an axis has to show: all values, and their intervals unless these are far off."""
    low, high = min(value for value, _ in values), max(value for value, _ in values)
    known = [bounds or (value, value) for value, bounds in values]
    return (
        max(min(lo for lo, _ in known), low / _FAR),
        min(max(hi for _, hi in known), high * _FAR),
    )


def _set(
    axis: Any,
    scale: Callable[[str], None],
    limit: Callable[[float, float], Any],
    span: _XY,
    *,
    is_logarithmic: bool,
) -> None:
    from matplotlib.ticker import AutoLocator, FuncFormatter, LogLocator, NullFormatter

    low, high = span
    if is_logarithmic:
        scale("log")
        steps: Sequence[float] = (1.0, 3.0) if high > _WIDE * low else (1.0, 2.0, 5.0)
        steps = (1.0,) if high > _FAR_APART * low else steps
        few = high <= _LOGARITHMIC * low
        axis.set_major_locator(AutoLocator() if few else LogLocator(subs=steps))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
        margin = (high / low) ** _MARGIN
        limit(low / margin, high * margin)
    else:
        margin = _MARGIN * (high - low) or _MARGIN * high
        limit(low - margin, high + margin)
