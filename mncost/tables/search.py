"""A search: the first network, its steps or generations, and the network that was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mncost.interval import Interval
from mncost.nas.found import Search
from mncost.nas.log import Generation, Point, Step
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table

__all__ = ["SEARCH_COLUMNS", "budget_words", "search_table"]

SHOWN = 8


class _Row(NamedTuple):
    what: str
    changed: str | None
    point: Point
    measured: Interval | None = None


SEARCH_COLUMNS: Mapping[str, Source] = sources(
    ("what", "", "text", lambda r: r.what),
    ("changed", "changed", "text", lambda r: r.changed),
    ("latency", "predicted", "time", lambda r: r.point.interval),
    ("measured", "measured", "time", lambda r: r.measured),
    ("macs", "MACs", "count", lambda r: r.point.macs),
    ("params", "params", "count", lambda r: r.point.params),
    ("score", "score", "number", lambda r: round(r.point.score, 6)),
    intervals=("latency", "measured"),
    narrow=("params",),
)


def search_table(
    search: Search,
    *,
    rows: int | None = SHOWN,
    columns: str | Sequence[str] | None = None,
) -> Table:
    """Return a row for the first network, one for each step or generation, one for the found one.

    Args:
        search: a search.
        rows: how many steps or generations at most, the last ones; ``None`` is all.
        columns: names of columns, with commas; by default those that fit.

    Raises:
        InputError: there is no such column.
    """
    steps = search.steps
    shown = steps if rows is None else steps[max(len(steps) - rows, 0) :]
    begin = search.log.begin
    listed = [_Row("first", None, begin.start, search.first_measured)]
    listed += [_Row(f"{search.unit[:-1]} {one.number}", _changed(one), one.point) for one in shown]
    listed.append(_Row("found", None, search.point, search.measured))
    notes = [f"{budget_words(search)}", *search.notes]
    if (number := search.log.gone_back) is not None:
        notes.append(f"what was found is step {number}: measured, it fits; later ones are narrower")
    if len(shown) < len(steps):
        notes.append(f"the last {len(shown)} of {len(steps)} {search.unit}: the log has all")
    registry = dict(SEARCH_COLUMNS)
    if search.measured is None:
        registry.pop("measured")
    return tabulate(
        "search",
        registry,
        listed,
        names=columns,
        notes=notes,
        title=f"{begin.of}: {len(steps)} {search.unit}",
        legend=[f"predicted: {begin.place}; of one call, ± half of the 90 % interval"],
    )


def budget_words(search: Search) -> str:
    """Say whether the network that was found is within the budget."""
    how = "measured" if search.measured else "predicted, not measured"
    limit = f"{search.max_latency * 1e3:.4g} ms"
    if search.is_within:
        return f"within {limit} by the whole interval ({how})"
    return f"above {limit} ({how})" if search.is_within is False else f"about {limit} ({how})"


def _changed(step: Step | Generation) -> str | None:
    """Say what a step changed: widths that shrink together are one."""
    if isinstance(step, Generation):
        return f"network {step.best}"
    changed = step.proposal.changed
    first, *others = changed
    more = f" and {len(others)} more" if others else ""
    return f"{first}{more} = {changed[first]}"
