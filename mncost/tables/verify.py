"""Our counts beside those of the witnesses: one row a network, or one row a layer."""

from __future__ import annotations

from collections.abc import Sequence

from mncost.api import title
from mncost.render.table import Column, Table, Value
from mncost.witnesses.verification import Verification, Verified
from mncost.witnesses.verify import QUANTITIES

__all__ = ["verify_table"]


def verify_table(
    verification: Verification, *, layers: bool = False, for_people: bool = True
) -> Table:
    """Return our counts and each witness' counts, and whether they agree.

    Args:
        verification: from :func:`mncost.verify`.
        layers: one row for each layer, not for each network.
        for_people: print a witness' count only where it differs from ours.
    """
    make = _layer_table if layers else _cell_table
    return make(verification.networks, verification.notes, for_people=for_people)


def _cell_table(cells: Sequence[Verified], notes: Sequence[str], *, for_people: bool) -> Table:
    with_twin = not for_people or cells[0].network.twin is not None
    rows: list[list[Value]] = []
    for cell in cells:
        network = cell.network
        totals = [
            [reading.total(quantity) for reading in (cell.ours, *cell.others)]
            for quantity in QUANTITIES
        ]
        rows.append(
            [
                network.arch,
                network.dialect,
                network.alpha,
                network.resolution,
                *([network.twin] if with_twin else []),
                *(n for found in totals for n in _shown(found, for_people=for_people)),
                not cell.differences,
            ]
        )
    head = [
        Column("arch", "arch"),
        Column("dialect", "dialect"),
        Column("alpha", "α", "number"),
        Column("resolution", "px", "number"),
        *([Column("twin", "twin")] if with_twin else []),
        *_counted(cells[0]),
    ]
    return Table("verify", head, rows, notes)


def _layer_table(cells: Sequence[Verified], notes: Sequence[str], *, for_people: bool) -> Table:
    rows: list[list[Value]] = []
    for cell in cells:
        readings = (cell.ours, *cell.others)
        names = dict.fromkeys(name for r in readings for q in QUANTITIES for name in r.of(q))
        for name in names:
            counts = [[r.of(q).get(name, 0) for r in readings] for q in QUANTITIES]
            if not any(map(any, counts)):
                continue  # dropout and the like
            rows.append(
                [
                    title(cell.network),
                    name,
                    *(n for found in counts for n in _shown(found, for_people=for_people)),
                    all(len(set(found)) == 1 for found in counts),
                ]
            )
    head = [Column("network", "network"), Column("name", "layer"), *_counted(cells[0])]
    if for_people and len(cells) == 1:
        return Table(
            "verify layers", head[1:], [row[1:] for row in rows], notes, title(cells[0].network)
        )
    return Table("verify layers", head, rows, notes)


def _counted(cell: Verified) -> list[Column]:
    """Return the columns of the counts: ours under their own name, then each witness'."""
    columns = []
    for quantity, words in (("macs", "MACs"), ("params", "params")):
        columns.append(Column(quantity, f"our {words}", "number"))
        columns += [
            Column(f"{other.witness}_{quantity}", f"{other.witness} {words}", "number")
            for other in cell.others
        ]
    return [*columns, Column("ok", "ok")]


def _shown(counts: Sequence[int], *, for_people: bool) -> Sequence[Value]:
    """Return our count and the witnesses'; people see at once which of these are the same."""
    if not for_people:
        return counts
    ours, *others = counts
    return [f"{ours:,}", *("=" if other == ours else f"{other:,}" for other in others)]
