"""The built-in architectures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mncost.network import Network, network_of
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.spec.catalog import families, groups, index
from mncost.spec.finding import find
from mncost.spec.heads import heads
from mncost.spec.resolve import dialects, resolve
from mncost.spec.schema import Spec

__all__ = ["list_table"]

_DEFAULT = "mobilenets"


def list_table(arch: str | None = None, *, columns: str | Sequence[str] | None = None) -> Table:
    """Return one row for each network; the groups, other families and dialects stand below.

    Args:
        arch: families, groups or networks, with commas; by default the MobileNets.
        columns: names of columns.

    Raises:
        UnknownNameError: there is no network of a name.
    """
    specs = [choice.spec for choice in find(arch or _DEFAULT)]
    rows = [(spec, network_of(resolve(spec), spec.native)) for spec in specs]
    notes = [] if arch else [*_groups()]
    legend = list(_dialects(specs))
    return tabulate("list", _COLUMNS, rows, names=columns, notes=notes, legend=legend)


def _groups() -> Iterator[str]:
    """Yield the groups, those of the MobileNets by their members, and the heads."""
    for group, members in groups().items():
        if group in (_DEFAULT, "v3", "v4"):
            yield f"{group}: {' '.join(members)}"
        elif group not in families():
            yield f"{group}: {' '.join(_counted(members))}"
    yield f"heads: {' '.join(heads())} (on a network: v2+ssdlite, resnet50+deeplabv3)"
    yield "mncost list FAMILY lists the networks of a family"


def _counted(names: Sequence[str]) -> Iterator[str]:
    """Yield the families of some networks, with the number of networks if there are several."""
    for family, count in Counter(index()[name].family for name in names).items():
        yield family if count == 1 else f"{family} ({count})"


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
