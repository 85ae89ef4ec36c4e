"""``mncost explain``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mncost.api import grid
from mncost.cli import options
from mncost.cli.output import emit, format_for
from mncost.cli.single import single, title, twin_of
from mncost.cost.conventions import CONVENTIONS, Convention, Part
from mncost.cost.work import KINDS, Tally, Work, tally
from mncost.network import Network
from mncost.render.table import Column, Table, Value

__all__ = ["explain"]

_BRIDGE = ("paper", "fvcore", "ptflops-pytorch", "thop")


def explain(
    arch: options.Arch,
    alpha: options.Alpha = None,
    resolution: options.Resolution = None,
    rho: options.Rho = None,
    dialect: options.Dialect = None,
    classes: options.Classes = None,
    twin: options.Twin = None,
    format_name: options.Format = None,
    output: options.Output = None,
) -> None:
    """Say why counting tools print different numbers for one network, term by term.

    mncost explain --arch v2
    mncost explain --arch v3-large --alpha 0.75 --dialect keras
    mncost explain --arch v4-hybrid-m --format json
    """
    wanted = format_for(format_name, output)
    networks = grid(",".join(arch), alpha, resolution, rho=rho, dialect=dialect, classes=classes)
    network = twin_of(single(networks, "explain"), twin)
    counted = tally(network.graph, network.shapes, network.costs)
    if wanted in ("terminal", "markdown"):
        emit(_for_people(network, counted), wanted, output)
    else:
        emit(_for_programs(counted), wanted, output)


class _Line(NamedTuple):
    """One number, and its sum; in the bridge, what sets it apart from the one before."""

    part: str
    convention: Convention
    total: int
    parts: list[Part]


def _bridge(work: Work) -> Iterator[_Line]:
    """Yield the conventions of the bridge, each as the step from the one before."""
    before: dict[str, int] = {}
    for name in _BRIDGE:
        convention = CONVENTIONS[name]
        weights = {kind: convention.weight(kind) for kind in KINDS}
        changes = (
            Part(kind, weight - before.get(kind, 0), work.get(kind, 0))
            for kind, weight in weights.items()
        )
        parts = [part for part in changes if part.weight and part.amount]
        yield _Line("bridge", convention, convention.total(work), parts)
        before = weights


def _tools(work: Work) -> Iterator[_Line]:
    """Yield each tool's number."""
    for convention in CONVENTIONS.values():
        yield _Line("tool", convention, convention.total(work), convention.parts(work))


def _for_people(network: Network, counted: Tally) -> Table:
    lines = [*_bridge(counted.work), *_tools(counted.work)]
    rows = [
        [
            line.part,
            line.convention.name,
            f"{line.total / 1e6:,.3f}",
            f"{line.total:,}",
            line.convention.unit,
            _signed(line),
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
    return Table("explain", columns, rows, notes, f"{title(network)}: why tools differ")


def _for_programs(counted: Tally) -> Table:
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
        for line in (*_bridge(counted.work), *_tools(counted.work))
    ]
    return Table("explain", [Column(name, name) for name in names], rows)


def _blind(line: _Line, counted: Tally) -> str:
    spots = line.convention.blind_spots(counted)
    return ", ".join(f"{many} {_words(kind)}" for kind, many in spots.items()) or "nothing"


def _signed(line: _Line) -> str:
    text = " ".join(
        f"{'+' if weight > 0 else '−'} {f'{abs(weight)} × ' if abs(weight) != 1 else ''}"
        f"{_words(kind)} {amount:,}"
        for kind, weight, amount in line.parts
    )
    first = line.part == "tool" or line.convention.name == _BRIDGE[0]
    return text.removeprefix("+ ") if first else text


def _words(kind: str) -> str:
    return kind.replace("_", " ")
