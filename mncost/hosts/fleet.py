"""Several machines measured at the same time: one engine each, one run, one file.

The engines are threads that take turns: one runs at a time, and lets the others go on while it
waits for a host, a worker or a model. So they share a run as if there were one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from mncost.errors import NotThereError
from mncost.hosts.check import AT_ONCE
from mncost.hosts.connection import HostLost
from mncost.hosts.file import HostEntry, chosen
from mncost.hosts.host import Host
from mncost.measure.cell import HERE
from mncost.measure.clocks import Clock, VirtualClock, WallClock
from mncost.measure.engine import Progress, Tools, Undecided, measure
from mncost.measure.model_files import Build
from mncost.measure.records import Conditions, HostRecord, Run, Stop, WorkerSpec
from mncost.measure.runtimes import runtime_class
from mncost.measure.workers.messages import Message
from mncost.measure.workers.prepare import Prepared, Recipe
from mncost.measure.workers.worker import Transport, Worker

__all__ = ["connect", "connected", "disconnect", "look_at", "measure_hosts"]

LOCK_SECONDS, ASK_SECONDS = 600.0, 1.0  # that a run waits for another one; how often it asks
_STOPS: Sequence[Stop] = (
    "interrupted",
    "max-time",
    "target",
    "decided",
    "no cells",
)  # which one a run states

_connected: dict[str, Host] = {}
"""The hosts that are connected, from planning a run to its end."""


_entries: dict[str, HostEntry] = {}
"""What the hosts file said of each: the next run of this process finds it there."""


class _Turn:
    """Whose turn it is: held by the engine that runs, released while it waits."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stopped = False

    def take(self) -> None:
        """Wait for the turn.

        Raises:
            KeyboardInterrupt: the run was interrupted meanwhile.
        """
        self.lock.acquire()
        if self.stopped and not getattr(_turns, "told", False):
            _turns.told = True  # once: what it does then is to end its workers
            raise KeyboardInterrupt

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let others go on; without a turn there is nothing to release."""
        self.lock.release()
        try:
            yield
        finally:
            self.take()


_turns = threading.local()


@contextmanager
def _released() -> Iterator[None]:
    """Release the turn of this thread, if it has one."""
    turn: _Turn | None = getattr(_turns, "turn", None)
    with turn.released() if turn is not None else nullcontext():
        yield


def connected(name: str, hosts: Path | None = None) -> Host:
    """Return a connected host.

    Args:
        name: in the hosts file.
        hosts: that file; ``None``: the usual one.

    Raises:
        InputError: the file is wrong, or has no such host.
        HostLost: it cannot be reached.
    """
    if name not in _connected:
        if hosts is not None or name not in _entries:
            (_entries[name],) = chosen([name], hosts)
        _connected[name] = Host(_entries[name], _released)
    return _connected[name]


def connect(names: Sequence[str], runtimes: Sequence[str], hosts: Path | None = None) -> None:
    """Connect to hosts and ask what they have, at most 16 at once.

    Args:
        names: in the hosts file.
        runtimes: whose execution providers will be asked for.
        hosts: that file; ``None``: the usual one.

    Raises:
        InputError: the file is wrong, or has no such host.
        HostLost: one cannot be reached; or several, and the message says why of each.
    """
    lost: list[str] = []

    def ask(name: str) -> None:
        try:
            host = connected(name, hosts)
            host.look()
            for runtime in runtimes:
                with suppress(NotThereError):
                    host.offer(runtime)
        except HostLost as error:
            lost.append(str(error))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, names))
    if lost:
        raise HostLost("; ".join(sorted(lost)))


def disconnect() -> None:
    """End every connection."""
    while _connected:
        _connected.popitem()[1].close()


def look_at(name: str, hosts: Path | None = None) -> HostRecord:
    """Return what a run keeps of a host.

    Raises:
        InputError: as :func:`connected`.
    """
    host = connected(name, hosts)
    seen = host.look()
    versions = {
        runtime: str(what["version"])
        for runtime, what in seen.runtimes.items()
        if "version" in what
    }
    label = host.entry.label
    return HostRecord(machine=seen.machine, python=seen.python, label=label, versions=versions)


def measure_hosts(run: Run, tools: Tools) -> None:
    """Measure a run whose cells are on several machines, on all of them at the same time.

    A host that is lost costs its own cells: ``run.hosts`` says why, and a run that is resumed goes
    on there.

    Args:
        run: takes everything in.
        tools: for the cells of this machine.
    """
    names = list(dict.fromkeys(cell.place.host for cell in run.cells))
    turn, stops = _Turn(), dict[str | None, Stop]()
    builder = _SharedBuilder(tools.build)
    failures: list[BaseException] = []

    def session(name: str | None) -> None:
        _turns.turn = turn
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


def _wait_for(threads: Sequence[threading.Thread], turn: _Turn) -> None:
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
            launch=_launch_here(tools), rest=_resting(tools.rest), observe=_observed(tools, name)
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
        with _released():
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


def _launch_here(tools: Tools) -> Callable[[WorkerSpec, int], Worker]:
    def launch(spec: WorkerSpec, generation: int) -> Worker:
        with _released():
            worker = tools.launch(spec, generation)
        return worker.through(_Released)

    return launch


def _observed(tools: Tools, name: str | None) -> Callable[[int], Callable[[], Conditions]]:
    """Return what watches this machine, and says that it did."""

    def observe(generation: int) -> Callable[[], Conditions]:
        finish = tools.observe(generation)
        return lambda: replace(finish(), host=name)

    return observe


def _resting(rest: Callable[[float], None]) -> Callable[[float], None]:
    def resting(seconds: float) -> None:
        with _released():
            rest(seconds)

    return resting


class _Released:
    """A transport that lets other engines go on while it waits."""

    def __init__(self, transport: Transport) -> None:
        self.first = transport.first
        self._transport = transport

    def ask(self, message: Message, seconds: float) -> Message:
        with _released():
            return self._transport.ask(message, seconds)

    def close(self) -> None:
        self._transport.close()


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
        with _released(), self._building:
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
