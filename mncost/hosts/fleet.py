"""Several machines measured at the same time: one engine each, one run, one file.

The engines are threads that take turns: one runs at a time, and lets the others go on while it
waits for a host, a worker or a model. So they share a run as if there were one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from mncost.hosts.connected import connected, disconnect
from mncost.hosts.connection import HostLost
from mncost.hosts.host import Host
from mncost.hosts.turns import Turn, launching, released, resting, turns
from mncost.measure.cell import HERE
from mncost.measure.clocks import Clock, VirtualClock, WallClock
from mncost.measure.engine import Progress, Tools, Undecided, measure
from mncost.measure.model_files import Build
from mncost.measure.records import Conditions, Run, Stop, WorkerSpec
from mncost.measure.runtimes import runtime_class
from mncost.measure.workers.prepare import Prepared, Recipe
from mncost.measure.workers.worker import Worker

__all__ = ["measure_hosts"]

LOCK_SECONDS, ASK_SECONDS = 600.0, 1.0  # that a run waits for another one; how often it asks
_STOPS: Sequence[Stop] = (
    "interrupted",
    "max-time",
    "target",
    "decided",
    "no cells",
)  # which one a run states


def measure_hosts(run: Run, tools: Tools) -> None:
    """Measure a run whose cells are on several machines, on all of them at the same time.

    A host that is lost costs its own cells: ``run.hosts`` says why, and a run that is resumed goes
    on there.

    Args:
        run: takes everything in.
        tools: for the cells of this machine.
    """
    names = list(dict.fromkeys(cell.place.host for cell in run.cells))
    turn, stops = Turn(), dict[str | None, Stop]()
    builder = _SharedBuilder(tools.build)
    failures: list[BaseException] = []

    def session(name: str | None) -> None:
        turns.turn = turn
        try:
            turn.take()
            stops[name] = _measure_at(name, run, tools, builder)
        except KeyboardInterrupt:
            stops[name] = "interrupted"
        except BaseException as error:
            failures.append(error)
        finally:
            turn.lock.release()

    threads = [threading.Thread(target=session, args=(name,), daemon=True) for name in names]
    try:
        for thread in threads:
            thread.start()
        _wait_for(threads, turn)
    finally:
        disconnect()
    for error in failures:
        raise error
    run.stopped = next((stop for stop in _STOPS if stop in stops.values()), "no cells")
    tools.save(run)


def _wait_for(threads: Sequence[threading.Thread], turn: Turn) -> None:
    """Wait for sessions; Ctrl-C ends each when its turn comes."""
    while any(thread.is_alive() for thread in threads):
        try:
            for thread in threads:
                thread.join(0.2)
        except KeyboardInterrupt:
            turn.stopped = True


def _measure_at(name: str | None, run: Run, tools: Tools, builder: _SharedBuilder) -> Stop:
    """Measure the cells of one machine; return why it ended."""
    scratch = tools.scratch / f"host-{name}"
    scratch.mkdir()
    alone = len({cell.place.host for cell in run.cells}) == 1
    ours = tools._replace(
        host=name,
        scratch=scratch,
        build=builder.share,
        pilot=tools.pilot if alone else None,
        undecided=tools.undecided if alone else _undecided_on(name, tools.undecided),
        watch=lambda progress: tools.watch(progress._replace(host=name)),
    )
    if name in (None, HERE):
        here = ours._replace(
            launch=launching(tools), rest=resting(tools.rest), observe=_observed(tools, name)
        )
        measure(run, here)
        return run.stopped
    assert name is not None
    try:
        run.hosts[name].lost = None
        host = connected(name)
        _take_lock(host, run, ours)
        measure(run, _tools_of(host, run, ours))
    except HostLost as error:
        run.hosts[name].lost = str(error)
        tools.save(run)
        return "no cells"
    finally:
        disconnect(name)  # others may measure there now
    return run.stopped


def _take_lock(host: Host, run: Run, tools: Tools) -> None:
    """Wait until nobody else measures on a host.

    Raises:
        HostLost: somebody does, for ten minutes; the message says who.
    """
    ends = time.monotonic() + LOCK_SECONDS
    while (holder := host.lock()) is not None:
        note = f"{host.name}: waited for {holder}"
        run.notes += [note] if note not in run.notes else []
        tools.watch(Progress("wait", 0, 0, 0, 0, None, 0.0, 0.0, host.name, holder))
        if time.monotonic() > ends:
            raise HostLost(f"{host.name}: {holder} measures there")
        with released():
            time.sleep(ASK_SECONDS)


def _tools_of(host: Host, run: Run, tools: Tools) -> Tools:
    """Return what the engine needs to measure on a host."""

    @lru_cache(maxsize=1)
    def quiet(generation: int) -> list[int]:
        return [] if virtual else host.quiet()

    def launch(spec: WorkerSpec, generation: int) -> Worker:
        return host.launch(spec, generation, quiet(generation))

    runtimes = {cell.place.runtime for cell in run.cells if cell.place.host == host.name}
    virtual = all(runtime_class(name).virtual for name in runtimes)
    clock: Clock = VirtualClock(run.seconds) if virtual else WallClock(run.seconds)
    return tools._replace(
        launch=launch,
        clock=clock,
        observe=host.observe,
        interference=lambda: lambda: host.gained,
        quota=None if virtual else host.look().quota,
        rest=lambda seconds: None,  # the agent waits
        ahead=host.ahead,
    )


def _undecided_on(name: str | None, undecided: Undecided | None) -> Undecided | None:
    """Return what decides about the cells of one machine: it is shown no others."""
    if undecided is None:
        return None

    def look(run: Run, passed: float, last: bool) -> Collection[int]:
        cells = [cell for cell in run.cells if cell.place.host == name]
        return undecided(replace(run, cells=cells), passed, last)

    return look


class _SharedBuilder:
    """One builder for all engines: a model is built once, and linked to where each wants it."""

    def __init__(self, start: Callable[[], Build]) -> None:
        self._start = start
        self._builder: Build | None = None
        self._users = 0
        self._building = threading.Lock()
        self._built: dict[str, tuple[Path, Prepared]] = {}

    def share(self) -> Build:
        """Return it for one more engine."""
        self._users += 1
        return self

    def prepare(self, recipe: Recipe, folder: Path) -> Prepared:
        """Write a model, or link to the one that was written for another engine."""
        key = repr(recipe)
        with released(), self._building:
            if key not in self._built:
                if self._builder is None:
                    self._builder = self._start()
                self._built[key] = folder, self._builder.prepare(recipe, folder)
            first, built = self._built[key]
            if folder != first:
                folder.symlink_to(first, target_is_directory=True)
        return built

    def close(self) -> None:
        """End the process when its last user does."""
        self._users -= 1
        if self._builder is not None and not self._users:
            self._builder.close()
            self._builder = None


def _observed(tools: Tools, name: str | None) -> Callable[[int], Callable[[], Conditions]]:
    """Return what watches this machine, and says that it did."""

    def observe(generation: int) -> Callable[[], Conditions]:
        finish = tools.observe(generation)
        return lambda: replace(finish(), host=name)

    return observe
