"""What this machine's noise lets a check of a regression find, and how often it would be wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mncost.budget.exact import network_of
from mncost.budget.judge import generation_ratios
from mncost.budget.noise import POWER, NoiseFloor, noise_floor
from mncost.budget.records import Model
from mncost.budget.run import GENERATIONS, SECONDS
from mncost.errors import MeasureError
from mncost.extras import require
from mncost.measure.cells import Subject, Variant, cell_of
from mncost.measure.engine import Progress
from mncost.measure.places import places
from mncost.measure.records import Options, Request, Run
from mncost.measure.runs import carry_out, empty_run, offer

__all__ = ["SelfTest", "self_test", "sentences"]

TIME = 60.0  # seconds
LIMIT = 0.03


class SelfTest(NamedTuple):
    """What was found, for decisions of 20 s and of as many seconds as the test took."""

    run: Run
    limit: float
    floors: dict[float, NoiseFloor]  # by the seconds of a decision


def self_test(
    max_time: float | None = None,
    *,
    runtime: str = "onnxruntime",
    watch: Callable[[Progress], None] = lambda progress: None,
) -> SelfTest:
    """Measure V2 against itself, each side in processes of its own, for 60 s or ``max_time``.

    Raises:
        MeasureError: there was too little time for three generations, or the runtime is missing.
    """
    require("bench")
    time = TIME if max_time is None else max_time
    network = network_of(Model(arch="v2"), "fp32")
    place = next(places(Request(arch="v2", runtime=[runtime]), offer))
    variant = Variant(network.graph, network.resolution)
    cells = [
        cell_of(0, network, variant, 1, place),
        cell_of(1, network, variant, 1, place, baseline_of=0),
    ]
    options = Options(
        target_error=0.99,
        max_time=time,
        processes=max(2, round(GENERATIONS * time / SECONDS)),
        seed=0,
    )
    run = empty_run(cells, options)
    subjects = [Subject(cell, network.graph) for cell in cells]
    carry_out(run, subjects, save=lambda run: None, watch=watch, undecided=_until_the_end)
    if run.stopped == "interrupted":
        raise KeyboardInterrupt
    if run.failures:
        raise MeasureError(f"self-test: {run.failures[0].reason}")
    ratios = generation_ratios(run, 0, 1)
    decisions = {SECONDS: GENERATIONS, time: len(ratios)}
    return SelfTest(
        run,
        LIMIT,
        {span: noise_floor(ratios, n, LIMIT) for span, n in sorted(decisions.items()) if n > 2},
    )


def sentences(found: SelfTest) -> list[str]:
    """Return what was found, in words."""
    return [_sentence(span, floor, found.limit) for span, floor in found.floors.items()]


def _sentence(span: float, floor: NoiseFloor, limit: float) -> str:
    alarms = floor.false_alarms
    least = "none below tenfold"
    if (found := floor.detectable) is not None:
        least = f"slowdowns from {found.center:.1%}{_within(found.lo, found.hi)}"
    return (
        f'decisions of {span:.0f} s, regression = "{100 * limit:g} %": an unchanged network FAILs '
        f"in {alarms.center:.1%}{_within(alarms.lo, alarms.hi)} of them; found with {POWER:.0%} "
        f"power: {least}"
    )


def _within(lo: float | None, hi: float | None) -> str:
    return "" if lo is None or hi is None else f" ({lo:.1%} to {hi:.1%})"


def _until_the_end(run: Run, fraction: float, last: bool) -> list[int]:
    return [0, 1]
