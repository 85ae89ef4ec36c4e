"""Long texts that repeat, as numbers that point below a table."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Marks"]


class Marks:
    """Gives each text a mark: ``[1]``, ``[2]``, ..."""

    def __init__(self) -> None:
        """Begin with none."""
        self._marks: dict[str, str] = {}

    def __call__(self, text: object) -> str | None:
        """Return the mark of a text; ``None`` for ``None``."""
        if text is None:
            return None
        return self._marks.setdefault(str(text), f"[{len(self._marks) + 1}]")

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Iterate over the marks and their texts."""
        return ((mark, text) for text, mark in self._marks.items())

    def notes(self) -> list[str]:
        """Return a line for each."""
        return [f"{mark} {text}" for mark, text in self]
