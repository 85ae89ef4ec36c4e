"""Show our counts beside published figures, and why they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mncost.published.bases import Reproduction
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table

__all__ = ["published_table"]

_COLUMNS: Mapping[str, Source] = sources(
    ("arch", "arch", "text", lambda c: c.network.arch),
    ("dialect", "dialect", "text", lambda c: c.network.dialect),
    ("alpha", "α", "number", lambda c: c.network.alpha),
    ("resolution", "px", "number", lambda c: c.network.resolution),
    ("variant", "variant", "text", lambda c: c.figure.variant),
    ("precision", "precision", "text", lambda c: c.figure.precision),
    ("published_macs_m", "printed MACs M", "number", lambda c: c.figure.macs_m or None),
    ("macs", "our MACs", "count", lambda c: c.network.macs),
    ("macs_why", "why", "text", lambda c: c.macs_why),
    ("macs_explained", "MACs explained", "count", lambda c: c.macs_explained),
    ("macs_agrees", "MACs agree", "text", lambda c: c.macs_agrees),
    ("published_params_m", "printed params M", "number", lambda c: c.figure.params_m or None),
    ("params", "our params", "count", lambda c: c.network.params),
    ("params_why", "why", "text", lambda c: c.params_why),
    ("params_explained", "params explained", "count", lambda c: c.params_explained),
    ("params_agrees", "params agree", "text", lambda c: c.params_agrees),
    ("top1", "top-1 %", "number", lambda c: c.figure.top1 or None),
    ("top5", "top-5 %", "number", lambda c: c.figure.top5 or None),
    ("latency_ms", "latency ms", "text", lambda c: c.figure.latency_ms or None),
    ("latency_device", "device", "text", lambda c: c.figure.latency_device or None),
    ("source", "source", "text", lambda c: c.figure.source),
    ("note", "note", "text", lambda c: c.figure.note or None),
    extra=(
        *("dialect", "variant", "precision", "macs_explained", "macs_agrees"),
        *("params_explained", "params_agrees", "top5", "latency_ms", "latency_device"),
        *("source", "note"),
    ),
    marks=("macs_why", "params_why"),
)
_WHY = "why: without a mark, ours rounds to the printed figure"


def published_table(reproductions: Sequence[Reproduction]) -> Table:
    """Return our counts beside the published figures.

    People see reasons and sources as marks; the texts stand below the table.
    """
    tally = _tally(reproductions)
    explained = sources(
        ("explained", "src", "text", lambda c: f"{c.figure.source}: {tally[c.figure.source]}"),
        people=("explained",),
        marks=("explained",),
    )
    return tabulate("published", {**_COLUMNS, **explained}, reproductions, legend=[_WHY])


def _tally(reproductions: Iterable[Reproduction]) -> dict[str, str]:
    """Say, source by source, how many of its figures the exact counts explain."""
    agreed: dict[str, tuple[list[bool], list[bool]]] = {}
    for c in reproductions:
        macs, params = agreed.setdefault(c.figure.source, ([], []))
        macs += [] if c.macs_agrees is None else [c.macs_agrees]
        params += [] if c.params_agrees is None else [c.params_agrees]
    return {source: _explained(macs, params) for source, (macs, params) in agreed.items()}


def _explained(macs: list[bool], params: list[bool]) -> str:
    parts = [
        f"{sum(agreed)} of {len(agreed)} {what}"
        for agreed, what in ((macs, "MACs"), (params, "params"))
        if agreed
    ]
    return f"{', '.join(parts)} explained"
