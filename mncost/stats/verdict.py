"""From an interval to a verdict: only a whole interval on one side of a limit decides."""

from __future__ import annotations

from typing import Literal, TypeAlias

from mncost.interval import Interval

__all__ = ["Verdict", "judge"]

Verdict: TypeAlias = Literal["PASS", "FAIL", "INCONCLUSIVE"]


def judge(interval: Interval | None, limit: float, *, may_pass: bool = True) -> Verdict | None:
    """Compare an interval with the largest value that is allowed.

    Args:
        interval: of the value.
        limit: the largest value that is allowed.
        may_pass: whether it is late enough for a PASS: :attr:`mncost.stats.looks.Levels.may_pass`.

    Returns:
        ``PASS`` if all of it is within the limit, ``FAIL`` if all of it is beyond, else ``None``:
        undecided. A bound that is missing decides nothing.
    """
    if interval is None:
        return None
    if interval.hi is not None and interval.hi <= limit:
        return "PASS" if may_pass else None
    return "FAIL" if interval.lo is not None and interval.lo > limit else None
