"""A run that is carried out, with real processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import structs

from mncost.measure.clocks import VirtualClock, WallClock
from mncost.measure.engine import Errors, Pilot, Progress, Tools, Undecided, measure
from mncost.measure.private import with_home
from mncost.measure.records import Run, WorkerSpec
from mncost.measure.runtimes import runtime_class
from mncost.measure.scratch import scratch_directory
from mncost.measure.signals import interrupting

if TYPE_CHECKING:
    from mncost.measure.workers.worker import Worker

__all__ = ["carry_out"]


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
        watch: called with the progress.
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
        if host is None and any(cell.place.host is not None for cell in run.cells):
            from mncost.hosts.fleet import measure_hosts

            measure_hosts(run, tools)
        else:
            measure(run, tools)
