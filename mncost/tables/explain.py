"""Why counting tools print different numbers for one network, term by term."""

from __future__ import annotations

from mncost.api import Explanation, title
from mncost.cost.bridge import Line, bridge, tools
from mncost.cost.conventions import CONVENTIONS
from mncost.cost.work import Tally
from mncost.render.table import Column, Table, Value

__all__ = ["explain_table"]


def explain_table(explanation: Explanation, *, for_people: bool = True) -> Table:
    """Return the bridge from one convention to the next, then each tool's number."""
    counted = explanation.counted
    lines = [*bridge(counted.work), *tools(counted.work)]
    if not for_people:
        return _for_programs(lines, counted)
    rows = [
        [
            line.part,
            line.convention.name,
            f"{line.total / 1e6:,.3f}",
            f"{line.total:,}",
            line.convention.unit,
            _signed(line, is_first=line == lines[0]),
            _blind(line, counted) if line.part == "tool" else None,
        ]
        for line in lines
    ]
    columns = [
        Column("part", ""),
        Column("name", "counted by"),
        Column("millions", "M", "number"),
        Column("count", "exactly", "number"),
        Column("unit", "unit"),
        Column("terms", "which is"),
        Column("blind_spots", "counted as zero"),
    ]
    notes = [
        "bridge: each line is the one above and what is added or left out.",
        *(
            f"{c.name} ({f'{c.version}, ' if c.version else ''}{c.source}): {c.remark}."
            for c in CONVENTIONS.values()
        ),
    ]
    head = f"{title(explanation.network)}: why tools differ"
    return Table("explain", columns, rows, notes, head)


def _for_programs(lines: list[Line], counted: Tally) -> Table:
    names = ("part", "name", "count", "unit", "terms", "blind_spots", "version")
    rows: list[list[Value]] = [
        [
            line.part,
            line.convention.name,
            line.total,
            line.convention.unit,
            tuple(f"{kind}:{weight}*{amount}" for kind, weight, amount in line.parts),
            tuple(f"{kind}:{many}" for kind, many in line.convention.blind_spots(counted).items()),
            line.convention.version or None,
        ]
        for line in lines
    ]
    return Table("explain", [Column(name, name) for name in names], rows)


def _blind(line: Line, counted: Tally) -> str:
    spots = line.convention.blind_spots(counted)
    return ", ".join(f"{many} {_words(kind)}" for kind, many in spots.items()) or "nothing"


def _signed(line: Line, *, is_first: bool) -> str:
    text = " ".join(
        f"{'+' if weight > 0 else '−'} {f'{abs(weight)} × ' if abs(weight) != 1 else ''}"
        f"{_words(kind)} {amount:,}"
        for kind, weight, amount in line.parts
    )
    return text.removeprefix("+ ") if is_first or line.part == "tool" else text


def _words(kind: str) -> str:
    return kind.replace("_", " ")
