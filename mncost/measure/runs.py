"""Runs: begun, resumed, and carried out with real processes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from msgspec import structs

from mncost.errors import MeasureError
from mncost.extras import install, require
from mncost.measure.cells import DEVICES, Planned, plan
from mncost.measure.clocks import VirtualClock, WallClock
from mncost.measure.engine import Progress, Tools, Undecided, measure
from mncost.measure.records import Cell, Options, Request, Run
from mncost.measure.run_file import read_run
from mncost.measure.runtimes import runtime_class
from mncost.measure.runtimes.reference import REFERENCE
from mncost.measure.scratch import scratch_directory
from mncost.measure.signals import interrupting

__all__ = [
    "ARCHITECTURES",
    "PROCESSES",
    "SECONDS",
    "SECONDS_TO_COMPARE",
    "TARGET_ERROR",
    "begin",
    "carry_out",
    "empty_run",
    "offer",
    "options_for",
    "resumed",
]

ARCHITECTURES = "v1,v2,v3-large"
TARGET_ERROR, PROCESSES = 0.02, 6
SECONDS, SECONDS_TO_COMPARE = 54.0, 150.0
_SECONDS_A_CELL = 3.0
_DEFAULT_RUNTIMES = ("onnxruntime", "torch")


def begin(
    request: Request,
    *,
    device: str = "cpu",
    target_error: float | None = None,
    max_time: float | None = None,
    processes: int | None = None,
    seed: int | None = None,
    least_time: float = SECONDS,
) -> Run:
    """Return an empty run for what is asked for.

    Unless there is a ``max_time``, it is ``least_time``, or 3 s a network if that is more.

    Raises:
        InputError: something cannot be used, or is not installed.
    """
    require("bench")
    if device not in DEVICES:
        raise MeasureError(f"device {device!r}: accepted: {', '.join(DEVICES)}")
    if not request.runtime:
        request = structs.replace(request, runtime=_installed(request))
    wanted = plan(request, offer)
    cells = wanted.planned.cells
    options = options_for(cells, target_error, max_time, processes, seed, least_time=least_time)
    run = empty_run(wanted.planned, options)
    run.request, run.left_out, run.pairs = request, wanted.left_out, wanted.pairs
    run.notes = wanted.notes
    return run


def options_for(
    cells: Sequence[Cell],
    target_error: float | None = None,
    max_time: float | None = None,
    processes: int | None = None,
    seed: int | None = None,
    *,
    least_time: float = SECONDS,
) -> Options:
    """Return how cells are measured, with the usual value in place of each ``None``.

    The usual ``max_time`` is ``least_time``, or 3 s a network if that is more.
    """
    return Options(
        target_error=TARGET_ERROR if target_error is None else target_error,
        max_time=_default_time(cells, least_time) if max_time is None else max_time,
        processes=PROCESSES if processes is None else processes,
        seed=seed or 0,
    )


def empty_run(planned: Planned, options: Options) -> Run:
    """Return a run of this machine, now, in which nothing has been measured yet.

    Raises:
        MeasureError: an option is out of range.
    """
    from mncost.measure.machine import commit, machine

    _check(options)
    return Run(
        mncost_version=version("mncost"),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        options=options,
        machine=machine(),
        git=commit(),
        reference=REFERENCE,
        cells=planned.cells,
        models=planned.models,
    )


def resumed(path: Path, *, target_error: float | None = None, max_time: float | None = None) -> Run:
    """Return a saved run, to be measured on.

    Raises:
        InputError: it cannot be read, or this machine or the runtimes are not the same.
    """
    from mncost.measure.machine import machine, machine_differences

    require("bench")
    run = read_run(path)
    if differences := machine_differences(run.machine, machine()):
        raise MeasureError(f"{path}: not resumed on another machine: {'; '.join(differences)}")
    for place in dict.fromkeys(cell.place for cell in run.cells):
        if place.provider not in offer(place.runtime, place.python):
            raise MeasureError(f"{path}: not resumed: {place.runtime} has no {place.provider} now")
    run.options = structs.replace(
        run.options,
        target_error=run.options.target_error if target_error is None else target_error,
        max_time=run.options.max_time if max_time is None else max_time,
    )
    _check(run.options)
    return run


def carry_out(
    run: Run,
    *,
    save: Callable[[Run], None],
    watch: Callable[[Progress], None] = lambda progress: None,
    undecided: Undecided | None = None,
    first: Collection[int] | None = None,
    tails: Collection[int] = (),
) -> None:
    """Measure the cells of a run, with real processes, until it is enough.

    With ``undecided`` that decides what is enough, else the target error of the run's options.
    Then ``first`` are the cells of the first generation, by default all; models are built when
    they are measured for the first time. Of the cells ``tails``, high percentiles are wanted: they
    have longer bursts.
    """
    from mncost.measure.conditions import observe
    from mncost.measure.workers.builder import Builder
    from mncost.measure.workers.process import start_worker

    virtual = all(runtime_class(cell.runtime).virtual for cell in run.cells)
    with scratch_directory() as scratch, interrupting():
        measure(
            run,
            Tools(
                launch=lambda spec, generation: start_worker(spec, seed=generation),
                build=lambda: Builder(scratch),
                clock=VirtualClock(run.seconds) if virtual else WallClock(run.seconds),
                observe=observe,
                watch=watch,
                save=save,
                scratch=scratch,
                undecided=undecided,
                first=first,
                tails=tails,
            ),
        )


def _default_time(cells: Sequence[Cell], least: float) -> float:
    return max(least, _SECONDS_A_CELL * sum(cell.part is None for cell in cells))


def _check(options: Options) -> None:
    if options.target_error is not None and not 0 < options.target_error < 1:
        raise MeasureError(f"target error {options.target_error:g}: accepted are 0 % to 100 %")
    if not 0 < options.max_time < 10**7:
        raise MeasureError(f"max time {options.max_time:g} s: accepted is more than 0 s")
    if not 1 <= options.processes <= 1000:
        raise MeasureError(f"processes {options.processes}: accepted are 1 to 1000")


def _installed(request: Request) -> list[str]:
    """Return the runtimes that are measured unless others are named."""
    usable = [
        name for name in _DEFAULT_RUNTIMES if runtime_class(name).profiles or not request.by_layer
    ]
    found = [name for name in usable if find_spec(name) is not None]
    if not found:
        raise MeasureError(f"no runtime is installed: {install('bench')}")
    return found


def offer(runtime: str, python: str | None) -> Sequence[str | None]:
    """Return the execution providers of a runtime in an interpreter.

    Raises:
        MeasureError: the interpreter cannot be used, or lacks a package.
    """
    from mncost.measure.workers.process import describe

    return describe(runtime, python)
