"""Checks limits: counts what can be counted, measures the rest until it is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from mncost.budget.exact import check_exact, network_of
from mncost.budget.records import Baseline, Limit, Outcome

if TYPE_CHECKING:
    from mncost.budget.plan import Plan
    from mncost.measure.engine import Progress
    from mncost.measure.records import Options, Run

__all__ = ["Report", "check", "report"]

SECONDS, SECONDS_A_CELL = 20.0, 10.0  # of two cells together, of each one more
SECONDS_A_TAIL = 40.0  # more for a p99, ten times as many for a p99.9: bounds need so many runs
GENERATIONS = 8  # that the time is shared out among
_ANY = 0.99  # no target: verdicts decide when it is enough


class Report(NamedTuple):
    """What became of all limits, in their order.

    Attributes:
        outcomes: one for each limit.
        notes: where and how it was measured, and what speaks against it.
        errors: limits that could not be measured, and why: they are not held.
        run: what was measured; ``None`` if nothing had to be.
    """

    outcomes: list[Outcome]
    notes: list[str]
    errors: list[str]
    run: Run | None


def check(limits: Sequence[Limit], *, max_time: float | None = None) -> list[Outcome]:
    """Check limits; as :func:`report`, without a baseline.

    Raises:
        InputError: a limit cannot be measured.
    """
    return report(limits, max_time=max_time).outcomes


def report(
    limits: Sequence[Limit],
    *,
    max_time: float | None = None,
    baseline: Baseline = Baseline(),  # noqa: B008  it is immutable
    watch: Callable[[Progress], None] = lambda progress: None,
    save: Callable[[Run], None] = lambda run: None,
) -> Report:
    """Check limits: exact ones are counted; the others are measured until each is decided.

    Args:
        limits: of :func:`mncost.budget.file.read_budgets`.
        max_time: seconds after which what is undecided stays so; by default 20, and 10 for each
            cell beyond two, and 40 for each cell with a p99 (400 for a p99.9).
        baseline: what regressions are against.
        watch: is told the progress.
        save: is given the run as it goes.

    Raises:
        InputError: a limit or the baseline cannot be used.
    """
    find = cache(network_of)  # several limits of one budget are about one network
    found = {id(limit): check_exact(limit, find) for limit in limits if limit.is_exact}
    if len(found) == len(limits):
        return Report([found[id(limit)] for limit in limits], [], [], None)
    from mncost.budget.gate import Gate
    from mncost.budget.plan import plan
    from mncost.extras import require
    from mncost.measure.runs import carry_out, empty_run, offer
    from mncost.stats.looks import Looks

    require("bench")
    wanted = plan(limits, baseline, offer)
    cells = [subject.cell for subject in wanted.subjects]
    run = empty_run(cells, _options(_usual_time(wanted) if max_time is None else max_time))
    gate = Gate(wanted, Looks(tests=len(wanted.measured)))
    carry_out(run, wanted.subjects, save=save, watch=watch, undecided=gate, tails=wanted.tails)
    if run.stopped == "interrupted":
        raise KeyboardInterrupt
    found |= {id(measured.limit): gate.outcome(measured) for measured in wanted.measured}
    outcomes = [found[id(limit)] for limit in limits]
    return Report(outcomes, [gate.promise()], gate.errors(run), run)


def _usual_time(wanted: Plan) -> float:
    """Return after how many seconds most limits that are not close should be decided."""
    cells = SECONDS + SECONDS_A_CELL * max(0, len(wanted.subjects) - 2)
    return cells + sum(SECONDS_A_TAIL / (100 - percent) for percent in wanted.tails.values())


def _options(max_time: float) -> Options:
    from mncost.measure.records import Options

    return Options(target_error=_ANY, max_time=max_time, processes=GENERATIONS, seed=0)
