"""Looks at a run after each generation, and decides the limits that can be decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import NamedTuple

from mncost.budget.outcome import Outcome
from mncost.budget.plan import Measured, Plan
from mncost.budget.records import Latency, Limit
from mncost.interval import Interval
from mncost.measure.records import Run
from mncost.results.results import Results
from mncost.results.run_ratio import RunRatio, run_ratio
from mncost.results.series import Clock
from mncost.stats.looks import Levels, Look, Looks, unseen
from mncost.stats.verdict import Verdict, judge

__all__ = ["Gate"]

DISTURBED = (
    "with several threads wall time counts, and other programs interrupted nearly all runs; end "
    "them, or measure with one thread"
)


class _Seen(NamedTuple):
    """What the last look says about one limit."""

    interval: Interval | None
    verdict: Verdict | None
    why: str = ""
    clock: Clock | None = None


class Gate:
    """Decides limits; the engine calls it after each generation, as its ``undecided``."""

    def __init__(self, plan: Plan, run: Run) -> None:
        """Begin with all limits of a plan undecided."""
        self.plan = plan
        self.results = Results(run)
        self.looks = Looks(tests=max(1, len(plan.measured)))
        self._machines: dict[frozenset[str | None], Looks] = {}  # each has a time of its own
        self._seen: dict[int, _Seen] = {}  # by the limit's place in the plan

    def __call__(self, run: Run, fraction: float, last: bool) -> set[int]:
        """Look; return the cells that the undecided limits still need.

        Of several machines, each has a run with its own cells only.
        """
        self.results.update()
        hosts = frozenset(cell.place.host for cell in run.cells)
        looks = self._machines.setdefault(hosts, Looks(tests=self.looks.tests))
        look = looks.look(fraction, last)
        while (undecided := self._undecided(hosts)) and self._decide(undecided, look, last):
            pass  # what is decided leaves more of the error to the others
        return {cell for index in undecided for cell in self.plan.measured[index].cells}

    def _undecided(self, hosts: Set[str | None]) -> list[int]:
        """Return which limits on some machines have no verdict yet."""
        return [
            index
            for index, measured in enumerate(self.plan.measured)
            if self.results.run.cells[measured.cell].place.host in hosts
            if index not in self._seen or self._seen[index].verdict is None
        ]

    def _decide(self, undecided: Sequence[int], look: Look, last: bool) -> bool:
        """Judge limits; say whether one of them has a verdict now."""
        verdicts = [seen.verdict for seen in self._seen.values()]
        levels = look.levels(verdicts.count("FAIL"), verdicts.count("PASS"))
        for index in undecided:
            self._seen[index] = self._look(self.plan.measured[index], levels, last)
        return any(self._seen[index].verdict for index in undecided)

    def outcomes(self) -> dict[int, Outcome]:
        """Return what became of the limits in the end, by the identity of each."""
        self.results.update()
        return {
            id(measured.limit): self._outcome(index, measured)
            for index, measured in enumerate(self.plan.measured)
        }

    def promise(self) -> str:
        """Say what the verdicts are worth."""
        looks = self.looks
        verdicts = "the verdict" if looks.tests == 1 else f"all {looks.tests} verdicts"
        return (
            f"{verdicts} on latency: right with a probability of {1 - looks.alpha / 2:.1%}, for "
            f"{'these machines' if self.results.run.hosts else 'this machine'} during this run; "
            "intervals are those of the look that decided"
        )

    def _outcome(self, index: int, measured: Measured) -> Outcome:
        """Return the outcome of a limit: an error if one of its cells failed."""
        run, look = self.results.run, self._seen.get(index, _Seen(None, None))
        old, new = self._latencies(measured)
        outcome = Outcome(
            of=measured.limit,
            verdict=look.verdict or "INCONCLUSIVE",
            value=look.interval,
            unit="time" if isinstance(measured.limit.bound, Latency) else "ratio",
            why="" if look.verdict else look.why or _undecided(look, run),
            old=old,
            new=new,
            clock=look.clock,
            wall=self._wall(measured),
        )
        reasons = {failure.cell: failure.reason for failure in reversed(run.failures)}
        failed = next((cell for cell in measured.cells if cell in reasons), None)
        lost = run.hosts.get(run.cells[measured.cell].place.host or "")
        if failed is None and lost and lost.lost and outcome.verdict == "INCONCLUSIVE":
            return outcome._replace(verdict="ERROR", why=f"cannot be measured: {lost.lost}")
        if failed is None:
            return outcome
        why = f"cannot be measured: {run.cells[failed].words()}: {reasons[failed]}"
        return outcome._replace(verdict="ERROR", why=why)

    def _latencies(self, measured: Measured) -> tuple[float | None, float | None]:
        """Return both median latencies that a ratio compares, in seconds."""
        if measured.saved is not None and self.plan.saved is not None:
            old = self.plan.saved.interval(measured.saved)
        elif measured.other is not None:
            old = self.results.interval(measured.other)
        else:
            return None, None
        new = self.results.interval(measured.cell)
        return old and old.center, new and new.center

    def _wall(self, measured: Measured) -> Interval | None:
        """Return the wall time, where a latency is judged by its CPU time."""
        if not isinstance(measured.limit.bound, Latency) or measured.limit.bound.percent != 50:
            return None
        summary = self.results.summaries[measured.cell]
        return summary.undisturbed if summary.clock == "cpu" else None

    def _look(self, measured: Measured, levels: Levels, last: bool) -> _Seen:
        limit, cell = measured.limit, measured.cell
        if isinstance(limit.bound, Latency) and limit.bound.percent != 50:
            percent = limit.bound.percent
            interval = _bounded(
                lambda level: self.results.interval(cell, percent, level), levels.any
            )
            return _Seen(interval, judge(interval, limit.allowed), clock="wall")
        clock = self.results.clock(*measured.cells)
        if measured.saved is not None:
            look = self._beside_saved(measured, max(levels.any))
        else:
            other = measured.other
            interval = (
                _bounded(lambda level: self.results.interval(cell, 50, level), levels.any)
                if other is None
                else _bounded(
                    lambda level: self.results.verdict_ratio(cell, other, level), levels.ratio
                )
            )
            room = unseen(interval, last=last)
            look = _Seen(interval, judge(interval, limit.allowed, room=room), clock=clock)
        if self.results.disturbed.intersection(measured.cells):
            return look._replace(verdict=None, why=DISTURBED)
        return look

    def _beside_saved(self, measured: Measured, level: float) -> _Seen:
        assert self.plan.saved is not None
        assert measured.saved is not None
        ratio = run_ratio(self.results, measured.cell, self.plan.saved, measured.saved, level)
        if ratio is None:
            return _Seen(None, None)
        interval, clock = (ratio.beside_reference or ratio.plain).ratio, ratio.clock
        if self.plan.differences:
            machines = "; ".join(self.plan.differences)
            why = f"the baseline is from another machine: {machines}"
            return _Seen(interval, None, why, clock)
        verdict = ratio.judge(measured.limit.allowed)
        why = "" if verdict else _disagreement(ratio, measured.limit)
        return _Seen(interval, verdict, why, clock)


def _bounded(
    interval_of: Callable[[float], Interval | None], levels: tuple[float, float]
) -> Interval | None:
    """Return an interval whose two bounds have levels of their own."""
    lower, upper = levels
    interval = interval_of(lower)
    if interval is None or lower == upper:
        return interval
    other = interval_of(upper)
    assert other is not None
    warnings = interval.warnings or other.warnings
    return interval._replace(hi=other.hi, warnings=warnings)


def _disagreement(ratio: RunRatio, limit: Limit) -> str:
    """Say why the ratios decide nothing; ``""``: an interval holds the limit."""
    if ratio.beside_reference is None:
        return "the two runs have no reference workload in common"
    if len({judge(one.ratio, limit.allowed) for one in ratio.all}) == 1:
        return ""
    beside = [f"{ratio.beside_reference.ratio.center:.3f}"]
    beside += [f"{ratio.beside_memory.ratio.center:.3f}"] if ratio.beside_memory else []
    return (
        f"the latency is {ratio.plain.ratio.center:.3f} times the baseline's, and "
        f"{' and '.join(beside)} times in units of the reference workloads: the machine may "
        "explain the difference"
    )


def _undecided(look: _Seen, run: Run) -> str:
    if run.stopped == "interrupted":
        return "interrupted before it was decided"
    if look.interval is None:
        return "it was not measured"
    if look.interval.lo is None or look.interval.hi is None:
        return "too few processes or runs for an interval: more --max-time"
    return "the limit lies within the interval: more --max-time"
