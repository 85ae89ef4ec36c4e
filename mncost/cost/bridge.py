"""From one convention's number to the next one's: which kinds of work make the difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mncost.cost.conventions import CONVENTIONS, Convention, Part
from mncost.cost.work import KINDS, Work

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


def bridge(work: Work) -> Iterator[Line]:
    """Yield some conventions, each as the step from the one before."""
    before: dict[str, int] = {}
    for name in _BRIDGE:
        convention = CONVENTIONS[name]
        weights = {kind: convention.weight(kind) for kind in KINDS}
        changes = (
            Part(kind, weight - before.get(kind, 0), work.get(kind, 0))
            for kind, weight in weights.items()
        )
        parts = [part for part in changes if part.weight and part.amount]
        yield Line("bridge", convention, convention.total(work), parts)
        before = weights


def tools(work: Work) -> Iterator[Line]:
    """Yield every convention's number."""
    for convention in CONVENTIONS.values():
        yield Line("tool", convention, convention.total(work), convention.parts(work))
