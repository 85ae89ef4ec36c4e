"""``mncost list``."""

from __future__ import annotations

from collections.abc import Iterator

from mncost.api import load
from mncost.cli.options import Format, Output
from mncost.cli.output import emit, format_for
from mncost.render.table import Column, Table, Value
from mncost.spec.catalog import families, groups, load_spec
from mncost.spec.resolve import dialects
from mncost.spec.schema import Spec

__all__ = ["list_"]

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


def list_(format_name: Format = None, output: Output = None) -> None:
    """List every architecture: native resolution, published α and resolutions, dialects, cost."""
    wanted = format_for(format_name, output)
    specs = [load_spec(name) for name in families()]
    rows = [_row(spec) for spec in specs]
    notes = [f"{group}: {' '.join(members)}" for group, members in groups().items()]
    if wanted == "terminal":
        table = Table("list", _COLUMNS[:6], [row[:6] for row in rows], [*_dialects(specs), *notes])
    else:
        table = Table("list", _COLUMNS, rows, notes)
    emit(table, wanted, output)


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
