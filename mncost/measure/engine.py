"""The engine: builds the models, then measures generation by generation until it is enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeAlias

from mncost.measure.clocks import Clock
from mncost.measure.crew import Crew, Launch
from mncost.measure.interference import Gained
from mncost.measure.lengths import BurstLengths
from mncost.measure.memory_peaks import measure_memory
from mncost.measure.model_files import Build, ModelFiles
from mncost.measure.quota import Quota, limits
from mncost.measure.records import Cell, Conditions, Process, Run, WorkerSpec
from mncost.measure.runtimes import runtime_class
from mncost.measure.schedule import (
    FEWEST_GENERATIONS,
    MIN_PROCESSES,
    PILOT_SHARE,
    PILOT_VISITS,
    Pace,
    Timetable,
    Visit,
    calls_at_reference,
    interleaved,
)
from mncost.measure.workers.worker import Ahead

__all__ = ["Errors", "Pilot", "Progress", "Tools", "Undecided", "measure"]

SAVE_EVERY = 5.0  # seconds
# Seconds after the end in which another process is started, so that there are three.
OVERTIME = 30.0
WIDE = 0.05  # half an interval / the median: a run takes more than its usual time for it
PROFILE_ROUNDS, PART_ROUNDS = 10, 3  # in each process: of a network, of a part of one


class Progress(NamedTuple):
    """How far a run is; times in seconds."""

    phase: str  # "wait", "build", "memory", "load", "pilot", "profile", "measure"
    done: int  # of what the phase counts: models, generations
    cells: int  # that are measured
    total: int
    rounds: int  # so far, in all generations together
    error: float | None  # the widest relative half-width among the cells' intervals
    now: float
    deadline: float
    host: str | None = None  # which machine, of several
    holder: str = ""  # who measures there, while this run waits


Errors: TypeAlias = Callable[[Run], Mapping[int, float]]
"""Returns half the width of each cell's interval / its median; no value for a cell without one."""

Pilot: TypeAlias = Callable[[Run, Pace, float], None]
"""Hears after the pilot how long a generation and a round take, and when the run began."""

Undecided: TypeAlias = Callable[[Run, float, bool], Collection[int]]
"""Looks at a run after each generation and returns the cells that still have to be measured.

It is told the share of the time that has passed, and whether this is the last look.
"""


class Tools(NamedTuple):
    """What the engine needs from outside; tests give it scripted ones."""

    launch: Launch
    build: Callable[[], Build]
    clock: Clock
    observe: Callable[[int], Callable[[], Conditions]]
    watch: Callable[[Progress], None]
    save: Callable[[Run], None]
    scratch: Path
    interference: Callable[[], Gained] = lambda: dict
    errors: Errors | None = None  # decides, with the target error, when it is enough
    undecided: Undecided | None = None  # decides instead
    pilot: Pilot | None = None  # is told what a pilot visit to each cell says
    quota: Quota | None = None  # of CPU time
    rest: Callable[[float], None] = lambda seconds: None
    first: Collection[int] | None = None  # cells of the first generation; None: all
    tails: Collection[int] = ()  # cells of which high percentiles are wanted
    host: str | None = None  # whose cells are measured; None: this machine
    generation: int | None = None  # the only one; its time begins when the models are built
    ahead: Callable[[Sequence[Ahead], float], None] | None = None  # is sent a round as a whole


def measure(run: Run, tools: Tools) -> None:
    """Measure the cells of a run, which takes everything in as it comes.

    A run that has processes already is continued. Ctrl-C ends it early: ``run.stopped`` says so.
    """
    session = _Session(run, tools)
    run.stopped = "running"
    try:
        session.files.build(session.cells)
        session.timetable.built(tools.clock.now())
        measure_memory(run, session.cells, session.files.folders, tools.launch, session.progress)
        if tools.generation is not None:
            session.timetable = session.new_timetable()
        session.generations()
    except KeyboardInterrupt:
        run.stopped = "interrupted"
    run.seconds = tools.clock.now()
    tools.save(run)


