"""What a run says in a sentence: which network is the fastest, and by how much."""

from __future__ import annotations

from collections.abc import Iterator

from mncost.interval import Interval
from mncost.label import fact_words
from mncost.measure.records import Cell, Place
from mncost.render.units import with_interval
from mncost.results.results import Results

__all__ = ["findings"]

_MOST = 4  # networks that one place is compared with


def findings(results: Results) -> list[str]:
    """Return a sentence for each place with several networks, without twins and parts."""
    cells = [one.cell for one in results.summaries if one.latency is not None]
    main = [cell for cell in cells if cell.subject.twin is None and cell.subject.part is None]
    places = dict.fromkeys(cell.place for cell in main)
    usual = all(place.has_usual_provider for place in places)
    differs = [name for name in Place.differs(places) if not (usual and name == "provider")]
    lines = []
    for place in places:
        where = ", ".join(fact_words(place, *differs)) if differs else ""
        alike = [cell for cell in main if cell.place == place]
        lines += [f"{where}: {line}" if where else line for line in _fastest(results, alike)]
    return lines if len(lines) <= _MOST else []


def _fastest(results: Results, cells: list[Cell]) -> Iterator[str]:
    """Yield how many times as fast as the others the fastest is, if they are few."""
    latencies = {cell.id: results.interval(cell.id) for cell in cells}
    ordered = sorted(cells, key=lambda cell: _center(latencies[cell.id]))
    if not 2 <= len(ordered) <= _MOST + 1:
        return
    fastest, *others = ordered
    ratios = [(cell, results.ratio(cell.id, fastest.id)) for cell in others]
    words = [
        f"{with_interval(ratio)} times as fast as {_name(cell, cells)}"
        for cell, ratio in ratios
        if ratio is not None
    ]
    if words:
        yield f"{_name(fastest, cells)} is {', '.join(words)}"


def _center(latency: Interval | None) -> float:
    return latency.center if latency else 0.0


def _name(cell: Cell, cells: list[Cell]) -> str:
    """Return what tells a network from the others."""
    words = [cell.label.arch]
    if cell.label.alpha is not None and len({one.label.alpha for one in cells}) > 1:
        words.append(f"α {cell.label.alpha:g}")
    sizes = {one.subject.resolution for one in cells}
    if cell.subject.resolution is not None and len(sizes) > 1:
        words.append(f"at {cell.subject.resolution} px")
    if cell.label.dialect and len({one.label.dialect for one in cells}) > 1:
        words.append(str(cell.label.dialect))
    return " ".join(words)
