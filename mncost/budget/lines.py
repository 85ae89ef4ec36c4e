"""Where the budgets of a file stand, and their limits: the lines that messages and GitHub name."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["Lines"]

# Strings, from the longest opening on, and comments: what looks like a header or a key in these is
# none. In valid TOML, what is left of "[[budget]]" at the start of a line can only be a header.
_HIDDEN = (
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
)
_HEADER = re.compile(
    _HIDDEN + r"|^[ \t]*(?P<header>\[\[[ \t]*budget[ \t]*\]\])", re.DOTALL | re.MULTILINE
)


class Lines:
    """The lines of a budget file that is valid TOML."""

    def __init__(self, text: str = "", budgets: int = 0) -> None:
        """Take the text of a file, and how many budgets it has."""
        starts = [match.start("header") for match in _HEADER.finditer(text) if match["header"]]
        self.text = text
        self.starts: Sequence[int] = starts if len(starts) == budgets else []

    def line(self, number: int, key: str | None = None) -> int | None:
        """Return the line of a budget, or of one of its limits; ``None`` if no header says so.

        Args:
            number: of the budget, from 1.
            key: of the limit, e.g. ``latency.p99``.
        """
        if not self.starts:
            return None
        start, end = [*self.starts, len(self.text)][number - 1 : number + 1]
        if key is not None:
            start = _position(self.text, key, start, end)
        return 1 + self.text.count("\n", 0, start)


def _position(text: str, key: str, start: int, end: int) -> int:
    """Return where a key such as ``latency.p99`` stands in a budget; its start if it is hidden."""
    name = re.escape(key.partition(".")[2] or key)
    spellings = rf"\"{name}\"|'{name}'|(?<![\w-]){name}"
    pattern = rf"(?P<key>(?:{spellings})[ \t]*[=.\]])|{_HIDDEN}"
    matches = re.compile(pattern, re.DOTALL).finditer(text, start, end)
    return next((match.start("key") for match in matches if match["key"]), start)
