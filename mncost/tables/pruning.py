"""A pruned network beside the original, and beside the α with the same multiply-accumulates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from mncost.errors import InputError
from mncost.measure.runtimes.blocked import layout_of
from mncost.network import Network
from mncost.pruning.prune import Pruned
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.tables.hints import layout_words
from mncost.which import Which

__all__ = ["PRUNED_COLUMNS", "alike", "pruned_table"]

_STEP = 100  # α in hundredths


class _Row(NamedTuple):
    what: str
    network: Network
    original: Network


PRUNED_COLUMNS: Mapping[str, Source] = sources(
    ("what", "", "text", lambda r: r.what),
    ("arch", "arch", "text", lambda r: r.network.arch),
    ("alpha", "α", "number", lambda r: r.network.alpha),
    ("resolution", "px", "number", lambda r: r.network.resolution),
    ("macs", "MACs", "count", lambda r: r.network.macs),
    ("macs_share", "MACs", "share", lambda r: r.network.macs / (r.original.macs or 1)),
    ("params", "params", "count", lambda r: r.network.params),
    ("params_share", "params", "share", lambda r: r.network.params / (r.original.params or 1)),
    ("weight_bytes", "weights", "bytes", lambda r: r.network.weight_bytes),
    (
        "peak_activation_bytes",
        "peak act.",
        "bytes",
        lambda r: r.network.peak_activation_bytes,
    ),
    (
        "unblocked",
        "not blocked",
        "number",
        lambda r: len(layout_of(r.network.graph).unblocked),
    ),
    narrow=("params_share", "peak_activation_bytes", "resolution"),
)


def pruned_table(
    pruned: Pruned,
    same: Network | None,
    *,
    columns: str | Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return a row for the original, the pruned network, and the α with the same MACs.

    Args:
        pruned: the network.
        same: the original's architecture at another α, from :func:`alike`.
        columns: names of columns, with commas; by default those that fit.
        notes: what stands below.

    Raises:
        InputError: there is no such column.
    """
    named = [("original", pruned.original), ("pruned", pruned.network)]
    named += [("same MACs", same)] if same is not None else []
    words = [layout_words(network) for _, network in named]
    return tabulate(
        "prune",
        PRUNED_COLUMNS,
        [_Row(what, network, pruned.original) for what, network in named],
        names=columns,
        notes=[*notes, *pruned.notes, *filter(None, words)],
        legend=["not blocked: convolutions whose channels leave ONNX Runtime's fast layout on x86"],
    )


def alike(which: Which, macs: int) -> Network | None:
    """Return the same architecture at the α, in hundredths, whose MACs are the nearest.

    ``None`` if its name states α, or α does not scale it.
    """
    try:
        whole = which.grid().single()
        low, high = 1, round((whole.alpha or 1) * _STEP)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _at(which, middle).macs <= macs else (low, middle)
        return min((_at(which, low), _at(which, high)), key=lambda one: abs(one.macs - macs))
    except InputError:
        return None


def _at(which: Which, hundredths: int) -> Network:
    return replace(which, alpha=hundredths / _STEP).grid().single()
