"""Why counting tools print different numbers for one network, term by term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mncost.cost.bridge import Line, bridge, tools
from mncost.cost.conventions import CONVENTIONS
from mncost.cost.forms import Seen
from mncost.explanation import Explanation
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.tables.partial import partial_notes
from mncost.titles import title

__all__ = ["explain_table"]

_BRIDGE = "bridge: each line is the one above and what is added or left out."


def explain_table(explanation: Explanation, *, columns: str | Sequence[str] | None = None) -> Table:
    """Return the bridge from one convention to the next, then each tool's number."""
    seen = explanation.seen
    lines = [*bridge(seen), *tools(seen)]
    about = [
        f"{c.name} ({f'{c.version}, ' if c.version else ''}{c.source}): {c.note}."
        for c in CONVENTIONS.values()
    ]
    head = f"{title(explanation.network)}: why tools differ"
    registry = _columns(seen, first=lines[0])
    legend = [_BRIDGE, *about]
    return tabulate(
        "explain",
        registry,
        lines,
        names=columns,
        notes=partial_notes([explanation.network]),
        title=head,
        legend=legend,
    )


def _columns(seen: Seen, first: Line) -> Mapping[str, Source]:
    def spots(line: Line) -> Mapping[str, int]:
        return line.convention.blind_spots(seen)

    return sources(
        ("part", "", "text", lambda x: x.part),
        ("name", "counted by", "text", lambda x: x.convention.name),
        ("millions", "M", "number", lambda x: f"{x.total / 1e6:,.3f}"),
        ("exactly", "exactly", "number", lambda x: f"{x.total:,}"),
        ("count", "count", "number", lambda x: x.total),
        ("unit", "unit", "text", lambda x: x.convention.unit),
        ("which_is", "which is", "text", lambda x: _signed(x, is_first=x == first)),
        ("terms", "terms", "text", lambda x: tuple(f"{k}:{w}*{n}" for k, w, n in x.parts)),
        ("zero", "counted as zero", "text", lambda x: _blind(x, spots(x))),
        (
            "blind_spots",
            "blind spots",
            "text",
            lambda x: tuple(f"{kind}:{many}" for kind, many in spots(x).items()),
        ),
        ("version", "version", "text", lambda x: x.convention.version or None),
        extra=("count", "terms", "blind_spots", "version"),
        people=("millions", "exactly", "which_is", "zero"),
    )


def _blind(line: Line, spots: Mapping[str, int]) -> str | None:
    if line.part == "bridge":
        return None
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
