"""Checks limits: counts what can be counted, measures the rest until it is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mncost.budget.baseline import Baseline
from mncost.budget.checking import Checking
from mncost.budget.exact import check_exact, network_of
from mncost.budget.outcome import Verdicts
from mncost.budget.records import Limit, Regression
from mncost.errors import BudgetError, InputError, Interrupted
from mncost.flags import none_left, taken
from mncost.limits import seconds

if TYPE_CHECKING:
    from mncost.measure.engine import Progress

__all__ = ["check", "limits_of"]


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
    if len(chosen := list(against.given)) > 1:
        raise InputError(f"{chosen[0]} and {chosen[1]} do not go together: one baseline")
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
    from mncost.budget.measuring import measure
    from mncost.measure.saving import saving

    with saving(how.save) as keep:
        measured, more, run = measure(limits, against, time, how, keep, watch)
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
    """Return the exact limits, and a note that says how many others there are."""
    kept = [limit for limit in limits if limit.is_exact]
    if not kept:
        raise InputError("exact only: there is no exact limit")
    left = len(limits) - len(kept)
    what = "1 limit on latency is" if left == 1 else f"{left} limits on latency are"
    return kept, [f"{what} left out: exact limits only"] if left else []


def _refuse_idle(limits: Sequence[Limit], baseline: Baseline) -> None:
    """Refuse a baseline that cannot be used, or that no limit is measured against."""
    if not baseline.given or any(isinstance(limit.bound, Regression) for limit in limits):
        return
    if problems := _problems_of(baseline):
        raise InputError(problems[0])
    (name, value), *_ = baseline.given.items()
    raise InputError(f"{name} {value}: no budget limits a regression, so nothing is compared")


def _saved(path: Path | str | None) -> Baseline:
    return Baseline(run=None if path is None else Path(path))
