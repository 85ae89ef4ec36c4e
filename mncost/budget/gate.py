"""Looks at a run after each generation, and decides the limits that can be decided."""

from __future__ import annotations

from typing import NamedTuple

from mncost.budget.judge import (
    arms_differ,
    control_interval,
    judge_saved,
    latency_interval,
    ratio_interval,
    saved_interval,
    sides_interval,
)
from mncost.budget.plan import Measured, Plan
from mncost.budget.records import Latency, Outcome, Ratio, Regression
from mncost.interval import Interval
from mncost.measure.cells import title
from mncost.measure.records import Run
from mncost.stats.looks import Looks
from mncost.stats.verdict import Verdict, judge

__all__ = ["Gate"]


class _Found(NamedTuple):
    """What one look found about one limit."""

    interval: Interval | None
    verdict: Verdict | None
    why: str = ""


class Gate:
    """Decides limits; to be given to :func:`mncost.measure.runs.carry_out` as ``undecided``."""

    def __init__(self, plan: Plan, looks: Looks) -> None:
        """Begin with all limits of a plan undecided."""
        self.plan = plan
        self.looks = looks
        self._found: dict[int, _Found] = {}  # by the limit's place in the plan

    def __call__(self, run: Run, fraction: float, last: bool) -> set[int]:
        """Look; return the cells that the undecided limits still need."""
        level = self.looks.level(fraction, last)
        needed: set[int] = set()
        for index, measured in enumerate(self.plan.measured):
            before = self._found.get(index)
            if before is not None and before.verdict is not None:
                continue
            found = self._found[index] = self._look(run, measured, level)
            if found.verdict is None:
                needed |= {cell for cell in (measured.cell, measured.other) if cell is not None}
        return needed

    def outcome(self, measured: Measured) -> Outcome:
        """Return what became of a limit in the end."""
        found = self._found.get(self.plan.measured.index(measured), _Found(None, None))
        interval, limit = found.interval, measured.limit
        center, lo, hi = interval[:3] if interval else (None, None, None)
        return Outcome(
            of=limit,
            verdict=found.verdict or "INCONCLUSIVE",
            value=center,
            lo=lo,
            hi=hi,
            limit=_most(measured),
            unit="ns" if isinstance(limit.bound, Latency) else "ratio",
            why="" if found.verdict else found.why or _undecided(found),
        )

    def promise(self) -> str:
        """Say what the verdicts are worth."""
        looks = self.looks
        return (
            f"verdicts: with {1 - looks.alpha / 2:.1%} probability none of these {looks.tests} is "
            "wrong, however often was looked (error spending over looks, Bonferroni over limits); "
            "the intervals shown are those of the last look at each limit"
        )

    def errors(self, run: Run) -> list[str]:
        """Return why limits could not be measured."""
        reasons = {failure.cell: failure.reason for failure in reversed(run.failures)}
        return [
            f"{measured.limit.name}: {measured.limit.metric}: cannot be measured: "
            f"{title(run.cells[cell])}: {reasons[cell]}"
            for measured in self.plan.measured
            for cell in (measured.cell, measured.other)
            if cell in reasons
        ]

    def _look(self, run: Run, measured: Measured, level: float) -> _Found:
        most = _most(measured)
        match measured.limit.bound:
            case Latency(percent=percent):
                interval = latency_interval(run, measured.cell, percent, level)
                return _Found(interval, judge(interval, most))
            case Ratio():
                assert measured.other is not None
                interval = ratio_interval(run, measured.cell, measured.other, level)
                return _Found(interval, judge(interval, most))
            case Regression() if measured.saved is not None:
                return self._beside_saved(run, measured, level)
            case _:
                return self._beside_baseline(run, measured, level)

    def _beside_baseline(self, run: Run, measured: Measured, level: float) -> _Found:
        """Compare the two sides of an A/B; the reference workload must not differ between them."""
        assert measured.other is not None
        most = _most(measured)
        interval = sides_interval(run, measured.cell, measured.other, level)
        verdict = judge(interval, most)
        ours, theirs = run.cells[measured.cell].worker, run.cells[measured.other].worker
        control = control_interval(run, ours, theirs)
        if verdict is not None and control is not None and arms_differ(control, most - 1):
            return _Found(
                interval,
                None,
                f"the reference workload alone takes {control.center:.3f} times as long beside the "
                "new model as beside the baseline: the two sides differ by themselves",
            )
        return _Found(interval, verdict)

    def _beside_saved(self, run: Run, measured: Measured, level: float) -> _Found:
        assert self.plan.saved is not None
        assert measured.saved is not None
        found = saved_interval(run, measured.cell, self.plan.saved, measured.saved, level)
        interval = None if found is None else found.beside_reference or found.plain
        if self.plan.differences:
            machines = "; ".join(self.plan.differences)
            return _Found(interval, None, f"the baseline is from another machine: {machines}")
        why = ""
        if found is not None and found.beside_reference is None:
            why = "the two runs have no reference workload in common"
        return _Found(interval, judge_saved(found, _most(measured)), why)


def _most(measured: Measured) -> float:
    """Return the largest value that is allowed: nanoseconds, or a ratio."""
    match measured.limit.bound:
        case Latency(max_ns=most):
            return most
        case Ratio(max_ratio=most):
            return most
        case Regression(share=share):
            return 1 + share
        case exact:
            raise AssertionError(f"{exact} is not measured")


def _undecided(found: _Found) -> str:
    if found.interval is None:
        return "it was not measured"
    if found.interval.lo is None or found.interval.hi is None:
        return "too few processes or runs for an interval: more --max-time"
    return "the limit lies within the interval: more --max-time"
