"""``mncost list``."""

from __future__ import annotations

from mncost.cli.options import Format, Output
from mncost.cli.output import emit, format_for

__all__ = ["list_"]


def list_(format_name: Format = None, output: Output = None) -> None:
    """List every architecture: native resolution, published α and resolutions, dialects, cost."""
    from mncost.api import load
    from mncost.report.table import Column, Table
    from mncost.spec.catalog import families, groups, load_spec
    from mncost.spec.resolve import dialects

    wanted = format_for(format_name, output)
    columns = [
        Column("arch", "arch"),
        Column("resolution", "px", "number"),
        Column("macs", "MACs", "count"),
        Column("params", "params", "count"),
        Column("alphas", "published α"),
        Column("resolutions", "published px"),
        Column("dialects", "dialects"),
        Column("title", "title"),
        Column("source", "source"),
    ]
    rows = []
    for name in families():
        spec, net = load_spec(name), load(name)
        sizes = tuple(sorted({*spec.resolutions, spec.resolution}))
        cost = (net.macs, net.params)
        published = (spec.alphas, sizes, tuple(dialects(spec)))
        rows.append((name, spec.resolution, *cost, *published, spec.title, spec.source))
    notes = [f"{group} = {', '.join(members)}" for group, members in groups().items()]
    # The last two are for programs: a terminal has no room for them.
    shown = len(columns) - 2 if wanted == "terminal" else len(columns)
    emit(Table("list", columns[:shown], [row[:shown] for row in rows], notes), wanted, output)
