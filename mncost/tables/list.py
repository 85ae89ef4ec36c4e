"""The built-in architectures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mncost.api import load
from mncost.network import Network
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.spec.catalog import groups, load_spec, networks
from mncost.spec.resolve import dialects
from mncost.spec.schema import Spec

__all__ = ["list_table"]


def list_table(*, columns: str | Sequence[str] | None = None) -> Table:
    """Return one row for each architecture; the groups and dialects stand below."""
    specs = [load_spec(name) for name in networks()]
    rows = [(spec, load(spec.name)) for spec in specs]
    notes = [f"{group}: {' '.join(members)}" for group, members in groups().items()]
    legend = list(_dialects(specs))
    return tabulate("list", _COLUMNS, rows, names=columns, notes=notes, legend=legend)


def _resolutions(row: tuple[Spec, Network]) -> tuple[int, ...]:
    spec = row[0]
    return spec.published_resolutions


_COLUMNS: Mapping[str, Source] = sources(
    ("arch", "arch", "text", lambda row: row[0].name),
    ("resolution", "native px", "number", lambda row: row[0].native),
    ("macs", "MACs", "count", lambda row: row[1].macs),
    ("params", "params", "count", lambda row: row[1].params),
    ("alphas", "published α", "text", lambda row: row[0].alphas),
    ("resolutions", "published px", "text", _resolutions),
    ("dialects", "dialects", "text", lambda row: tuple(dialects(row[0]))),
    ("title", "title", "text", lambda row: row[0].title),
    ("source", "source", "text", lambda row: row[0].source),
    extra=("dialects", "title", "source"),  # a terminal has no room for these
)


def _dialects(specs: list[Spec]) -> Iterator[str]:
    """Yield each set of dialects, and who has it."""
    having: dict[tuple[str, ...], list[str]] = {}
    for spec in specs:
        having.setdefault(tuple(dialects(spec)), []).append(spec.name)
    for names, archs in having.items():
        yield f"dialects of {', '.join(archs)}: {' '.join(names)}"
