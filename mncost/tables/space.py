"""Networks of a design space that were kept: what each chose, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from mncost.interval import Interval
from mncost.render.column import Kind
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.space.survey import Survey

__all__ = ["space_table"]

_KINDS: Mapping[str, tuple[str, Kind]] = {
    "number": ("network", "number"),
    "alpha": ("α", "number"),
    "resolution": ("px", "number"),
    "depth": ("depth", "number"),
    "macs": ("MACs", "count"),
    "params": ("params", "count"),
    "weight_bytes": ("weights", "bytes"),
    "peak_activation_bytes": ("peak act.", "bytes"),
    "top1": ("top-1 %", "number"),
    "latency": ("latency", "time"),
}


def space_table(
    survey: Survey,
    *,
    rows: int | None = 20,
    columns: str | Sequence[str] | None = None,
) -> Table:
    """Return the networks of a survey as a table, in its order.

    Args:
        survey: what was kept.
        rows: how many networks at most; ``None`` is all.
        columns: names of columns, with commas.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    made = survey.columns()
    values = {name: _listed(column[:rows]) for name, column in made.items()}
    if "latency" in values:
        bounds = values.pop("latency_lo"), values.pop("latency_hi")
        values["latency"] = [*map(_interval, values["latency"], *bounds)]
    places = range(len(values["number"]))
    return tabulate(
        "space",
        _sources(survey, values),
        places,
        names=columns,
        notes=_notes(survey, len(places)),
        title=f"{survey.space.design.spec.name}: {_kept(survey)}",
        legend=_legend(survey),
    )


def _interval(center: float, lo: float, hi: float) -> Interval:
    """Return an interval; its bounds are not a number where there is none."""
    return Interval(center, None, None) if isnan(hi) else Interval(center, lo, hi)


def _listed(column: Any) -> list[Any]:
    return column if isinstance(column, list) else list(column.tolist())


def _sources(survey: Survey, values: Mapping[str, list[Any]]) -> dict[str, Source]:
    """Return a column for each choice for programs, and one for each key of rows for people."""
    keys = _by_key(survey)
    axes = [name for names in keys.values() for name in names]
    listed: list[tuple[str, str, Kind, Any]] = [
        (name, *_KINDS.get(name, (name, "text")), lambda i, name=name: values[name][i])
        for name in values
    ]
    joined: list[tuple[str, str, Kind, Any]] = [
        (key, key, "text", lambda i, names=names: "-".join(_text(values[n][i]) for n in names))
        for key, names in keys.items()
    ]
    place = next(i for i, one in enumerate(listed) if one[0] in survey.costs)
    hidden = [] if len(survey.space.design.axes[1].values) > 1 else ["resolution"]
    return sources(
        *listed[:place],
        *joined,
        *listed[place:],
        extra=[*axes, *hidden],
        people=[*keys],
        narrow=("peak_activation_bytes", "weight_bytes"),
        intervals=("latency",),
    )


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _by_key(survey: Survey) -> dict[str, list[str]]:
    """Return the axes of rows by the key that they change."""
    keys: dict[str, list[str]] = {}
    for axis in survey.space.design.axes:
        if axis.places:
            keys.setdefault(axis.key, []).append(axis.name)
    return keys


def _legend(survey: Survey) -> list[str]:
    """Say which rows the values that are joined by dashes belong to."""
    keys: dict[str, list[str]] = {}
    for key, names in _by_key(survey).items():
        rows = ", ".join(name.rpartition(".")[0] for name in names)
        keys.setdefault(rows, []).append(key)
    return [f"{', '.join(names)}: of {rows}" for rows, names in keys.items()]


def _kept(survey: Survey) -> str:
    """Say how many networks were counted and kept."""
    counted = f"{survey.counted:,} networks"
    if survey.is_sample:
        counted = f"a sample of {survey.counted:,} of {survey.space.size:,} networks"
    fitting = "" if survey.fitting == survey.counted else f", {survey.fitting:,} within the limits"
    front = f", {len(survey):,} on the front" if survey.goals else ""
    return counted + fitting + front


def _notes(survey: Survey, shown: int) -> list[str]:
    notes = []
    if "latency" in survey.costs:
        notes.append("latency: predicted, with 90 % intervals; mncost bench measures a network")
    if survey.unknown:
        notes.append(
            f"{survey.unknown:,} networks have no interval (±?): a kind of kernel in them was "
            "never measured. --max-latency leaves them out; mncost predict names the kernel"
        )
    total = len(survey) if survey.goals else survey.fitting
    if shown < total:
        notes.append(
            f"{shown} of {total:,} networks: --rows N for more, -o networks.csv or .parquet for all"
        )
    if survey.impossible:
        notes.append(f"{survey.impossible:,} networks cannot be built, e.g. {survey.why[0]}")
    if _is_one(survey):
        notes.append(
            "one network is the best in every goal: ask for more of something, e.g. macs:max"
        )
    return notes


def _is_one(survey: Survey) -> bool:
    """Whether all that is on the front is equal in every goal."""
    counted = [goal.metric for goal in survey.goals if goal.metric != "top1"]
    return bool(
        counted
        and len(survey)
        and len(counted) == len(survey.goals)
        and all(survey.costs[name].min() == survey.costs[name].max() for name in counted)
    )
