"""Our counts beside those of the witnesses: one row a network, or one row a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mncost.render.column import Value
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.titles import title
from mncost.witnesses.verification import Verification, Verified
from mncost.witnesses.verify import QUANTITIES, Quantity

__all__ = ["verify_table"]

_TITLES = {"macs": "MACs", "params": "params"}


class _Row(NamedTuple):
    """A network, or one of its layers, and what everybody counts there: ours first."""

    of: Verified
    layer: str | None
    counts: Mapping[Quantity, Sequence[int]]

    @property
    def agrees(self) -> bool:
        """Whether all count the same."""
        if self.layer is None:
            return not self.of.differences
        return all(len(set(counts)) == 1 for counts in self.counts.values())


def verify_table(
    verification: Verification,
    *,
    layers: bool = False,
    columns: str | Sequence[str] | None = None,
) -> Table:
    """Return our counts and each witness' counts, and whether they agree.

    Args:
        verification: from :func:`mncost.verify`.
        layers: one row for each layer, not for each network.
        columns: names of columns, with commas; by default those that fit.
    """
    every = verification.networks
    witnesses = [other.witness for other in every[0].others]
    rows = [row for one in every for row in (_layers(one) if layers else [_network(one)])]
    names = _layer_names() if layers else _network_names()
    alone = layers and len(every) == 1
    hide = ["network"] if alone else [] if every[0].network.twin else ["twin"]
    return tabulate(
        "verify layers" if layers else "verify",
        {**names, **_counted(witnesses)},
        rows,
        names=columns,
        hide=hide,
        notes=verification.notes,
        title=title(every[0].network) if alone else "",
    )


def _network(of: Verified) -> _Row:
    readings = (of.ours, *of.others)
    return _Row(of, None, {q: [reading.total(q) for reading in readings] for q in QUANTITIES})


def _layers(of: Verified) -> Iterator[_Row]:
    """Yield a row for each layer of which a tool counts something."""
    readings = (of.ours, *of.others)
    for name in dict.fromkeys(name for r in readings for q in QUANTITIES for name in r.of(q)):
        counts = {q: [reading.of(q).get(name, 0) for reading in readings] for q in QUANTITIES}
        if any(map(any, counts.values())):  # dropout and the like count nothing
            yield _Row(of, name, counts)


def _network_names() -> Mapping[str, Source]:
    return sources(
        ("arch", "arch", "text", lambda row: row.of.network.arch),
        ("dialect", "dialect", "text", lambda row: row.of.network.dialect),
        ("alpha", "α", "number", lambda row: row.of.network.alpha),
        ("resolution", "px", "number", lambda row: row.of.network.resolution),
        ("twin", "twin", "text", lambda row: row.of.network.twin),
    )


def _layer_names() -> Mapping[str, Source]:
    return sources(
        ("network", "network", "text", lambda row: title(row.of.network)),
        ("name", "layer", "text", lambda row: row.layer),
    )


def _counted(witnesses: Sequence[str]) -> Mapping[str, Source]:
    """Return the columns of the counts: people see ``=`` where a witness counts what we count."""
    columns: dict[str, Source] = {}
    for quantity, words in _TITLES.items():
        for place, witness in enumerate(["our", *witnesses]):
            name = quantity if place == 0 else f"{witness}_{quantity}"
            about = f"{witness} {words}"
            columns |= sources((name, about, "number", _count(quantity, place)), extra=(name,))
    for quantity, words in _TITLES.items():
        name = f"our_{quantity}"
        columns |= sources((name, words, "number", _written(quantity)), people=(name,))
    for place, witness in enumerate(witnesses, start=1):
        columns |= sources((witness, witness, "text", _compared(place)), people=(witness,))
    return columns | sources(("ok", "ok", "text", lambda row: row.agrees))


def _count(quantity: str, place: int) -> Callable[[Any], Value]:
    return lambda row: row.counts[quantity][place]


def _written(quantity: str) -> Callable[[Any], Value]:
    return lambda row: f"{row.counts[quantity][0]:,}"


def _compared(place: int) -> Callable[[Any], Value]:
    """Return what says where one witness differs from us."""

    def compared(row: Any) -> str:
        differing = [
            f"{counts[place]:,} {_TITLES[quantity]}"
            for quantity, counts in row.counts.items()
            if counts[place] != counts[0]
        ]
        return ", ".join(differing) or "="

    return compared
