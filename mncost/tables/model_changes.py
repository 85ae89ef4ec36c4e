"""Two networks side by side: what changed in shape, parameters, MACs and bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mncost.cost.layers import Layer, side
from mncost.cost.model_changes import changes
from mncost.model_changes import ModelChanges
from mncost.network import Network
from mncost.render.column import Show, Value
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.tables.partial import counted, partial_notes
from mncost.titles import title

__all__ = ["model_changes", "model_changes_table"]


def _shape(layer: Layer | None) -> str | None:
    """Return e.g. ``16→32 k3 s2 112x112``: channels, kernel, stride and the size of the result."""
    if layer is None:
        return None
    words = [f"{layer.in_channels}→{layer.out_channels}"]
    words += [f"k{side(layer.kernel)}"] if layer.kernel not in (None, (1, 1)) else []
    words += [f"s{side(layer.stride)}"] if layer.stride not in (None, (1, 1)) else []
    words += [f"/{layer.groups}"] if layer.groups not in (None, 1) else []
    return " ".join([*words, f"{layer.out_height}x{layer.out_width}"])


def _moved(layer: Layer | None) -> int | None:
    return None if layer is None else layer.bytes_read + layer.bytes_written


_COLUMNS: Mapping[str, Source] = sources(
    ("name", "layer", "text", lambda x: x.name),
    ("change", "change", "text", lambda x: x.change),
    ("kind", "kind", "text", lambda x: (x.new or x.old).kind),
    ("old_shape", "old shape", "text", lambda x: _shape(x.old)),
    ("new_shape", "new shape", "text", lambda x: _shape(x.new)),
    ("old_params", "old params", "count", lambda x: x.old and x.old.params),
    ("new_params", "new params", "count", lambda x: x.new and x.new.params),
    ("old_macs", "old MACs", "count", lambda x: x.old and x.old.macs),
    ("new_macs", "new MACs", "count", lambda x: x.new and x.new.macs),
    ("old_bytes", "old bytes moved", "bytes", lambda x: _moved(x.old)),
    ("new_bytes", "new bytes moved", "bytes", lambda x: _moved(x.new)),
    narrow=("kind", "old_bytes", "new_bytes", "old_params", "new_params"),
)


def model_changes(
    both: ModelChanges, *, columns: str | Sequence[str] | None = None, every: bool = False
) -> Table:
    """Return one row for each layer that differs, or for each layer."""
    return model_changes_table(both.old, both.new, every=every, columns=columns)


def model_changes_table(
    old: Network,
    new: Network,
    *,
    every: bool = False,
    columns: str | Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return one row for each layer that differs between two networks.

    Args:
        old: the network that was.
        new: the network that is.
        every: the layers that are the same too.
        columns: names of columns, with commas.
        notes: what stands below.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    aligned = changes(old.layers, new.layers)
    shown = [one for one in aligned if every or one.change != "same"]
    many = Counter(one.change for one in aligned)
    said = ", ".join(f"{many[word]} {word}" for word in ("changed", "added", "removed", "same"))
    table = tabulate(
        "model changes",
        _COLUMNS,
        shown,
        names=columns,
        notes=[f"layers: {said}", *notes, *partial_notes([old, new])],
        title=f"{title(old)} → {title(new)}",
    )
    return _with_total(table, old, new)


def _with_total(table: Table, old: Network, new: Network) -> Table:
    """Return the table with a last row for people: both networks as a whole."""
    total: dict[str, Value] = {"name": "total"}
    for word, network in (("old", old), ("new", new)):
        total[f"{word}_params"] = network.params
        total[f"{word}_macs"] = counted(network, network.macs)
        total[f"{word}_bytes"] = sum(map(_bytes, network.all_layers))
    row = [total.get(column.name, "") for column in table.columns]
    rows_for: list[Show] = [*["all"] * len(table.rows), "people"]  # type: ignore[list-item]
    return table._replace(rows=[*table.rows, row], rows_for=rows_for)


def _bytes(layer: Layer) -> int:
    return layer.bytes_read + layer.bytes_written
