"""Runs: begun, resumed, and carried out with real processes."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import structs

from mncost.effort import Effort, check_clock
from mncost.errors import InputError, MeasureError, UnknownNameError
from mncost.extras import require
from mncost.flags import given
from mncost.measure.cells import Planned
from mncost.measure.clocks import VirtualClock, WallClock
from mncost.measure.engine import Errors, Pilot, Progress, Tools, Undecided, measure
from mncost.measure.plan import What, plan
from mncost.measure.private import with_home, without_home
from mncost.measure.records import Cell, HostRecord, Options, Run, WorkerSpec
from mncost.measure.run_file import read_run
from mncost.measure.runtimes import REAL, RUNTIMES, runtime_class
from mncost.measure.runtimes.reference import REFERENCE
from mncost.measure.scratch import scratch_directory
from mncost.measure.signals import interrupting
from mncost.measure.where import HERE, Where
from mncost.network import Network
from mncost.readers.model import TorchSource

if TYPE_CHECKING:
    from mncost.measure.workers.worker import Worker

__all__ = [
    "ARCHITECTURES",
    "PROCESSES",
    "SECONDS",
    "SECONDS_TO_COMPARE",
    "TARGET_ERROR",
    "begin",
    "carry_out",
    "disconnecting",
    "empty_run",
    "offer",
    "options_for",
    "resumed",
]

ARCHITECTURES = "v1,v2,v3-large"
TARGET_ERROR, PROCESSES = 0.02, 6
SECONDS, SECONDS_TO_COMPARE, MOST_SECONDS = 54.0, 150.0, 600.0
_SECONDS_A_CELL = 4.5


def begin(
    networks: Sequence[Network],
    where: Where,
    effort: Effort,
    what: What = What(),  # noqa: B008 - it is frozen
    *,
    least_time: float = SECONDS,
    asked: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Return an empty run of networks at every place.

    Args:
        networks: networks or twins.
        where: the places.
        effort: how long and how often. Without a ``max_time`` it is ``least_time``, or 4.5 s a
            cell (a network or twin at a place) if that is more, and at most ten minutes.
        what: what is measured of each network.
        least_time: seconds.
        asked: how the networks were asked for, in the words of the command line.

    Raises:
        InputError: an argument is not accepted, or a package is not installed.
    """
    where.require()
    if where.hosts is not None and where.host == (HERE,):
        raise InputError("--hosts needs --host: which of its machines are measured on")
    with disconnecting():
        if names := [name for name in where.host if name != HERE]:
            from mncost.hosts.fleet import connect

            connect(names, where.hosts)
        offers = partial(offer, hosts=where.hosts) if where.hosts else offer
        wanted = plan(networks, where, what, offers, copies=effort.copies or 1)
        options = options_for(wanted.planned.cells, effort, what, least_time=least_time)
        run = empty_run(wanted.planned, options)
    words = {**asked, **given(where)}
    run.asked = {name: _words(value) for name, value in words.items()}
    run.left_out, run.pairs, run.notes = wanted.left_out, wanted.pairs, wanted.notes
    return run


def options_for(
    cells: Sequence[Cell],
    effort: Effort,
    what: What = What(),  # noqa: B008 - it is frozen
    *,
    least_time: float = SECONDS,
) -> Options:
    """Return how cells are measured, with the usual value in place of each ``None``."""
    hosts = Counter(cell.place.host for cell in cells if cell.subject.part is None)
    whole = max(hosts.values(), default=0)  # on each machine at the same time
    usual_time = max(least_time, min(MOST_SECONDS, _SECONDS_A_CELL * whole))
    return Options(
        target_error=TARGET_ERROR if effort.target_error is None else effort.target_error,
        max_time=usual_time if effort.max_time is None else effort.max_time,
        processes=PROCESSES if effort.processes is None else effort.processes,
        seed=effort.seed or 0,
        clock=check_clock(effort.clock, [cell.place.threads for cell in cells]),
        by_layer=what.by_layer,
        memory=what.memory,
    )


