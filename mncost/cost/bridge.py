"""From one convention's number to the next one's: which kinds of work make the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from mncost.cost.conventions import CONVENTIONS, Convention, Part, ordered
from mncost.cost.forms import Seen

__all__ = ["Line", "bridge", "tools"]

_BRIDGE = ("paper", "fvcore", "ptflops-pytorch", "thop")


class Line(NamedTuple):
    """One convention's number and its parts.

    Attributes:
        part: ``"bridge"`` or ``"tool"``.
        convention: which.
        total: its number.
        parts: what the number is the sum of; in the bridge, what sets it apart from the line
            before.
    """

    part: str
    convention: Convention
    total: int
    parts: list[Part]


def bridge(seen: Seen) -> Iterator[Line]:
    """Yield some conventions, each as the step from the one before."""
    before: Convention | None = None
    for name in _BRIDGE:
        convention = CONVENTIONS[name]
        yield Line("bridge", convention, convention.total(seen), _step(before, convention, seen))
        before = convention


def tools(seen: Seen) -> Iterator[Line]:
    """Yield every convention's number."""
    for convention in CONVENTIONS.values():
        yield Line("tool", convention, convention.total(seen), convention.parts(seen))


def _step(before: Convention | None, after: Convention, seen: Seen) -> list[Part]:
    """Return what one convention counts more, or less, than another."""
    amounts: Counter[tuple[str, int]] = Counter()
    for form, tally in seen.items():
        changes = Counter(after.weights(form))
        if before is not None:
            changes.subtract(before.weights(form))
        for kind, weight in changes.items():
            amounts[kind, weight] += tally.work.get(kind, 0)
    return ordered(Part(kind, weight, n) for (kind, weight), n in amounts.items())
