"""Names of operators, shortened to what a table has room for, and the blocks that they stand in."""

from __future__ import annotations

import re

__all__ = ["Names", "block_of", "tidy"]

_SEPARATORS = re.compile(r"[/.]+")


def tidy(name: str) -> str:
    """Return a name without what exporters repeat.

    torch writes ``/features/features.0/features.0.0/Conv``; this is ``features.0.0.Conv``.
    """
    kept: list[str] = []
    for part in filter(None, name.split("/")):
        while kept and (part == kept[-1] or part.startswith(f"{kept[-1]}.")):
            kept.pop()
        kept.append(part)
    return ".".join(kept)


def block_of(name: str) -> str:
    """Return the block of an operator: its name up to the first number, else its parent.

    ``features.3`` of ``features.3.conv.0.0.Conv``, ``layer1.0`` of ``layer1.0.conv1``.
    """
    *parents, last = _SEPARATORS.split(name)
    for index, part in enumerate(parents):
        if part.isdecimal():
            return ".".join(parents[: index + 1])
    return ".".join(parents) or last


class Names:
    """Gives every operator a name of its own."""

    def __init__(self) -> None:
        """Begin with none."""
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def unique(self, wanted: str, kind: str) -> str:
        """Return a name that nothing has yet; without a wish it is made of the operator's kind."""
        base = name = tidy(wanted) or kind
        while name in self._taken:
            number = self._numbers[base] = self._numbers.get(base, 1) + 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name
