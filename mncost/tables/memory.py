"""The largest tensor at each spatial size, beside what the V2 paper prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from mncost.api import load
from mncost.cost.materialised import Materialised, Tensor
from mncost.network import Network
from mncost.published.memory import PUBLISHED_MEMORY, RESOLUTION, MemoryFigure, difference
from mncost.render.column import Value
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.titles import title

__all__ = ["memory_table"]

_NOTES = (
    "largest: of all tensors, if each step writes its result whole",
    "split: of those that are left if each block runs in slices of channels (V2 paper, Section "
    "5.1)",
)
_PRINTED = "printed: what the V2 paper's Table 3 has for split, in kB of 1,000 bytes"


class _Row(NamedTuple):
    """A record, and the figure that is printed for its size, if one is."""

    record: Materialised
    figure: MemoryFigure | None


def _of_split(field: str) -> Callable[[_Row], Value]:
    return lambda row: getattr(row.record.split, field, None)


MEMORY_COLUMNS: Mapping[str, Source] = sources(
    ("height", "h", "number", lambda row: row.record.height),
    ("width", "w", "number", lambda row: row.record.width),
    ("largest_channels", "largest channels", "number", lambda row: row.record.largest.channels),
    ("largest_bytes", "largest bytes", "number", lambda row: row.record.largest.bytes),
    ("largest_layer", "largest at", "text", lambda row: row.record.largest.layer),
    ("split_channels", "split channels", "number", _of_split("channels")),
    ("split_bytes", "split bytes", "number", _of_split("bytes")),
    ("split_layer", "split at", "text", _of_split("layer")),
    narrow=("width", "largest_layer", "largest_channels"),
)

PUBLISHED_COLUMNS: Mapping[str, Source] = sources(
    ("published_channels", "printed channels", "number", lambda row: row.figure.channels),
    ("published_kb", "printed kB", "number", lambda row: row.figure.kb),
)


def memory_table(
    network: Network,
    *,
    columns: str | Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return the largest tensor at each size, beside what the V2 paper prints for the network.

    Raises:
        UnknownNameError: there is no column of a name in ``columns``.
    """
    figures = _figures(network)
    registry = {**MEMORY_COLUMNS, **(PUBLISHED_COLUMNS if figures else {})}
    rows = [_Row(record, figures.get(record.height)) for record in network.materialised]
    notes = [*notes, *_NOTES, *_printed_notes(network, figures)]
    return tabulate("memory", registry, rows, names=columns, notes=notes, title=_head(network))


def _figures(network: Network) -> Mapping[int, MemoryFigure]:
    """Return what is printed for a network: V1 and V2 as their papers have them, at 16 bits."""
    figures = PUBLISHED_MEMORY.get(network.arch, {})
    at_hand = figures and (network.resolution, network.precision) == (RESOLUTION, "fp16")
    return figures if at_hand and network.graph == load(network.arch).graph else {}


def _printed_notes(network: Network, figures: Mapping[int, MemoryFigure]) -> list[str]:
    """Say what the printed figures are, and why some are not ours."""
    if not figures:
        return []
    layers = network.all_layers
    reasons = (difference(r, figures[r.height], layers) for r in network.materialised)
    return [_PRINTED, *(f"printed at {reason}" for reason in reasons if reason)]


def _head(network: Network) -> str:
    largest = _most(record.largest for record in network.materialised)
    split = _most(record.split for record in network.materialised)
    return (
        f"{title(network)}, {network.precision}: the largest tensor has {largest}; split, {split}"
    )


def _most(tensors: Iterable[Tensor | None]) -> str:
    measured = [tensor for tensor in tensors if tensor]
    if not measured:
        return "0 bytes"
    most = max(measured, key=lambda tensor: tensor.bytes)
    return f"{most.bytes:,} bytes, at {most.layer}"