def empty_run(planned: Planned, options: Options) -> Run:
    """Return a run of this machine, now, in which nothing has been measured yet."""
    from mncost.measure.git import commit
    from mncost.measure.machine import machine

    names = [cell.place.host for cell in planned.cells if not cell.place.is_here]
    hosts: dict[str, HostRecord] = {}
    if names:
        from mncost.hosts.fleet import look_at

        hosts = {name: look_at(name) for name in dict.fromkeys(names) if name is not None}
    return Run(
        hosts=hosts,
        mncost_version=version("mncost"),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        options=options,
        machine=machine(),
        git=commit(),
        reference=REFERENCE,
        cells=planned.cells,
        models=planned.models,
    )


def resumed(
    path: Path, effort: Effort, python: Sequence[str] = (), hosts: Path | None = None
) -> Run:
    """Return a saved run, to be measured on.

    Args:
        path: the run file.
        effort: its ``target_error``, ``max_time`` and ``clock`` replace those of the run.
        python: interpreters that may be started. A run file names those that it was measured in,
            and a file does not choose programs.
        hosts: the file with the hosts that it was measured on.

    Raises:
        InputError: it cannot be read, or this machine or the runtimes are not the same.
    """
    from mncost.measure.machine import machine, machine_differences

    require("bench")
    run = read_run(path)
    is_here = not run.hosts or any(cell.place.is_here for cell in run.cells)
    differences = machine_differences(run.machine, machine()) if is_here else []
    if differences:
        raise MeasureError(f"{path}: not resumed on another machine: {'; '.join(differences)}")
    if run.imports_python:
        names = [m.source.name for m in run.models.values() if isinstance(m.source, TorchSource)]
        raise MeasureError(
            f"{path}: not resumed: it ran {names[0]}, and a file does not choose what Python "
            "imports; accepted is a new run"
        )
    allowed = {with_home(name) for name in (*python, sys.executable)}
    for place in dict.fromkeys(cell.place for cell in run.cells):
        if place.python is not None and with_home(place.python) not in allowed:
            raise MeasureError(
                f"{path}: not resumed: it was measured in {place.python} too; "
                f"--python {place.python} allows to start that"
            )
        if place.runtime not in RUNTIMES:
            raise UnknownNameError("runtime", place.runtime, RUNTIMES, shown=REAL)
        if place.is_here and place.provider not in offer(place.runtime, place.python):
            raise MeasureError(f"{path}: not resumed: {place.runtime} has no {place.provider} now")
    _check_hosts(path, run, hosts)
    check_clock(effort.clock, [cell.place.threads for cell in run.cells])
    changes = {name: getattr(effort, name) for name in ("target_error", "max_time", "clock")}
    new = {name: value for name, value in changes.items() if value is not None}
    run.options = structs.replace(run.options, **new)
    return run


