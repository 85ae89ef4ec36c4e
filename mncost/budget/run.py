"""Checks limits: counts what can be counted, measures the rest until it is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mncost.budget.baseline import Baseline
from mncost.budget.checking import Checking
from mncost.budget.exact import check_exact, network_of
from mncost.budget.outcome import Outcome, Verdicts
from mncost.budget.records import Limit, Regression
from mncost.errors import BudgetError, InputError, Interrupted
from mncost.flags import none_left, taken
from mncost.limits import seconds

if TYPE_CHECKING:
    from mncost.budget.plan import Plan
    from mncost.measure.engine import Progress
    from mncost.measure.records import Options, Run

__all__ = ["check", "generations", "limits_of"]

SECONDS, SECONDS_A_CELL = 20.0, 10.0  # of two cells together, of each one more
SECONDS_A_TAIL = 40.0  # more for a p99, ten times as many for a p99.9: bounds need so many runs
GENERATIONS, SLOT = 20, 1.0  # that the time is shared out among, and how long each is at least


def check(
    budgets: Path | str | Sequence[Limit],
    *,
    baseline: Baseline | Path | str | None = None,
    how: Checking = Checking(),  # noqa: B008 - it is frozen
    watch: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> Verdicts:
    """Check networks against budgets, as ``mncost check`` does.

    Exact limits are counted. The others are measured until each of them is decided.

    Args:
        budgets: a budget file, or limits.
        baseline: what regressions are measured against; a path is that of a saved run.
        how: which limits, how long, by which clock, what an inconclusive limit counts as, and
            where the run is saved.
        watch: called with the progress.
        options: fields of :class:`~mncost.budget.checking.Checking` in its place, e.g.
            ``max_time="2 min"``, ``exact_only=True`` or ``clock="wall"``.

    Raises:
        BudgetError: the budget file cannot be used, or limits cannot be measured.
        InputError: another argument is not accepted.
        Interrupted: measuring was interrupted; its ``known`` has the verdicts of that time, and
            limits that no look had decided are inconclusive. Before the first sample, it is a
            plain KeyboardInterrupt.
    """
    against = baseline if isinstance(baseline, Baseline) else _saved(baseline)
    how = taken(how, options)
    none_left("check", options)
    time = seconds("max_time", how.max_time)
    limits = _limits(budgets, against)
    _refuse_idle(limits, against)
    notes: list[str] = []
    if how.exact_only:
        limits, notes = _only_exact(limits)
    find = cache(network_of)  # several limits of one budget are about one network
    exact = {id(limit): check_exact(limit, find) for limit in limits if limit.is_exact}
    if len(exact) == len(limits):
        for name in ("save", "clock", "hosts"):
            if getattr(how, name) is not None:
                raise InputError(f"{name}: nothing is measured, all limits are exact")
        return Verdicts([exact[id(limit)] for limit in limits], notes, None, how.inconclusive)
    from mncost.measure.saving import saving

    with saving(how.save) as keep:
        measured, more, run = _measured(limits, against, time, how, keep, watch)
    unsaved = None if keep.problem is None else f"{keep.problem}; the run is not saved"
    outcomes = [(exact | measured)[id(limit)] for limit in limits]
    verdicts = Verdicts(outcomes, [*notes, *more], run, how.inconclusive, unsaved)
    if run.stopped == "interrupted":
        saved = f"; what was measured is in {how.save}" if how.save and not unsaved else ""
        raise Interrupted(f"the check is not complete{saved}", verdicts)
    return verdicts


def limits_of(data: bytes, origin: str, folder: Path, baseline: Baseline) -> list[Limit]:
    """Return the limits of a budget file's bytes: :func:`mncost.budget.file.parse_budgets`.

    Raises:
        BudgetError: has every problem of the file, and that of the baseline.
    """
    from mncost.budget.file import parse_budgets

    try:
        return parse_budgets(data, origin, folder)
    except BudgetError as error:
        raise BudgetError([*error.problems, *_problems_of(baseline)]) from None


def _limits(budgets: Path | str | Sequence[Limit], baseline: Baseline) -> Sequence[Limit]:
    if not isinstance(budgets, Path | str):
        return budgets
    from mncost.budget.file import read_bytes

    data, origin = read_bytes(Path(budgets))
    return limits_of(data, origin, Path(budgets).parent, baseline)


def _problems_of(baseline: Baseline) -> list[str]:
    """Return why a baseline cannot be used."""
    if not baseline.given:
        return []
    from mncost.budget.plan import baseline_problems
    from mncost.runs.offers import offer

    return baseline_problems(baseline, offer)


def _only_exact(limits: Sequence[Limit]) -> tuple[list[Limit], list[str]]:
    """Return the exact limits, and a note that says how many others there are.

    Raises:
        InputError: there is no exact limit.
    """
    kept = [limit for limit in limits if limit.is_exact]
    if not kept:
        raise InputError("exact only: there is no exact limit")
    left = len(limits) - len(kept)
    what = "1 limit on latency is" if left == 1 else f"{left} limits on latency are"
    return kept, [f"{what} left out: exact limits only"] if left else []


def _refuse_idle(limits: Sequence[Limit], baseline: Baseline) -> None:
    """Refuse a baseline that cannot be used, or that no limit is measured against.

    Raises:
        InputError: says which.
    """
    if not baseline.given or any(isinstance(limit.bound, Regression) for limit in limits):
        return
    if problems := _problems_of(baseline):
        raise InputError(problems[0])
    (name, value), *_ = baseline.given.items()
    raise InputError(f"{name} {value}: no budget limits a regression, so nothing is compared")


def _measured(
    limits: Sequence[Limit],
    baseline: Baseline,
    max_time: float | None,
    how: Checking,
    save: Callable[[Run], None],
    watch: Callable[[Progress], None],
) -> tuple[dict[int, Outcome], list[str], Run]:
    """Measure limits; return the outcomes by the limit's identity, notes and the run."""
    from mncost.budget.gate import Gate
    from mncost.budget.plan import plan
    from mncost.effort import check_clock
    from mncost.extras import require
    from mncost.results.changes import machine_warnings
    from mncost.runs.begin import empty_run
    from mncost.runs.carry_out import carry_out
    from mncost.runs.offers import disconnecting, offer

    require("bench")
    if how.hosts is not None and all(limit.place.is_here for limit in limits):
        raise InputError(f"hosts {how.hosts}: no budget names a host")
    with disconnecting():
        wanted = plan(limits, baseline, partial(offer, hosts=how.hosts) if how.hosts else offer)
        time = _usual_time(wanted) if max_time is None else max_time
        asked = check_clock(how.clock, [cell.place.threads for cell in wanted.planned.cells])
        run = empty_run(wanted.planned, _options(time, asked))
    gate = Gate(wanted, run)
    carry_out(run, save=save, watch=watch, undecided=gate, tails=wanted.tails)
    if run.stopped == "interrupted" and not run.processes:
        raise KeyboardInterrupt("there is no verdict: nothing was measured yet")
    notes = [gate.promise()]
    if wanted.saved is not None:
        notes += machine_warnings(wanted.saved, gate.results)
    return gate.outcomes(), notes, run


def _usual_time(wanted: Plan) -> float:
    """Return after how many seconds most limits that are not close should be decided."""
    cells = SECONDS + SECONDS_A_CELL * max(0, len(wanted.planned.cells) - 2)
    return cells + sum(SECONDS_A_TAIL / (100 - percent) for percent in wanted.tails.values())


def generations(max_time: float) -> int:
    """Return how many generations a time in seconds is shared out among.

    Processes differ more than rounds (1.9 % beside 0.9 %) and start in 0.4 s, so many short
    generations say more than few long ones.
    """
    return max(3, min(GENERATIONS, int(max_time / SLOT)))


def _options(max_time: float, clock: Literal["cpu", "wall"] | None) -> Options:
    from mncost.measure.records import Options

    processes = generations(max_time)
    return Options(target_error=None, max_time=max_time, processes=processes, seed=0, clock=clock)


def _saved(path: Path | str | None) -> Baseline:
    return Baseline(run=None if path is None else Path(path))
