"""From an interval to a verdict: only a whole interval on one side of a limit decides."""

from __future__ import annotations

from typing import Literal, TypeAlias

from mncost.interval import Interval

__all__ = ["Verdict", "judge"]

Verdict: TypeAlias = Literal["PASS", "FAIL", "INCONCLUSIVE"]


def judge(interval: Interval | None, limit: float, *, room: float = 1.0) -> Verdict | None:
    """Compare an interval with the largest value that is allowed.

    Args:
        interval: of the value.
        limit: the largest value that is allowed.
        room: factor by which a PASS stays below the limit: :func:`mncost.stats.looks.unseen`.

    Returns:
        ``PASS`` if all of it is within the limit, ``FAIL`` if all of it is beyond, else ``None``:
        undecided. A bound that is missing decides nothing.
    """
    if interval is None:
        return None
    if interval.hi is not None and interval.hi * room <= limit:
        return "PASS"
    return "FAIL" if interval.lo is not None and interval.lo > limit else None
