"""Latency on the machines of a cluster: a task is one generation of one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from mncost.cluster.fleet import RESOURCE, Fleet, Member
from mncost.cluster.generation import Answer, Request, decode, encode
from mncost.cluster.tasks import generation
from mncost.effort import Effort
from mncost.errors import InputError, one_line
from mncost.flags import given
from mncost.measure.cells import Planned
from mncost.measure.engine import OVERTIME, Progress
from mncost.measure.machine import machine_differences
from mncost.measure.plan import What, plan
from mncost.measure.records import Process, Run
from mncost.measure.schedule import MIN_PROCESSES
from mncost.measure.where import Where
from mncost.network import Network
from mncost.results.results import Results
from mncost.runs.begin import empty_run, in_words, options_for

if TYPE_CHECKING:
    from distributed import Future

__all__ = ["begin", "measure"]

_LOOK_SECONDS = 1.0
_GONE_SECONDS = 60.0  # that a machine may have no worker
_LEAST_SHARE = 0.1  # seconds of rounds; every generation has one whole round


def begin(
    fleet: Fleet,
    networks: Sequence[Network],
    where: Where,
    effort: Effort,
    what: What,
    asked: Mapping[str, str],
) -> Run:
    """Return an empty run of networks on every machine of a cluster.

    Raises:
        InputError: an argument is not accepted, or there is nothing to measure.
    """
    if given(where).keys() & {"host", "hosts", "python", "input_data"}:
        raise InputError(
            "--host, --hosts, --python and --input-data do not go with --cluster: they are for "
            "machines without one"
        )
    for network in networks:
        if network.source is not None or network.trained is not None:
            raise InputError(
                f"{network.arch}: files of models and weights are not sent to a cluster; accepted "
                "are architectures; --host sends files"
            )
    there = replace(where, host=tuple(fleet.members))
    wanted = plan(networks, there, what, fleet.offer, copies=effort.copies or 1)
    run = empty_run(Planned(), options_for(wanted.planned.cells, effort, what))
    run.cells, run.models = wanted.planned.cells, wanted.planned.models
    run.hosts = {name: member.record for name, member in fleet.members.items()}
    run.asked = in_words({**asked, **given(where)})
    run.left_out, run.notes = wanted.left_out, wanted.notes
    return run


def measure(
    fleet: Fleet,
    run: Run,
    *,
    save: Callable[[Run], None] = lambda run: None,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Results:
    """Measure the cells of a run, each machine by itself and all at the same time.

    A machine measures one generation at a time. The generation of a lost worker is measured again,
    by another worker of that machine or when it is back; only whole generations count.
    """
    results = Results(run)
    session = _Session(fleet, run, results, save, watch)
    try:
        session.measure()
    except KeyboardInterrupt:
        run.stopped = "interrupted"
    finally:
        session.cancel()
    save(run)
    return results.update()


class _Site:
    """What is left to do on one machine."""

    def __init__(self, member: Member) -> None:
        self.member, self.name = member, member.name
        self.generation = 0
        self.spent = 0.0  # seconds of generations that count
        self.measured = 0.0  # of these, without building models
        self.took = 0.0  # with starting Python, and without waiting for other users
        self.done = False
        self.future: Future | None = None
        self.workers: list[str] = []  # that may run it
        self.gone: float | None = None  # since when there is none

    @property
    def overhead(self) -> float:
        """Seconds of a generation before it measures."""
        return max(0.0, self.took - self.measured) / max(1, self.generation)


class _Session:
    """One call of :func:`measure`."""

    def __init__(
        self,
        fleet: Fleet,
        run: Run,
        results: Results,
        save: Callable[[Run], None],
        watch: Callable[[Progress], None],
    ) -> None:
        self.fleet, self.run, self.results = fleet, run, results
        self.save, self.watch = save, watch
        self.sites = [_Site(member) for member in fleet.members.values()]
        self.begun = time.monotonic()

    def measure(self) -> None:
        """Measure until every machine is done."""
        from distributed import TimeoutError as Late
        from distributed import wait

        while not all(site.done for site in self.sites):
            self.fleet.look()
            for site in self.sites:
                self.attend(site)
            running = {site.future: site for site in self.sites if site.future is not None}
            if not running:
                time.sleep(0 if all(site.done for site in self.sites) else _LOOK_SECONDS)
                continue
            try:
                done, _ = wait([*running], timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED")
            except Late:
                done = set()
            for future in done:
                self.take(running[future], future)
                self.save(self.run)
            self.progress()
        reached = all(error <= (self.run.options.target_error or 0) for error in self.errors())
        lost = all(record.lost for record in self.run.hosts.values())
        self.run.stopped = "no cells" if lost else "target" if reached else "max-time"

    def attend(self, site: _Site) -> None:
        """Start a machine's next generation; start it again where its workers are gone."""
        if site.done:
            return
        workers = self.fleet.workers(site.name)
        if workers:
            site.gone = None
        else:
            site.gone = site.gone or time.monotonic()
            if time.monotonic() - site.gone > _GONE_SECONDS:
                self.lose(site, "its worker is gone")
            return
        if site.future is not None and set(workers) & set(site.workers):
            return
        if site.future is not None:  # all workers that might run it are gone
            site.future.cancel()
            site.future = None
        if any(other.future and other.member.key == site.member.key for other in self.sites):
            return  # another fingerprint of the same machine is measured
        if self.is_enough(site):
            site.done = True
            return
        site.workers = workers
        site.future = self.fleet.client.submit(
            generation,
            self.request(site),
            key=f"{site.name}, generation {site.generation}, {time.time_ns()}",
            workers=workers,
            allow_other_workers=False,
            resources={RESOURCE: 1},
            pure=False,
        )

    def request(self, site: _Site) -> bytes:
        """Return what is asked for: a run of one generation, with its share of the time."""
        options = self.run.options
        one = structs.replace(
            options,
            max_time=self.share(site),
            more_time=0.0,
            processes=site.generation + 1,
            memory=options.memory and not site.generation,
        )
        fresh = structs.replace(
            self.run,
            options=one,
            hosts={},
            files=[],
            processes=[],
            conditions=[],
            profiles=[],
            ceilings=[],
            memory=[],
            notes=[],
            failures=list(self.run.failures),
            seconds=0.0,
        )
        return encode(Request(fresh, site.name, site.generation))

    def share(self, site: _Site) -> float:
        """Return how long a machine's next generation measures once its models are built.

        Python is started and models are built in each generation. So there are only so many that
        each measures for at least as long as that takes, but three.
        """
        options, left = self.run.options, self.run.options.max_time - site.took
        generations = options.processes - site.generation
        if site.overhead > 0:
            worth = max(int(left / (2 * site.overhead)), MIN_PROCESSES - site.generation)
            generations = min(generations, worth)
        return max(_LEAST_SHARE, left / max(1, generations) - site.overhead)

    def is_enough(self, site: _Site) -> bool:
        """Whether a machine has measured what was asked for, or has no time left.

        There is one generation whatever it takes, and three as far as these end half a minute after
        the time, because fewer have no interval.
        """
        options = self.run.options
        cells = [one.id for one in self.run.cells if one.place.host == site.name]
        if not set(cells) - self.lost:
            return True
        if site.generation == 0:
            return False
        if site.generation < min(MIN_PROCESSES, options.processes):
            return site.took > options.max_time + OVERTIME
        if site.took + 1.2 * site.overhead > options.max_time:
            return True
        errors = self.errors(site)
        return (
            site.generation >= options.processes
            and options.target_error is not None
            and max(errors) <= options.target_error
        )

    @property
    def lost(self) -> set[int]:
        """The cells that were given up."""
        return {one.cell for one in self.run.left_out} | {one.cell for one in self.run.failures}

    def errors(self, site: _Site | None = None) -> list[float]:
        """Return the relative errors of the cells that were not given up; inf: no interval yet."""
        lost = self.lost
        known = self.results.update().relative_errors() if self.run.processes else {}
        return [
            known.get(cell.id, float("inf"))
            for cell in self.run.cells
            if cell.id not in lost and (site is None or cell.place.host == site.name)
        ] or [0.0]

    def take(self, site: _Site, future: Future) -> None:
        """Take a generation into the run, if it is whole and of the same machine."""
        site.future = None
        if future.status not in ("finished", "error"):  # cancelled, or lost with its worker
            return
        try:
            said, seconds = future.result()
            answer = decode(said, Answer)
        except Exception as error:  # whatever a worker raised
            self.lose(site, one_line(str(error))[:300])
            return
        differences = machine_differences(site.member.record.machine, answer.machine)
        if answer.run is None or differences:
            reason = answer.unable or f"it is another machine now: {'; '.join(differences)}"
            self.lose(site, one_line(reason)[:300])
            return
        part, run = answer.run, self.run
        site.took += max(0.0, seconds - answer.waited)
        site.measured += part.seconds - min((one.started for one in part.processes), default=0.0)
        run.processes += [_later(process, site.spent) for process in part.processes]
        run.conditions += part.conditions
        run.files += part.files
        run.profiles += part.profiles
        run.memory += part.memory
        run.failures += [one for one in part.failures if one not in run.failures]
        notes = [*part.notes, f"waited for {answer.holder}"] if answer.holder else part.notes
        named = [f"{site.name}: {note}" for note in notes]
        run.notes += [note for note in named if note not in run.notes]
        site.generation += 1
        site.spent += part.seconds
        run.seconds = max(one.spent for one in self.sites)

    def lose(self, site: _Site, reason: str) -> None:
        """Give a machine up; what it measured stays."""
        site.done = True
        self.run.hosts[site.name].lost = reason
        if site.future is not None:
            site.future.cancel()
            site.future = None

    def progress(self) -> None:
        """Tell how far the slowest machine is."""
        site = min(self.sites, key=lambda one: one.generation)
        now = time.monotonic() - self.begun
        options, error = self.run.options, max(self.errors())
        self.watch(
            Progress(
                "measure",
                site.generation,
                len(self.run.cells),
                options.processes,
                0,
                None if error == float("inf") else error,
                now,
                options.max_time,
                site.name,
            )
        )

    def cancel(self) -> None:
        """Cancel what still runs: its workers end it."""
        futures = [site.future for site in self.sites if site.future is not None]
        if futures:
            self.fleet.client.cancel(futures)


def _later(process: Process, seconds: float) -> Process:
    """Return a process with times from the beginning of the whole run."""
    for name in ("started", "loaded", "ended"):
        if (at := getattr(process, name)) is not None:
            setattr(process, name, at + seconds)
    for record in (*process.first_runs, *process.pilot, *process.bursts):
        record.at[:] = type(record.at)([at + seconds for at in record.at])
    return process
