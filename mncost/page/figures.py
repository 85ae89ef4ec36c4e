"""The pictures of a report: latency over cost, accuracy over latency, and what layers cost."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence

from mncost.errors import InputError, one_line
from mncost.interval import Interval
from mncost.measure.cell import Cell, Place
from mncost.page.html import Figure
from mncost.pictures.bars import PAGE, layer_bars
from mncost.pictures.draw import draw
from mncost.pictures.inline import inline
from mncost.pictures.layer_rows import Row, layer_rows, network_of, said
from mncost.pictures.layers import profiled_cells
from mncost.pictures.scatter import Scatter, accuracy_over_latency, latency_over_cost
from mncost.render.units import written
from mncost.results.results import Results

__all__ = ["MOST", "layer_figures", "network_figures"]

MOST = 12  # pictures of layers
_LONGEST = 32  # letters of a name in a picture
_FEWEST = 2  # points of a front
_EXPLAINED = {
    "macs": "The band is ±10 % around the fit. Bars are 95 % intervals.",
    "top1": "No other network is both faster and more accurate than one on the front. Bars are "
    "95 % intervals.",
}
_DRAWN: dict[str, Callable[[Sequence[tuple[Cell, Interval]]], Scatter]] = {
    "macs": latency_over_cost,
    "top1": accuracy_over_latency,
}


def network_figures(results: Results) -> Iterator[Figure]:
    """Yield the pictures of each place where enough whole networks ran."""
    places: dict[Place, list[tuple[Cell, Interval]]] = {}
    for summary in results.summaries:
        cell, latency = summary.cell, summary.latency
        is_plain = (cell.subject.part, cell.baseline_of, cell.subject.copy) == (None, None, 1)
        if is_plain and latency is not None:
            places.setdefault(cell.place, []).append((cell, latency))
    for number, (place, timed) in enumerate(places.items(), 1):
        for name, make in _DRAWN.items():
            try:
                scatter = make(timed)
            except InputError:  # too few networks, or no accuracy of theirs is published
                continue
            if name != "top1" or (place.batch == 1 and len(scatter.points) >= _FEWEST):
                yield _figure(scatter, f"{name}-{number}", place, _EXPLAINED[name])


def _figure(scatter: Scatter, name: str, place: Place, explained: str) -> Figure:
    """Return points with what is known about each, as an element of the page."""
    title = f"{scatter.title}: {place.words()}"
    points = [
        point._replace(group=_shortened(point.group), label=_shortened(point.label))
        for point in scatter.points
    ]
    drawn = scatter._replace(title="", finding="", points=points)
    with warnings.catch_warnings():
        # Of matplotlib's own letters; the page is set in the reader's.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        svg = draw(drawn, format="svg-text")
    tips = {
        f"points-{number}": [_lines(*point.about) for point in group]
        for number, group in enumerate(drawn.groups.values())
    }
    note = f"{scatter.finding[0].upper()}{scatter.finding[1:]}. {explained}"
    return Figure(title, inline(svg, name, title, tips), note)


def layer_figures(results: Results) -> Iterator[Figure]:
    """Yield a picture of the layers of each whole network that was profiled, up to a number."""
    for cell in profiled_cells(results)[:MOST]:
        network = network_of(results.run, cell)
        by = "layer" if len(layer_rows(network)) <= PAGE else "block"  # what fits on a page
        rows = layer_rows(network, by, results, cell.id)
        finding = said(layer_rows(network, "kind", results, cell.id))
        svg = layer_bars(rows, title=finding, format="svg-text")
        title = cell.words()
        yield Figure(title, inline(svg, f"layers-{cell.id}", title, _bars(rows)))


def _bars(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return the text of each bar: everything known about its row."""
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


def _shortened(name: str) -> str:
    line = one_line(name)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _lines(*lines: str) -> str:
    return "\n".join(map(one_line, lines))