class _Session:
    """One call of :func:`measure`."""

    def __init__(self, run: Run, tools: Tools) -> None:
        self.run = run
        self.tools = tools
        self.clock = tools.clock
        self.lengths = BurstLengths(run, tools.tails, tools.quota)
        self.rounds = 0
        # Cells that are still measured; None: all of them.
        self.open: set[int] | None = None if tools.first is None else set(tools.first)
        self.error: float | None = None
        self.saved = self.clock.now()
        measured = [process.generation for process in self.processes]
        self.first = 1 + max(measured, default=(tools.generation or 0) - 1)
        self.timetable = self.new_timetable()
        self.files = ModelFiles(run, tools.build, tools.scratch, self.first, self.progress)

    def new_timetable(self) -> Timetable:
        """Return the timetable of a run that begins now."""
        options = self.run.options
        fewest = None if self.tools.undecided is None else FEWEST_GENERATIONS - self.first
        processes = options.processes - self.first
        return Timetable(self.clock.now(), options.max_time, processes, fewest)

    @property
    def processes(self) -> list[Process]:
        """The processes on this host."""
        return [one for one in self.run.processes if one.worker.host == self.tools.host]

    @property
    def cells(self) -> list[Cell]:
        """The cells that are timed on this host and have not been given up."""
        lost = {left.cell for left in self.run.left_out}
        lost |= {failure.cell for failure in self.run.failures}
        return [
            cell
            for cell in self.run.cells
            if cell.place.host == self.tools.host
            if cell.id not in lost and (self.open is None or cell.id in self.open)
        ]

    def owed(self, generation: int) -> bool:
        """Whether a generation has a round even if building and starting used up the time.

        The first one has; and in a run that plans its time by a pilot the first three, because
        fewer have no interval that means something, unless that takes too much longer.
        """
        if generation == self.first:
            return True
        late = self.clock.now() > self.timetable.deadline + OVERTIME
        planned = 0 if self.tools.pilot is None else MIN_PROCESSES
        return not late and generation < min(planned, self.run.options.processes)

    def generations(self) -> None:
        """Measure one generation after the other, until it is enough."""
        generation = self.first
        while True:
            enough = not self.owed(generation) and not (
                self.timetable.another_generation(self.clock.now())
            )
            if not self.cells:
                self.run.stopped = "no cells"
            elif self.decided(last=enough):
                self.run.stopped = "decided"
            elif self.reached(generation):
                self.run.stopped = "target"
            elif enough and not self.goes_on(generation):
                self.run.stopped = "max-time"
            else:
                self.generation(generation)
                generation += 1
                continue
            return

    def decided(self, *, last: bool) -> bool:
        """Ask the caller which cells it still needs, if it decides; say whether it needs none."""
        if self.tools.undecided is None or not self.processes:
            return False
        begun, deadline = self.timetable.begun, self.timetable.deadline
        passed = (self.clock.now() - begun) / (deadline - begun)
        self.open = set(self.tools.undecided(self.run, min(1.0, passed), last))
        return not self.cells  # what is lost decides nothing more

    def reached(self, generation: int) -> bool:
        """Whether each cell's interval is within the target.

        Once there are the processes that were asked for, only networks of which some cell is not
        are measured on, so that more time is where the variance is larger.
        """
        if not self.processes or self.tools.errors is None:
            return False
        errors = self.tools.errors(self.run)
        self.open = None
        self.error = max(errors.get(cell.id, float("inf")) for cell in self.cells)
        target = self.run.options.target_error
        if target is None or generation < self.run.options.processes:
            return False
        wide = [cell for cell in self.cells if errors.get(cell.id, float("inf")) > target]
        networks = {(cell.label, cell.subject.resolution) for cell in wide}
        if wide:
            self.open = {
                cell.id for cell in self.cells if (cell.label, cell.subject.resolution) in networks
            }
        return not wide

    def goes_on(self, generation: int) -> bool:
        """Whether an interval is still so wide that the run takes more than its usual time."""
        options, wide = self.run.options, self.error is not None and self.error > WIDE
        left = self.timetable.begun + options.max_time + options.more_time - self.timetable.deadline
        if not wide or left <= 0:
            return False
        self.timetable.extend(min(left, options.max_time / 2), generation - self.first)
        return self.timetable.another_generation(self.clock.now())

    def generation(self, generation: int) -> None:
        """Start every worker, visit every cell in rounds, end the workers."""
        is_piloted = self.tools.pilot is not None
        owed = (is_piloted or self.tools.generation is not None) and self.owed(generation)
        self.files.build(self.cells)  # of cells that were not measured before
        self.timetable.begin(self.clock.now(), generation - self.first)
        self.progress("load", generation, self.run.options.processes)
        finish = self.tools.observe(generation)
        crew = Crew(
            self.run,
            generation,
            self.cells,
            self.files.folders,
            self.tools.launch,
            self.clock,
            self.tools.interference,
        )
        with ExitStack() as stack:
            stack.callback(crew.close)
            crew.start()
            self.look_inside(crew)
            self.timetable.loaded(self.clock.now())
            if self.tools.pilot is not None and generation == 0:
                self.pilot(crew, self.tools.pilot)
            rounds = 0
            while crew.has_cells and (
                (owed and not rounds) or self.timetable.another_round(self.clock.now(), rounds)
            ):
                self.round(crew, rounds, whole=owed and not rounds)
                rounds += 1
                self.save_now_and_then()
        self.run.conditions.append(finish())
        self.save_now_and_then(after=0.0)

    def pilot(self, crew: Crew, tell: Pilot) -> None:
        """Visit every cell a few times, and plan the rest of the run by how long that takes."""
        begun = self.clock.now()
        ends = min(begun + PILOT_SHARE * self.run.options.max_time, self.timetable.deadline)
        for number in range(PILOT_VISITS):
            groups = self.groups(crew, number)
            order = [*interleaved(groups, self.run.options.seed, number, generation=0)]
            self.send_ahead(crew, [(*one, self.lengths.pilot(one[1])) for one in order], ends)
            for spec, cell in order:
                if self.clock.now() < ends:
                    self.progress("pilot", number, PILOT_VISITS)
                    self.wait_for_quota(spec)
                    crew.visit(spec, cell, number, self.lengths.pilot(cell), pilot=True)
        pace = Pace(begun - self.timetable.started, self.round_seconds(crew))
        self.lengths.shorten(self.timetable.plan(self.clock.now(), pace))
        tell(self.run, pace, self.timetable.begun)

    def round_seconds(self, crew: Crew) -> float:
        """Return how long a round will take, by the runs of the pilot."""
        pilot: dict[object, float] = {}
        for process in self.run.processes:
            for record in process.pilot:
                what = process.worker, record.cell
                pilot[what] = pilot.get(what, 0.0) + float(median(record.ns))
        ns, quota = 0.0, self.tools.quota
        for spec, cell in crew.visits:
            ns += 1e9 * quota.period if quota and limits(quota, spec.threads) else 0.0
            run = pilot.get((spec, cell and cell.id)) or self.lengths.typical(cell)
            ns += sum(self.lengths.visit(cell)) * run
        return ns / 1e9

    def round(self, crew: Crew, number: int, *, whole: bool = False) -> None:
        """Visit every cell once, in random order; ``whole``: even after the deadline."""
        seed = self.run.options.seed
        groups = self.groups(crew, number)
        order = [*interleaved(groups, seed, number, generation=crew.generation)]
        visits = [(*one, self.lengths.visit(one[1])) for one in order]
        self.send_ahead(crew, visits, self.timetable.deadline)
        for spec, cell in order:
            if self.clock.now() >= self.timetable.deadline and not whole:
                return
            self.progress("measure", crew.generation, self.run.options.processes)
            self.wait_for_quota(spec)
            crew.visit(spec, cell, number, self.lengths.visit(cell))
        self.rounds += 1

    def send_ahead(
        self, crew: Crew, visits: Sequence[tuple[WorkerSpec, Cell | None, Visit]], ends: float
    ) -> None:
        """Send a round to another host as a whole: no visit waits for the network."""
        if self.tools.ahead is not None:
            quota = self.tools.quota
            rests = [quota.period if quota and limits(quota, v[0].threads) else 0.0 for v in visits]
            self.tools.ahead(crew.ahead(visits, rests), max(0.0, ends - self.clock.now()))

    def wait_for_quota(self, spec: WorkerSpec) -> None:
        """Wait until a visit has a whole period's quota: a group that used it up is stopped."""
        quota = self.tools.quota
        if quota is not None and limits(quota, spec.threads):
            self.tools.rest(quota.period)

    def groups(self, crew: Crew, number: int) -> list[list[tuple[WorkerSpec, Cell | None]]]:
        """Return the visits of a round: the sides of an A/B right after one another."""
        paired = any(cell.baseline_of is not None for cell in self.cells)
        reference = calls_at_reference(number, paired=paired)
        groups: dict[object, list[tuple[WorkerSpec, Cell | None]]] = {}
        for spec, cell in crew.visits:
            if cell is None and not reference:
                continue
            key: object = (spec, cell and cell.id)
            if cell is not None:
                key = cell.id if cell.baseline_of is None else cell.baseline_of
            elif paired:
                key = "reference"
            groups.setdefault(key, []).append((spec, cell))
        return list(groups.values())

    def look_inside(self, crew: Crew) -> None:
        """Find out what rounds do not say: the ceilings, and what the time of a run is spent on."""
        if self.run.pairs:
            for spec, place in crew.places():
                product = self.files.product(place)
                if product is not None and self.clock.now() < self.timetable.deadline:
                    self.progress("profile", crew.generation, self.run.options.processes)
                    crew.heaviest(spec, place, product)
        by_layer = self.run.options.by_layer
        for spec, cell in crew.visits:
            if cell is None:
                continue
            wanted = by_layer or (cell.subject.part and runtime_class(cell.place.runtime).profiles)
            if wanted and self.clock.now() < self.timetable.deadline:
                self.progress("profile", crew.generation, self.run.options.processes)
                rounds = PART_ROUNDS if cell.subject.part else PROFILE_ROUNDS
                crew.profile(spec, cell, rounds=rounds)

    def progress(self, phase: str, done: int, total: int) -> None:
        """Tell the caller how far the run is."""
        now, deadline = self.clock.now(), self.timetable.deadline
        cells = len(self.cells)
        self.tools.watch(
            Progress(phase, done, cells, total, self.rounds, self.error, now, deadline)
        )

    def save_now_and_then(self, after: float = SAVE_EVERY) -> None:
        """Save what there is, unless that was done a moment ago."""
        now = self.clock.now()
        if now - self.saved >= after:
            self.saved = now
            self.run.seconds = now
            self.tools.save(self.run)
