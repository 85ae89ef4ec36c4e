"""What a run says in a sentence: which network is the fastest, and by how much."""

from __future__ import annotations

from collections.abc import Iterator

from mncost.interval import Interval
from mncost.label import fact_words
from mncost.measure.records import Cell, Place
from mncost.render.units import with_interval, written
from mncost.results.results import Results
from mncost.tables.work_findings import sparsity_findings, training_findings

__all__ = ["findings"]

_PLACES = 8  # that the fastest one is compared with
_MOST = 4  # networks that the fastest is compared with one by one, and sentences


def findings(results: Results) -> list[str]:
    """Return what a run found, without parts of networks: at most a few sentences.

    For each place: by how much the fastest network is faster, or a single one than its twin. For
    one network at several places: which is the fastest place. Of training steps, and of weights
    that are 0: what they take beside an inference, and beside the network without zeros.
    """
    cells = [one.cell for one in results.summaries if one.latency is not None]
    main = [cell for cell in cells if cell.subject.twin is None and cell.subject.part is None]
    if any(cell.place.training or cell.place.sparsity for cell in main):
        return [*training_findings(results, main), *sparsity_findings(results, main)]
    places = dict.fromkeys(cell.place for cell in main)
    usual = all(place.has_usual_provider for place in places)
    differs = [name for name in Place.differs(places) if not (usual and name == "provider")]
    lines = []
    for place in places:
        where = ", ".join(fact_words(place, *differs)) if differs else ""
        alike = [cell for cell in main if cell.place == place]
        lines += [f"{where}: {line}" if where else line for line in _at_place(results, alike)]
    if len(places) == 1:
        return lines if len(lines) <= _MOST else []
    subjects = dict.fromkeys(cell.subject for cell in main)
    where_fastest = [
        line
        for subject in subjects
        for line in _fastest_place(results, [c for c in main if c.subject == subject], differs)
    ]
    if len(subjects) == 1:
        lines += where_fastest
    if len(lines) <= _MOST:
        return lines
    return where_fastest if len(where_fastest) <= _MOST else []


def _fastest_place(results: Results, cells: list[Cell], differs: list[str]) -> Iterator[str]:
    """Say where a network is fastest, and how many times as fast as at each other place."""
    ordered = sorted(cells, key=lambda cell: _center(results.interval(cell.id)))
    first, *others = ordered
    words = [
        _compared(results.ratio(cell.id, first.id), _place(cell, differs))
        for cell in others[:_PLACES]
    ]
    if listed := ", ".join(filter(None, words)):
        name = " ".join([first.label.arch, *fact_words(first.label, "alpha")])
        where = _place(first, differs)
        yield f"{name} {where if where.startswith('on ') else f'on {where}'} is {listed}"


def _place(cell: Cell, differs: list[str]) -> str:
    """Return e.g. ``onnxruntime, 2 threads on pi4``: the host comes last."""
    return ", ".join(fact_words(cell.place, *differs)).replace(", on ", " on ")


def _at_place(results: Results, cells: list[Cell]) -> Iterator[str]:
    if len(cells) > 1:
        yield from _fastest(results, cells, {cell.id: _name(cell, cells) for cell in cells})
    else:
        yield from _beside_twin(results, cells[0])


def _fastest(results: Results, cells: list[Cell], names: dict[int, str]) -> Iterator[str]:
    """Say how many times as fast as the others the fastest is: as each, if they are few."""
    latencies = {cell.id: results.interval(cell.id) for cell in cells}
    ordered = sorted(cells, key=lambda cell: _center(latencies[cell.id]))
    fastest, *others = ordered
    words = [
        _compared(results.ratio(cell.id, fastest.id), names[cell.id])
        for cell in (others if len(others) <= _MOST else others[-1:])
    ]
    listed = ", ".join(filter(None, words))
    if not listed:
        return
    name, latency = names[fastest.id], latencies[fastest.id]
    if len(others) <= _MOST or latency is None:
        yield f"{name} is {listed}"
    else:
        yield f"the fastest of {len(cells)}, {name} ({written('time', latency)}), is {listed}"


def _compared(ratio: Interval | None, name: str) -> str:
    """Say how much faster, if that is known at all."""
    if ratio is None or ratio.lo is None or ratio.hi is None:
        return ""
    if ratio.lo <= 1 <= ratio.hi:
        return f"not clearly faster than {name}"
    return f"{with_interval(ratio)} times as fast as {name}"


def _beside_twin(results: Results, cell: Cell) -> Iterator[str]:
    summary = next(one for one in results.summaries if one.cell.id == cell.id)
    if summary.twin is None or summary.macs_ratio is None:
        return
    twin = f"its {summary.twin.cell.subject.twin} twin"
    if words := _compared(summary.speedup, twin):
        yield f"{cell.label.arch} is {words}, with {summary.macs_ratio:.2f} times fewer MACs"


def _center(latency: Interval | None) -> float:
    return latency.center if latency else 0.0


def _name(cell: Cell, cells: list[Cell]) -> str:
    """Return what tells a network from the others."""
    words = [cell.label.arch]
    if len({one.label.alpha for one in cells}) > 1:
        words += fact_words(cell.label, "alpha")
    if len({one.subject.resolution for one in cells}) > 1:
        words += fact_words(cell.subject, "resolution")
    if cell.label.dialect and len({one.label.dialect for one in cells}) > 1:
        words.append(str(cell.label.dialect))
    return " ".join(words)
