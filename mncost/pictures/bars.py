"""What the layers of a network cost, as bars side by side, with matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.pictures.layer_rows import KINDS, OTHER, OUTSIDE, Row
from mncost.pictures.look import COLOURS, DARK, LIGHT, SMALL, canvas, headed, saved
from mncost.pictures.points import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PAGE", "layer_bars"]

_HEAD = 0.95  # inches for everything but the rows
_ROW = (0.095, 0.125, 0.22)  # inches high: at least, usually, with words at the bars
_INCHES = 9.0  # of rows that fit on a page
PAGE = int(_INCHES / _ROW[0])  # rows
_SPOKEN = 20  # rows with words at the bars
_ROOM = 1.3  # times the longest bar, for these words
_LEAST_ROWS = 4  # whose height a picture has, so that its title has room
_FAR = 3  # times the longest bar: where an interval may leave the picture
_TITLE, _LEGEND = 0.22, 0.2  # inches from the top to the legend; that it takes
_BLUE, _ORANGE, _GREEN, _PINK, _YELLOW, _SKY, *_ = COLOURS
_COLOURS = {
    "conv": _BLUE,
    "depthwise": _ORANGE,
    "pointwise": _SKY,
    "linear": _PINK,
    "attention": _YELLOW,
    OTHER: DARK,
    OUTSIDE: LIGHT,
    "": _BLUE,
}
_WORDS = {**KINDS, OTHER: "other", OUTSIDE: "no layer"}


class _Unit(NamedTuple):
    name: str
    size: float


class _Panel(NamedTuple):
    """One quantity: its name in an SVG, its title, its units from small to large, its values."""

    name: str
    title: str
    units: Sequence[_Unit]
    value: Callable[[Row], float | None]


_PANELS = (
    _Panel(
        "macs",
        "MACs",
        (_Unit("ones", 1), _Unit("thousands", 1e3), _Unit("millions", 1e6)),
        lambda row: row.macs,
    ),
    _Panel(
        "time",
        "time",
        (_Unit("µs", 1e-6), _Unit("ms", 1e-3)),
        lambda row: None if row.time is None else row.time.center,
    ),
    _Panel(
        "bytes",
        "bytes moved at least",
        (_Unit("B", 1), _Unit("KiB", 2.0**10), _Unit("MiB", 2.0**20)),
        lambda row: row.bytes,
    ),
)


def layer_bars(
    rows: Sequence[Row],
    *,
    title: str = "",
    finding: str = "",
    caption: str = "",
    format: str = "svg",
) -> bytes:
    """Return a picture of layers: a row for each, in their order; MACs, time and bytes beside it.

    What no row has is left out, but for MACs where no row has anything. In an SVG, the bar of row 3
    in a panel is the element ``bars-macs-3``, ``bars-time-3`` or ``bars-bytes-3``; where there is
    nothing, there is no bar.

    Args:
        rows: the layers; a network that only drops out at random has none.
        title: above it.
        finding: below the title.
        caption: below the picture, in small.
        format: one of :data:`mncost.pictures.look.FORMATS`.
    """
    panels = [panel for panel in _PANELS if any(map(panel.value, rows))] or [*_PANELS[:1]]
    pitch = _pitch(len(rows))
    with canvas(_HEAD + pitch * max(len(rows), _LEAST_ROWS)) as figure:
        every: Any = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, panel in zip(every, panels, strict=True):
            _draw(axes, panel, rows)
        _rows(every[0], rows, pitch)
        headed(figure, title, finding, caption)
        kinds = [row.kind for row in rows]
        if any(kinds.count(kind) > 1 for kind in KINDS):  # else rows have their names
            _legend(figure, kinds, below=_TITLE * bool(title) + _TITLE * bool(finding))
        return saved(figure, format)


def _pitch(rows: int) -> float:
    least, usual, spoken = _ROW
    return spoken if rows <= _SPOKEN else max(least, min(usual, _INCHES / rows))


def _draw(axes: Axes, panel: _Panel, rows: Sequence[Row]) -> None:
    values = [panel.value(row) or 0.0 for row in rows]
    largest = max(values, default=0.0)
    unit = next((u for u in reversed(panel.units) if largest >= u.size), panel.units[0])
    drawn = axes.barh(
        range(len(rows)),
        [value / unit.size for value in values],
        height=0.75,
        color=[_COLOURS[row.kind] for row in rows],
    )
    for number, bar in enumerate(drawn):
        if values[number]:
            bar.set_gid(f"bars-{panel.name}-{number}")
        else:
            bar.remove()
    ends = list(values)
    if panel.name == "time":
        ends = [min(end, _FAR * largest) for end in _draw_intervals(axes, rows, unit)]
    if len(rows) <= _SPOKEN:
        whole = sum(values) or 1
        shares = [value / whole for value in values]
        if panel.name == "time":  # added up in each process
            shares = [row.share or 0.0 for row in rows]
        _speak(axes, shares, [end / unit.size for end in ends])
    total = sum(values) / unit.size
    in_all = f"{total:,.0f}" if total >= 1000 else f"{total:.4g}"
    axes.set_xlabel(f"{panel.title} ({unit.name})\nin all {in_all}")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    room = _ROOM if len(rows) <= _SPOKEN else 1.05
    longest = largest or unit.size
    axes.set_xlim(0, room * max([longest, *ends]) / unit.size)


def _draw_intervals(axes: Axes, rows: Sequence[Row], unit: _Unit) -> list[float]:
    """Draw the intervals of the times; return where each row ends."""
    ends = []
    for number, row in enumerate(rows):
        time = row.time
        if time is None or time.lo is None or time.hi is None:
            ends.append(0.0 if time is None else time.center)
            continue
        bounds = [time.lo / unit.size, time.hi / unit.size]
        axes.plot(bounds, [number, number], color="#000000", linewidth=0.7, solid_capstyle="butt")
        ends.append(time.hi)
    return ends


def _speak(axes: Axes, shares: Sequence[float], ends: Sequence[float]) -> None:
    """Write each share of the whole beside its bar."""
    for number, (share, end) in enumerate(zip(shares, ends, strict=True)):
        if share:
            axes.annotate(
                percent(share),
                (end, number),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
                color=DARK,
            )


def _rows(axes: Axes, rows: Sequence[Row], pitch: float) -> None:
    """Name the rows, from the top down."""
    size = min(8.0, 0.85 * 72 * pitch)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=size)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)


def _legend(figure: Figure, kinds: Sequence[str], *, below: float) -> None:
    from matplotlib.patches import Patch

    patches = [
        Patch(color=_COLOURS[kind], label=word) for kind, word in _WORDS.items() if kind in kinds
    ]
    height = figure.get_figheight()
    # There is no "outside" below a title: the room is made, and the place given, by hand.
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(0, 0, 1, 1 - _LEGEND / height))
    figure.legend(
        handles=patches,
        loc="upper left",
        bbox_to_anchor=(0, 1 - below / height),
        borderaxespad=0,
        borderpad=0.3,
        ncols=len(patches),
        handlelength=1,
        columnspacing=1.2,
    )
