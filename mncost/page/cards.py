"""What a report says first: the fastest, the most accurate, the best trade-off, how reliable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from typing import NamedTuple

from mncost.errors import InputError
from mncost.interval import Interval
from mncost.measure.cell import Cell
from mncost.pictures.points import Point, short_name
from mncost.pictures.scatter import accuracy_over_latency
from mncost.render.units import written
from mncost.results.results import Results
from mncost.tables.warnings import warning_line

__all__ = ["Card", "cards", "name_of"]

_FEWEST = 3  # networks of a front: between two there is nothing to trade


class Card(NamedTuple):
    """One answer: what it is about, the answer, and what it rests on."""

    title: str
    answer: str
    about: str


def cards(results: Results) -> list[Card]:
    """Return the answers that a run has, of whole networks, at the place of the fastest."""
    timed = [
        (one.cell, one.latency)
        for one in results.summaries
        if one.latency is not None
        and one.latency.relative_error is not None
        and (one.cell.subject.part, one.cell.subject.twin) == (None, None)
    ]
    answers = [*_of_networks(timed)] if timed else []
    return [*answers, _reliable(results)]


def name_of(cell: Cell) -> str:
    """Return a network's name with what tells it from others: ``v3-large 0.75 @224``."""
    alpha, size = cell.label.alpha, cell.subject.resolution
    words = [cell.label.arch]
    words += [] if alpha is None else [str(float(alpha))]
    words += [] if size is None else [f"@{size}"]
    return " ".join(words)


def _of_networks(timed: Sequence[tuple[Cell, Interval]]) -> Iterator[Card]:
    fastest, latency = min(timed, key=lambda one: one[1].center)
    here = [(cell, time) for cell, time in timed if cell.place == fastest.place]
    about = f"{written('time', latency)} on {fastest.place.words()}"
    label = short_name(fastest.label.arch, fastest.label.alpha, fastest.subject.resolution)
    yield Card("Fastest", label, about)
    try:
        scatter = accuracy_over_latency(here)
    except InputError:  # no accuracy of theirs is published
        return
    known = [point for point in scatter.points if not point.is_rough]
    if not known:
        return
    best = max(known, key=lambda point: (point.y, -point.x))
    yield Card("Most accurate", best.label, _accuracy(best))
    if len(scatter.front) >= _FEWEST:
        middle = _knee(scatter.front)
        yield Card("Best trade-off", middle.label, f"{_accuracy(middle)}: the bend of the front")


def _accuracy(point: Point) -> str:
    return f"{point.y:g} % top-1 as published, {point.x:.3g} ms"


def _knee(front: Sequence[Point]) -> Point:
    """Return the point of a front that is the most above the line between its ends.

    Latencies are on a logarithmic scale, so that twice as slow is as far anywhere.
    """
    first, last = front[0], front[-1]
    slope = (last.y - first.y) / (log(last.x) - log(first.x))
    return max(front, key=lambda point: point.y - first.y - slope * (log(point.x) - log(first.x)))


def _reliable(results: Results) -> Card:
    line = warning_line(results)
    head, _, about = line.partition(": ")
    if not line:
        return Card("How reliable", "Reliable", "Nothing makes these measurements doubtful.")
    about = f"{about[0].upper()}{about[1:]}".replace(": -v.", ".")
    return Card("How reliable", head, about)
