"""What became of each limit, of each budget, and of a whole check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from mncost.budget.checking import Inconclusive
from mncost.budget.records import Exact, Limit
from mncost.interval import Interval
from mncost.render.shown import ShownSequence

if TYPE_CHECKING:
    from mncost.measure.records import Run

__all__ = [
    "Ending",
    "Inconclusive",
    "Outcome",
    "Unit",
    "Verdicts",
    "settled",
    "status",
    "summary_line",
]

Ending: TypeAlias = Literal["PASS", "FAIL", "INCONCLUSIVE", "ERROR"]
"""A verdict, or ``ERROR``: the limit could not be checked at all."""

Unit: TypeAlias = Literal["count", "bytes", "time", "ratio"]

UNUSABLE = 2
_WORST_FIRST: tuple[Ending, ...] = ("ERROR", "FAIL", "INCONCLUSIVE", "PASS")
_WORDS: dict[Ending, tuple[str, str]] = {
    "PASS": ("holds", "hold"),
    "FAIL": ("fails", "fail"),
    "INCONCLUSIVE": ("inconclusive", "inconclusive"),
    "ERROR": ("could not be checked", "could not be checked"),
}


class Outcome(NamedTuple):
    """A limit, its value, and what follows.

    Attributes:
        of: the limit.
        verdict: ``ERROR`` if a measurement broke, whatever else is known.
        value: in counts, bytes, seconds or as a ratio; an exact value has no width; ``None`` if
            there is none.
        unit: which of these.
        why: why the limit is not decided, or what else there is to say; else empty.
        old, new: of a regression or a ratio, both median latencies in seconds, where known.
        clock: which time of a call was measured (:data:`mncost.results.series.CLOCKS`); ``None``
            of a limit that is counted, or was not measured.
        wall: of the median of a latency whose CPU time counts: the time that passes, in seconds,
            in runs that nothing interrupted; ``None`` if there are too few.
    """

    of: Limit
    verdict: Ending
    value: Interval | None
    unit: Unit
    why: str = ""
    old: float | None = None
    new: float | None = None
    clock: str | None = None
    wall: Interval | None = None

    @property
    def limit(self) -> float:
        """The largest value that is allowed; the smallest, of a limit with only a minimum."""
        return self.of.allowed

    @property
    def headroom(self) -> float | None:
        """How far the value is within the closer limit, as a share of that; below 0: beyond it."""
        if self.value is None:
            return None
        value, bound = self.value.center, self.of.bound
        most = bound.max if isinstance(bound, Exact) else self.limit
        least = bound.min if isinstance(bound, Exact) else None
        rooms = [(most - value) / most] if most else []
        rooms += [(value - least) / least] if least else []
        return min(rooms, default=None)


def settled(outcome: Outcome, inconclusive: Inconclusive) -> Ending:
    """Return what an outcome counts as.

    An error stays an error. A limit that is inconclusive because it has no value at all never
    counts as holding.
    """
    if outcome.verdict != "INCONCLUSIVE" or inconclusive == "keep":
        return outcome.verdict
    if inconclusive == "fail":
        return "FAIL"
    return "INCONCLUSIVE" if outcome.value is None else "PASS"


def status(outcomes: Iterable[Outcome], inconclusive: Inconclusive = "keep") -> int:
    """Return the exit status of a check.

    Returns:
        0: every limit holds; 1: one fails; 2: one could not be checked; 3: none fails, but one is
        inconclusive.
    """
    endings = {settled(outcome, inconclusive) for outcome in outcomes}
    statuses: dict[Ending, int] = {"ERROR": UNUSABLE, "FAIL": 1, "INCONCLUSIVE": 3, "PASS": 0}
    return next((statuses[one] for one in _WORST_FIRST if one in endings), 0)


def summary_line(outcomes: Sequence[Outcome]) -> str:
    """Return ``7 budgets hold, 1 fails``: a budget is as good as the worst of its limits."""
    endings: dict[int, Ending] = {}
    for outcome in outcomes:
        number = outcome.of.budget
        both = (outcome.verdict, endings.get(number, "PASS"))
        endings[number] = min(both, key=_WORST_FIRST.index)
    counts = Counter(endings.values())
    parts = [
        [str(counts[ending]), _WORDS[ending][counts[ending] > 1]]
        for ending in ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")
        if counts[ending]
    ]
    if not parts:
        return "no budget was checked"
    parts[0].insert(1, "budget" if parts[0][0] == "1" else "budgets")
    return ", ".join(" ".join(part) for part in parts)


class Verdicts(ShownSequence[Outcome]):
    """The result of a check: an outcome for each limit, in the order of the budget file.

    Attributes:
        notes: what the verdicts are worth, and warnings.
        inconclusive: what an inconclusive limit counts as.
        run: what was measured; ``None`` if all limits are exact.
        unsaved: why the run could not be saved, if it was to be.
    """

    def __init__(
        self,
        outcomes: Sequence[Outcome],
        notes: Sequence[str] = (),
        run: Run | None = None,
        inconclusive: Inconclusive = "keep",
        unsaved: str | None = None,
    ) -> None:
        """Use :func:`mncost.check`."""
        super().__init__(outcomes)
        self.notes = (*notes, *([unsaved] if unsaved else []))
        self.run = run
        self.unsaved = unsaved
        self.inconclusive = inconclusive

    @property
    def ok(self) -> bool:
        """Whether every limit holds, or counts as holding."""
        return self.status == 0

    @property
    def status(self) -> int:
        """The exit status of ``mncost check``: see :func:`status`."""
        return UNUSABLE if self.unsaved else status(self, self.inconclusive)

    @property
    def summary(self) -> str:
        """How many budgets hold, and how many do not."""
        return summary_line(self)

    def __repr__(self) -> str:
        """Return how many budgets hold."""
        return f"<mncost.Verdicts: {self.summary}>"
