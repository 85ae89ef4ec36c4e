"""Predicted latencies: one row a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mncost.predict.predictions import Predictions
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.tables.partial import counted

__all__ = ["COLUMNS", "basis_words", "predictions_table"]


COLUMNS: Mapping[str, Source] = sources(
    ("arch", "arch", "text", lambda p: p.network.arch),
    ("twin", "twin", "text", lambda p: p.network.twin),
    ("alpha", "α", "number", lambda p: p.network.alpha),
    ("resolution", "px", "number", lambda p: p.network.resolution),
    ("macs", "MACs", "count", lambda p: counted(p.network, p.network.macs)),
    ("params", "params", "count", lambda p: p.network.params),
    ("latency", "latency", "time", lambda p: p.latency),
    ("basis", "basis", "text", lambda p: p.basis),
    ("doubt", "doubt", "text", lambda p: "; ".join(p.extrapolated) or None),
    ("measured", "measured now", "time", lambda p: p.measured),
    ("error", "error", "share", lambda p: p.error),
    extra=("twin", "params", "doubt"),
    intervals=("latency", "measured"),
    narrow=("macs",),
)
_CHECKED = ("measured", "error")


def predictions_table(
    predictions: Predictions, *, columns: str | Sequence[str] | None = None
) -> Table:
    """Return one row for each network.

    Args:
        predictions: of networks.
        columns: names of columns, with commas; by default those that fit.

    Raises:
        UnknownNameError: there is no such column.
    """
    checked = any(one.measured is not None for one in predictions)
    registry = {n: s for n, s in COLUMNS.items() if checked or n not in _CHECKED}
    doubts: dict[str, int] = {}
    for one in predictions:
        if one.extrapolated:
            doubts[one.extrapolated[0]] = doubts.get(one.extrapolated[0], 0) + 1
    notes = [
        f"extrapolated: {reason} ({count} of {len(predictions)})"
        for reason, count in doubts.items()
    ]
    return tabulate(
        "predict",
        registry,
        predictions,
        names=columns,
        show=["twin"] if any(one.network.twin for one in predictions) else [],
        notes=[*predictions.notes, *notes],
        legend=[basis_words(predictions)],
    )


def basis_words(predictions: Predictions) -> str:
    """Say where the latencies are those of, and what the intervals are."""
    return (
        f"latency: {predictions.place.words()}; of one call, ± half of the "
        f"{predictions.level:.0%} interval"
    )
