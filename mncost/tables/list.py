"""The built-in architectures."""

from __future__ import annotations

from collections.abc import Iterator

from mncost.api import load
from mncost.render.table import Column, Table, Value
from mncost.spec.catalog import families, groups, load_spec
from mncost.spec.resolve import dialects
from mncost.spec.schema import Spec

__all__ = ["list_table"]

_COLUMNS = [
    Column("arch", "arch"),
    Column("resolution", "native px", "number"),
    Column("macs", "MACs", "count"),
    Column("params", "params", "count"),
    Column("alphas", "published α"),
    Column("resolutions", "published px"),
    # A terminal has no room for these.
    Column("dialects", "dialects"),
    Column("title", "title"),
    Column("source", "source"),
]


def list_table(*, for_people: bool = True) -> Table:
    """Return one row for each architecture; the groups and dialects stand below."""
    specs = [load_spec(name) for name in families()]
    rows = [_row(spec) for spec in specs]
    notes = [f"{group}: {' '.join(members)}" for group, members in groups().items()]
    if for_people:
        rows = [row[:6] for row in rows]
        return Table("list", _COLUMNS[:6], rows, [*_dialects(specs), *notes])
    return Table("list", _COLUMNS, rows, notes)


def _row(spec: Spec) -> list[Value]:
    network = load(spec.name)
    sizes = tuple(sorted({*spec.resolutions, spec.resolution}))
    return [
        spec.name,
        spec.resolution,
        network.macs,
        network.params,
        spec.alphas,
        sizes,
        tuple(dialects(spec)),
        spec.title,
        spec.source,
    ]


def _dialects(specs: list[Spec]) -> Iterator[str]:
    """Yield each set of dialects, and who has it."""
    who: dict[tuple[str, ...], list[str]] = {}
    for spec in specs:
        who.setdefault(tuple(dialects(spec)), []).append(spec.name)
    for names, found in who.items():
        yield f"dialects of {', '.join(found)}: {' '.join(names)}"
