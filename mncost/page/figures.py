"""The pictures of a report: latency over cost, accuracy over latency, and what layers cost."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from mncost.api import as_precision
from mncost.errors import InputError, MeasureError, NothingPublishedError, one_line
from mncost.interval import Interval
from mncost.measure.cell import Cell, Place
from mncost.measure.cells import digest
from mncost.page.html import Figure
from mncost.pictures.bars import PAGE, layer_bars
from mncost.pictures.draw import scatter
from mncost.pictures.inline import inline
from mncost.pictures.layer_rows import Row, layer_rows, network_of, said
from mncost.pictures.points import (
    AXES,
    Fit,
    Point,
    accuracy_points,
    fit,
    latency_points,
    on_front,
    percent,
)
from mncost.published.accuracy import Candidate, candidates
from mncost.render.units import written
from mncost.results.results import Results

__all__ = ["Missing", "layer_pictures", "pictures"]

_MOST = 12  # pictures of layers
_LONGEST = 32  # letters of a name in a picture

_Timed: TypeAlias = "list[tuple[Cell, Interval]]"


class Missing(NamedTuple):
    """A picture that cannot be drawn, and why."""

    title: str
    why: str


def pictures(results: Results) -> Iterator[Figure | Missing]:
    """Yield the pictures of each place where whole networks ran."""
    places: dict[Place, _Timed] = {}
    for cell, latency in ((summary.cell, summary.latency) for summary in results.summaries):
        if (cell.subject.part, cell.baseline_of, cell.subject.copy) == (None, None, 1):
            timed = places.setdefault(cell.place, [])
            if latency is not None:
                timed.append((cell, latency))
    for number, timed in enumerate(filter(None, places.values()), 1):
        where = timed[0][0].place.words()
        for name, title, draw in (
            ("macs", f"Latency over MACs: {where}", _over_macs),
            ("top1", f"Published accuracy over latency: {where}", _accuracy),
        ):
            try:
                yield draw(timed, f"{name}-{number}", title)
            except InputError as error:
                yield Missing(title, str(error))


def _over_macs(timed: _Timed, name: str, title: str) -> Figure:
    """Draw latencies, and the power of the MACs that they follow.

    Raises:
        MeasureError: there are too few.
    """
    points = latency_points(timed, "macs")
    found = fit(points)
    note = (
        f"Latency follows MACs^{found.exponent:.2f}; {percent(found.within)} of "
        f"{found.points} networks are within ± 10 % of that (the band). Bars are 95 % intervals."
    )
    tips = [_lines(cell.subject.words(), _latency(median), _macs(cell)) for cell, median in timed]
    svg = _svg(points, ("macs", "latency"), tips, Look(name, title, fit=found))
    return Figure(title, svg, note)


def _accuracy(timed: _Timed, name: str, title: str) -> Figure:
    """Draw published accuracies over latencies, and their Pareto front.

    Raises:
        InputError: fewer than two are published.
    """
    published = _published(timed[0][0].place.precision) if timed[0][0].place.batch == 1 else {}
    found = [
        (published[cell.digest], cell, median)
        for cell, median in timed
        if cell.subject.twin is None and cell.digest in published
    ]
    if len(found) < 2:
        raise MeasureError(f"an accuracy is published for {len(found)} of its networks; 2 needed")
    measured = [(one, median) for one, _, median in found]
    points = accuracy_points([one for one, _ in measured], "latency", measured)
    front = on_front(points)
    note = (
        f"{len(front)} of {len(points)} networks {'is' if len(front) == 1 else 'are'} on the "
        "Pareto front (labels: α·resolution): "
        "no other one is both faster and more accurate. Bars are 95 % intervals."
    )
    tips = [
        _lines(
            one.name,
            f"top-1 {one.top1:g} %",
            _latency(median),
            _macs(cell),
            f"accuracy: {one.figure.source}",
        )
        for one, cell, median in found
    ]
    svg = _svg(points, ("latency", "top1"), tips, Look(name, title, front=front))
    return Figure(title, svg, note)


def _published(precision: str) -> Mapping[str, Candidate]:
    """Return the networks whose accuracy is published, by their digests."""
    try:
        found = candidates("all", precision=as_precision(precision))
    except NothingPublishedError:
        return {}
    return {digest(one.network.graph, one.network.inputs): one for one in found}


# ---------------------------------------------------------------------------------------- layers


def layer_pictures(results: Results) -> Iterator[Figure | Missing]:
    """Yield a picture of the layers of each whole network that was profiled."""
    profiled = {profile.cell for profile in results.run.profiles}
    cells = [cell for cell in results.run.cells if cell.id in profiled]
    cells = [cell for cell in cells if cell.subject.part is None]
    for cell in cells[:_MOST]:
        yield _layers(results, cell, f"layers-{cell.id}", cell.words())
    if len(cells) > _MOST:
        yield Missing(f"{len(cells) - _MOST} more networks", f"pictures are of the first {_MOST}")


def _layers(results: Results, cell: Cell, name: str, title: str) -> Figure:
    """Draw the layers of a network, or its blocks if they are too many for a page."""
    network = network_of(results.run, cell)
    by = "layer" if len(layer_rows(network)) <= PAGE else "block"
    rows = layer_rows(network, by, results, cell.id)
    head = said(layer_rows(network, "kind", results, cell.id))
    svg = layer_bars(rows, title=head, format="svg-text")
    return Figure(title, inline(svg, name, title, _bars(rows)))


def _bars(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return what is to be said about each bar: all that is known of its row."""
    tips: dict[str, list[str]] = {}
    for number, row in enumerate(rows):
        lines = [f"{row.name}, {row.kind}" if row.kind else row.name]
        values = {"macs": row.macs, "time": row.time and row.time.center, "bytes": row.bytes}
        if row.macs:
            lines.append(f"{written('count', row.macs)} MACs")
        if row.time:
            lines.append(f"{written('time', row.time)}, {row.share or 0:.1%} of a call")
        if row.bytes:
            lines.append(f"{written('bytes', row.bytes)} moved at least")
        tips |= {f"bars-{name}-{number}": [_lines(*lines)] for name, v in values.items() if v}
    return tips


# --------------------------------------------------------------------------------------- drawing


class Look(NamedTuple):
    """What is drawn beside the points, and how the picture is called."""

    name: str
    title: str
    front: Sequence[Point] = ()
    fit: Fit | None = None


def _svg(points: Sequence[Point], axes: tuple[str, str], tips: Sequence[str], look: Look) -> str:
    """Draw points with tooltips, as an element of the page."""
    drawn = [point._replace(group=_shortened(point.group)) for point in points]
    x, y = (AXES[axis] for axis in axes)
    with warnings.catch_warnings():
        # Of matplotlib's own letters; the page is set in the reader's.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        svg = scatter(drawn, x, y, front=look.front, fit=look.fit, format="svg-text")
    by_group: dict[str, list[str]] = {group: [] for group in sorted({p.group for p in drawn})}
    for point, tip in zip(drawn, tips, strict=True):
        by_group[point.group].append(tip)
    ids = {f"points-{number}": found for number, found in enumerate(by_group.values())}
    return inline(svg, look.name, look.title, ids)


def _shortened(name: str) -> str:
    written = one_line(name)
    return written if len(written) <= _LONGEST else f"{written[: _LONGEST - 1]}…"


def _lines(*lines: str) -> str:
    return "\n".join(map(one_line, lines))


def _latency(latency: Interval) -> str:
    return f"latency {written('time', latency)}"


def _macs(cell: Cell) -> str:
    return f"{written('count', cell.macs)} MACs"
