"""Measures the limits that cannot be counted, until each is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from mncost.budget.baseline import Baseline
from mncost.budget.checking import Checking
from mncost.budget.outcome import Outcome
from mncost.budget.records import Limit
from mncost.errors import InputError

if TYPE_CHECKING:
    from mncost.budget.plan import Plan
    from mncost.measure.engine import Progress
    from mncost.measure.records import Options, Run

__all__ = ["SECONDS", "generations", "measure"]

SECONDS, SECONDS_A_CELL = 20.0, 10.0  # of two cells together, of each one more
SECONDS_A_TAIL = 40.0  # more for a p99, ten times as many for a p99.9: bounds need so many runs
SLOT = 1.0  # how long each generation is at least


def measure(
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
    from mncost.clock import check_clock
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
    from mncost.measure.schedule import GENERATIONS

    return max(3, min(GENERATIONS, int(max_time / SLOT)))


def _options(max_time: float, clock: Literal["cpu", "wall"] | None) -> Options:
    from mncost.measure.records import Options

    processes = generations(max_time)
    return Options(target_error=None, max_time=max_time, processes=processes, seed=0, clock=clock)
