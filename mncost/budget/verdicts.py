"""From the verdicts of limits to those of budgets, and to an exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from mncost.budget.records import Outcome
from mncost.stats.verdict import Verdict

__all__ = ["Inconclusive", "settled", "status", "summary_line"]

Inconclusive: TypeAlias = Literal["keep", "pass", "fail"]
"""What an inconclusive limit counts as: itself, or one that holds, or one that fails."""

_WORST_FIRST: tuple[Verdict, ...] = ("FAIL", "INCONCLUSIVE", "PASS")
_WORDS: dict[Verdict, tuple[str, str]] = {
    "PASS": ("holds", "hold"),
    "FAIL": ("fails", "fail"),
    "INCONCLUSIVE": ("inconclusive", "inconclusive"),
}


def settled(outcome: Outcome, inconclusive: Inconclusive) -> Verdict:
    """Return what an outcome counts as.

    What is inconclusive because nothing at all was found never counts as holding.
    """
    if outcome.verdict != "INCONCLUSIVE" or inconclusive == "keep":
        return outcome.verdict
    if inconclusive == "fail":
        return "FAIL"
    return "INCONCLUSIVE" if outcome.value is None else "PASS"


def status(outcomes: Iterable[Outcome], inconclusive: Inconclusive = "keep") -> int:
    """Return the exit status of a check.

    Returns:
        0: every limit holds; 1: one fails; 3: none fails, but one is inconclusive.
    """
    verdicts = {settled(outcome, inconclusive) for outcome in outcomes}
    return 1 if "FAIL" in verdicts else 3 if "INCONCLUSIVE" in verdicts else 0


def summary_line(outcomes: Sequence[Outcome]) -> str:
    """Return ``7 budgets hold, 1 fails, 2 inconclusive``.

    A budget is as good as the worst of its limits.
    """
    verdicts: dict[int, Verdict] = {}
    for outcome in outcomes:
        number = outcome.of.budget
        both = (outcome.verdict, verdicts.get(number, "PASS"))
        verdicts[number] = min(both, key=_WORST_FIRST.index)
    counts = Counter(verdicts.values())
    parts = [
        [str(counts[verdict]), _WORDS[verdict][counts[verdict] > 1]]
        for verdict in ("PASS", "FAIL", "INCONCLUSIVE")
        if counts[verdict]
    ]
    if not parts:
        return "no budget was checked"
    parts[0].insert(1, "budget" if parts[0][0] == "1" else "budgets")
    return ", ".join(" ".join(part) for part in parts)
