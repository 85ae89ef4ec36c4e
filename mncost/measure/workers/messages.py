"""What workers and builders are asked and answer: JSON objects, one a line."""

from __future__ import annotations

from typing import Any, TypeAlias

from mncost.errors import one_line

__all__ = ["Message", "reason"]

Message: TypeAlias = dict[str, Any]

_LONGEST_REASON = 200


def reason(error: BaseException) -> str:
    """Return an exception's message as one short line."""
    words = one_line(" ".join(str(error).split()))
    if isinstance(error, MemoryError):
        words = f"out of memory: {words}" if words else "out of memory"
    words = words or type(error).__name__
    return words if len(words) <= _LONGEST_REASON else f"{words[: _LONGEST_REASON - 1]}…"