def carry_out(  # noqa: PLR0913 - what the engine is given
    run: Run,
    *,
    save: Callable[[Run], None] = lambda run: None,
    watch: Callable[[Progress], None] = lambda progress: None,
    errors: Errors | None = None,
    undecided: Undecided | None = None,
    first: Collection[int] | None = None,
    tails: Collection[int] = (),
    pilot: Pilot | None = None,
    host: str | None = None,
    generation: int | None = None,
) -> None:
    """Measure the cells of a run, with real processes, until it is enough.

    Args:
        run: takes everything in.
        save: is given the run as it goes.
        watch: is told the progress.
        errors: returns the relative error of each cell: measuring ends when all are within the
            target error of the run's options.
        undecided: decides in its place which cells still have to be measured.
        first: with ``undecided``, the cells of the first generation; by default all. Models are
            built when they are measured for the first time.
        tails: the cells of which high percentiles are wanted; they have longer bursts.
        pilot: hears what a pilot says; without it there is none.
        host: the name that cells of this machine have in the run.
        generation: the number of the only one that is measured, if others are in another run.
    """
    # Now, and not when the run is looked at: an import that is interrupted leaves a library in
    # pieces, and what there is by then is to be shown.
    import scipy.special  # noqa: F401

    from mncost.measure.conditions import observe
    from mncost.measure.interference import interference, not_counted
    from mncost.measure.quota import quota
    from mncost.measure.workers.builder import Builder
    from mncost.measure.workers.pinning import quiet_first
    from mncost.measure.workers.process import start_worker

    @lru_cache(maxsize=1)
    def quiet(generation: int) -> Sequence[int]:
        """Return the quieter CPUs first; all workers of a generation take the same ones."""
        return () if virtual else quiet_first()

    def launch(spec: WorkerSpec, generation: int) -> Worker:
        python = None if spec.python is None else with_home(spec.python)
        there = structs.replace(spec, python=python)
        return start_worker(there, seed=generation, quiet=quiet(generation))

    virtual = all(runtime_class(cell.place.runtime).virtual for cell in run.cells)
    if not virtual and (missing := not_counted()):
        note = f"this system does not count {', '.join(missing)}; this run leaves it out"
        run.notes += [note] * (note not in run.notes)
    with scratch_directory() as scratch, interrupting():
        tools = Tools(
            launch=launch,
            build=lambda: Builder(scratch),
            clock=VirtualClock(run.seconds) if virtual else WallClock(run.seconds),
            observe=observe,
            interference=interference(),
            watch=watch,
            save=save,
            scratch=scratch,
            errors=errors,
            undecided=undecided,
            first=first,
            tails=tails,
            pilot=pilot,
            quota=None if virtual else quota(),
            rest=time.sleep,
            host=host,
            generation=generation,
        )
        if run.hosts and host is None:
            from mncost.hosts.fleet import measure_hosts

            measure_hosts(run, tools)
        else:
            measure(run, tools)


def offer(
    runtime: str, python: str | None, *, host: str | None = None, hosts: Path | None = None
) -> Sequence[str | None]:
    """Return the execution providers of a runtime in an interpreter, or on a host.

    Args:
        runtime: its name.
        python: path of the interpreter; ``None`` is this one.
        host: another machine; ``None`` is this one.
        hosts: the file that says where it is.

    Raises:
        MeasureError: the interpreter cannot be used, or lacks a package.
    """
    if host is not None:
        from mncost.hosts.fleet import connected

        return connected(host, hosts).offer(runtime)
    from mncost.measure.workers.process import describe

    return describe(runtime, None if python is None else with_home(python))


@contextmanager
def disconnecting() -> Iterator[None]:
    """End the connections to hosts if a run cannot be planned."""
    try:
        yield
    except BaseException:
        if "mncost.hosts.fleet" in sys.modules:
            sys.modules["mncost.hosts.fleet"].disconnect()
        raise


def _check_hosts(path: Path, run: Run, hosts: Path | None) -> None:
    """Connect to the hosts of a run that is resumed.

    Raises:
        MeasureError: one is another machine now, or its runtimes are not the same.
    """
    if not run.hosts:
        return
    from mncost.hosts.fleet import look_at
    from mncost.measure.machine import machine_differences

    with disconnecting():
        for name, record in run.hosts.items():
            if differences := machine_differences(record.machine, look_at(name, hosts).machine):
                raise MeasureError(
                    f"{path}: not resumed: {name} is another machine: {'; '.join(differences)}"
                )
        for place in dict.fromkeys(cell.place for cell in run.cells if not cell.place.is_here):
            if place.provider not in offer(place.runtime, None, host=place.host):
                raise MeasureError(f"{path}: not resumed: {place.host} has no {place.provider} now")


def _words(value: Any) -> str:
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return without_home(",".join(map(str, value)) if several else str(value))
