"""Predicted latencies: one row a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mncost.predict.predictions import Prediction, Predictions
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.tables.partial import counted

__all__ = ["COLUMNS", "basis_words", "no_interval", "predictions_table"]


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
    doubts = Counter(one.extrapolated[0] for one in predictions if one.extrapolated)
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
        notes=[*predictions.notes, *notes, *no_interval([*predictions])],
        legend=[basis_words(predictions)],
    )


def no_interval(predictions: Sequence[Prediction]) -> list[str]:
    """Say why latencies have no interval."""
    reasons = Counter(why for one in predictions for why in one.latency.warnings)
    return [f"±?: {why} ({count} of {len(predictions)})" for why, count in reasons.items()]


def basis_words(predictions: Predictions) -> str:
    """Say where the latencies are those of, and what the intervals are."""
    return (
        f"latency: {predictions.place.words()}; of one call, ± half of the "
        f"{predictions.level:.0%} interval"
    )
