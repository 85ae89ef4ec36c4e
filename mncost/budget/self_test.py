"""Which regressions a check on this machine finds, by measuring V2 against itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mncost.budget.exact import network_of
from mncost.budget.measuring import SECONDS, generations
from mncost.budget.noise import POWER, NoiseFloor, noise_floor
from mncost.budget.records import Model
from mncost.errors import MeasureError
from mncost.extras import require
from mncost.interval import Interval
from mncost.measure.cells import Planned
from mncost.measure.engine import Progress
from mncost.measure.places import first_place
from mncost.measure.records import Options, Run
from mncost.measure.runtime_names import USUAL
from mncost.measure.where import Where
from mncost.results.results import Results
from mncost.runs.begin import empty_run
from mncost.runs.carry_out import carry_out
from mncost.runs.offers import offer
from mncost.stats.looks import ALPHA

__all__ = ["SelfTest", "self_test", "sentences"]

TIME = 60.0  # seconds
LIMIT = 0.03
NOISY = 0.10  # a gate that finds only larger slowdowns is of little use


class SelfTest(NamedTuple):
    """A measurement of V2 against itself, and what follows for decisions of 20 s.

    Attributes:
        run: what was measured.
        limit: the regression that is allowed, as a share.
        floor: the noise, and what decisions find in spite of it.
    """

    run: Run
    limit: float
    floor: NoiseFloor


def self_test(
    max_time: float | None = None,
    *,
    runtime: str = USUAL[0],
    watch: Callable[[Progress], None] = lambda progress: None,
) -> SelfTest:
    """Measure V2 against itself, both sides in the same processes, for 60 s or ``max_time``.

    Raises:
        MeasureError: there was too little time for three generations, or the runtime is missing.
    """
    require("bench")
    time = TIME if max_time is None else max_time
    network = network_of(Model(arch="v2"), "fp32")
    place = first_place(Where(runtime=(runtime,)), offer)
    cells = Planned()
    cells.enter(network, place, baseline_of=None)
    cells.enter(network, place, baseline_of=0)
    options = Options(
        target_error=None,
        max_time=time,
        processes=max(3, round(generations(SECONDS) * time / SECONDS)),
        seed=0,
    )
    run = empty_run(cells, options)
    carry_out(run, save=lambda run: None, watch=watch, undecided=_until_the_end)
    if run.stopped == "interrupted":
        raise KeyboardInterrupt("the self-test has no result")
    if run.failures:
        raise MeasureError(f"self-test: {run.failures[0].reason}")
    ratios = Results(run).generation_ratios(0, 1)
    # Where processes start slowly, a decision has fewer than it should.
    each = min(generations(SECONDS), round(len(ratios) * SECONDS / time))
    return SelfTest(run, LIMIT, noise_floor(ratios, max(3, each), LIMIT))


def sentences(test: SelfTest) -> list[str]:
    """Return the answer first, then what it rests on."""
    ratio, sd = test.floor.ratio, test.floor.sd
    return [
        _answer(test.floor, test.limit),
        f"V2 against itself, {ratio.n} generations: {ratio.center:.4f}"
        f"{_within(ratio.lo, ratio.hi, '.4f')}, standard deviation of a generation "
        f"{sd.center:.2%}{_within(sd.lo, sd.hi, '.2%')}",
        _false_alarms(ratio, test.limit),
    ]


def _answer(floor: NoiseFloor, limit: float) -> str:
    least = floor.detectable
    if least is None or least.center > NOISY:
        head, only = "Too noisy to gate here", "only "
    else:
        head, only = "Quiet enough to gate here", ""
    return (
        f'{head}: in {SECONDS:.0f} s, regression = "{100 * limit:g} %" finds {only}'
        f"{_slowdowns(floor)} (in {POWER:.0%} of decisions)"
    )


def _slowdowns(floor: NoiseFloor) -> str:
    least = floor.detectable
    if least is None:
        return "slowdowns of more than tenfold"
    return f"slowdowns above {least.center:.1%}{_within(least.lo, least.hi, '.1%')}"


def _false_alarms(ratio: Interval, limit: float) -> str:
    """Say how often an unchanged network fails: the error of the looks, unless the sides differ."""
    if ratio.hi is not None and ratio.hi <= 1 + limit:
        return f"an unchanged network FAILs in less than {ALPHA / 2:.1%} of decisions"
    if ratio.lo is not None and ratio.lo > 1 + limit:
        return "an unchanged network FAILs here: one side is slower by itself"
    return "whether an unchanged network FAILs is not known: the ratio is too uncertain"


def _within(lo: float | None, hi: float | None, form: str) -> str:
    return "" if lo is None or hi is None else f" ({lo:{form}} to {hi:{form}})"


def _until_the_end(run: Run, fraction: float, last: bool) -> list[int]:
    return [0, 1]
