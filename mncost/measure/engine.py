"""The engine: builds the models, then measures generation by generation until it is enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

from msgspec.structs import replace

from mncost.graph.graph import Graph, Shapes
from mncost.measure.ceilings import PRODUCT
from mncost.measure.clocks import Clock
from mncost.measure.crew import Crew, Launch
from mncost.measure.interference import Gained
from mncost.measure.memory_peaks import measure_memory
from mncost.measure.private import without_home
from mncost.measure.records import Cell, Conditions, Failure, ModelFile, Place, Run
from mncost.measure.runtimes import runtime_class
from mncost.measure.schedule import (
    Purpose,
    Timetable,
    Visit,
    by_turns,
    calls_at_reference,
    visit,
)
from mncost.measure.workers.prepare import Prepared
from mncost.measure.workers.worker import WorkerDied, WorkerRefused, WorkerSpec

__all__ = ["Build", "Errors", "Progress", "Tools", "Undecided", "measure"]

SAVE_EVERY = 5.0  # seconds
REFERENCE = Visit(warmups=1, runs=1)
PROFILE_ROUNDS, PART_ROUNDS = 10, 3  # in each process: of a network, of a part of one


class Progress(NamedTuple):
    """How far a run is; times in seconds."""

    phase: str  # "build", "memory", "load", "profile", "measure"
    done: int  # of what the phase counts: models, generations
    cells: int  # that are measured
    total: int
    rounds: int  # so far, in all generations together
    error: float | None  # the widest relative half-width among the cells' intervals
    now: float
    deadline: float


class Build(Protocol):
    """Builds model files, in a process of its own."""

    def prepare(
        self, graph: Graph, inputs: Shapes, *, format: str, precision: str, seed: int, folder: Path
    ) -> Prepared:
        """Write a model; may raise WorkerRefused or WorkerDied."""

    def close(self) -> None:
        """End it."""


Errors: TypeAlias = Callable[[Run], Mapping[int, float]]
"""Returns half the width of each cell's interval / its median; no value for a cell without one."""

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
    first: Collection[int] | None = None  # cells of the first generation; None: all
    tails: Collection[int] = ()  # cells of which high percentiles are wanted


def measure(run: Run, tools: Tools) -> None:
    """Measure the cells of a run, which takes everything in as it comes.

    A run that has processes already is continued. Ctrl-C ends it early: ``run.stopped`` says so.
    """
    session = _Session(run, tools)
    run.stopped = "running"
    try:
        session.build()
        measure_memory(run, session.cells, session.files, tools.launch, session.progress)
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
        self.files: dict[int, Path] = {}
        self.numbers = count()  # of the files
        self.products: dict[tuple[str, str], Path] = {}  # by format and precision
        self.visits: dict[int, Visit] = {}
        self.purposes = _purposes(run.cells, tools.tails)
        self.rounds = 0
        # Cells that are undecided; None: nobody has looked yet.
        self.open: set[int] | None = None if tools.first is None else set(tools.first)
        self.error: float | None = None
        self.saved = self.clock.now()
        self.first = 1 + max((process.generation for process in run.processes), default=-1)
        self.timetable = Timetable(
            self.clock.now(), run.options.max_time, run.options.processes - self.first
        )

    @property
    def cells(self) -> list[Cell]:
        """Those that are timed and have not been given up."""
        lost = {left.cell for left in self.run.left_out}
        lost |= {failure.cell for failure in self.run.failures}
        return [
            cell
            for cell in self.run.cells
            if cell.id not in lost and (self.open is None or cell.id in self.open)
        ]

    def build(self) -> None:
        """Build the model files that are wanted now; those that several cells share, once."""
        wanted: dict[tuple[str, str, str], list[Cell]] = {}
        for cell in self.cells:
            if cell.id not in self.files:
                wanted.setdefault((cell.digest, *_file_kind(cell)), []).append(cell)
        if not wanted:
            return
        builder = self.tools.build()
        try:
            for index, ((_, file_format, precision), cells) in enumerate(wanted.items()):
                self.progress("build", index, len(wanted))
                file = self.tools.scratch / f"{next(self.numbers)}.{file_format}"
                self.build_one(builder, cells, precision, file_format, file)
            if self.run.pairs and not self.products:
                self.build_products(builder)
        finally:
            builder.close()

    def build_one(
        self, builder: Build, cells: Sequence[Cell], precision: str, form: str, file: Path
    ) -> None:
        """Build one model file, or give up the cells that need it."""
        model = self.run.models[cells[0].digest]
        try:
            prepared = builder.prepare(
                model.graph,
                model.inputs,
                format=form,
                precision=precision,
                seed=self.run.options.seed,
                folder=file,
            )
        except (WorkerRefused, WorkerDied) as error:
            lost = {failure.cell for failure in self.run.failures}
            self.run.failures += [
                Failure(cell=cell.id, generation=self.first, reason=without_home(str(error)))
                for cell in cells
                if cell.id not in lost
            ]
            return
        self.files |= {cell.id: file for cell in cells}
        if not self.first:
            self.run.files.append(
                ModelFile(
                    cells=[cell.id for cell in cells],
                    bytes=prepared.bytes,
                    seconds=prepared.seconds,
                    agreement=prepared.agreement,
                )
            )

    def build_products(self, builder: Build) -> None:
        """Build the matrix products whose speed is the ceiling of what is measured."""
        for form, precision in dict.fromkeys(map(_file_kind, self.cells)):
            file = self.tools.scratch / f"product.{precision}.{form}"
            try:
                builder.prepare(
                    PRODUCT,
                    PRODUCT.images(1),
                    format=form,
                    precision=precision,
                    seed=self.run.options.seed,
                    folder=file,
                )
            except (WorkerRefused, WorkerDied) as error:
                self.run.notes.append(
                    f"no ceilings of {form} models in {precision}: {without_home(str(error))}"
                )
            else:
                self.products[form, precision] = file

    def generations(self) -> None:
        """Measure one generation after the other, until it is enough."""
        generation = self.first
        while True:
            enough = generation > self.first and not self.timetable.another_generation(
                self.clock.now()
            )
            if not self.cells:
                self.run.stopped = "no cells"
            elif self.decided(last=enough):
                self.run.stopped = "decided"
            elif self.reached() and generation >= self.run.options.processes:
                self.run.stopped = "target"
            elif enough:
                self.run.stopped = "max-time"
            else:
                self.generation(generation)
                generation += 1
                continue
            return

    def decided(self, *, last: bool) -> bool:
        """Let somebody look, if there is somebody; what is decided is not measured any more."""
        if self.tools.undecided is None or not self.run.processes:
            return False
        begun, deadline = self.timetable.begun, self.timetable.deadline
        passed = (self.clock.now() - begun) / (deadline - begun)
        self.open = set(self.tools.undecided(self.run, min(1.0, passed), last))
        return not self.open

    def reached(self) -> bool:
        """Whether each cell's interval is within the target."""
        if not self.run.processes or self.tools.errors is None:
            return False
        errors = self.tools.errors(self.run)
        self.error = max(errors.get(cell.id, float("inf")) for cell in self.cells)
        target = self.run.options.target_error
        return target is not None and self.error <= target

    def generation(self, generation: int) -> None:
        """Start every worker, visit every cell in rounds, end the workers."""
        self.build()  # what somebody who looks wants by now
        self.timetable.begin(self.clock.now(), generation - self.first)
        self.progress("load", generation, self.run.options.processes)
        finish = self.tools.observe(generation)
        crew = Crew(
            self.run,
            generation,
            self.cells,
            self.files,
            self.tools.launch,
            self.clock,
            self.tools.interference,
        )
        with ExitStack() as stack:
            stack.callback(crew.close)
            crew.start()
            self.look_inside(crew)
            self.timetable.loaded(self.clock.now())
            rounds = 0
            while crew.visits and self.timetable.another_round(self.clock.now(), rounds):
                self.round(crew, rounds)
                rounds += 1
                self.save_now_and_then()
        self.run.conditions.append(finish())
        self.save_now_and_then(after=0.0)

    def round(self, crew: Crew, number: int) -> None:
        """Visit every cell once, in random order, as long as there is time."""
        seed = self.run.options.seed
        groups = self.groups(crew, number)
        for spec, cell in by_turns(groups, seed, number, generation=crew.generation):
            if self.clock.now() >= self.timetable.deadline:
                return
            self.progress("measure", crew.generation, self.run.options.processes)
            crew.visit(spec, cell, number, self.visit(cell))
        self.rounds += 1

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
            for (spec, place), file in self.ceilings(crew).items():
                if self.clock.now() < self.timetable.deadline:
                    self.progress("profile", crew.generation, self.run.options.processes)
                    crew.heaviest(spec, place, file)
        by_layer = self.run.options.by_layer
        for spec, cell in crew.visits:
            if cell is None:
                continue
            wanted = by_layer or (cell.subject.part and runtime_class(cell.place.runtime).profiles)
            if wanted and self.clock.now() < self.timetable.deadline:
                self.progress("profile", crew.generation, self.run.options.processes)
                rounds = PART_ROUNDS if cell.subject.part else PROFILE_ROUNDS
                crew.profile(spec, cell, rounds=rounds)

    def ceilings(self, crew: Crew) -> dict[tuple[WorkerSpec, Place], Path]:
        """Return the matrix product of every worker and place, the batch apart."""
        return {
            (spec, replace(cell.place, batch=1)): self.products[_file_kind(cell)]
            for spec, cell in crew.visits
            if cell is not None and _file_kind(cell) in self.products
        }

    def visit(self, cell: Cell | None) -> Visit:
        """Return the runs of a visit: the same at all visits, and for all that run the same model.

        A run's time depends on how many came before it, so cells that are to be compared closely
        need bursts of one length.
        """
        if cell is None:
            return REFERENCE
        if cell.id not in self.visits:
            purpose = self.purposes[cell.id]
            others = [other for other in self.run.cells if self.purposes[other.id] == purpose]
            alike = [other.id for other in others if _alike(cell, other)]
            firsts = [
                (process.generation, min(first.ns))
                for process in self.run.processes
                for first in process.first_runs
                if first.cell in alike
            ]
            begun = min(generation for generation, _ in firsts)
            typical = min(ns for generation, ns in firsts if generation == begun)
            self.visits |= dict.fromkeys(alike, visit(typical, purpose))
        return self.visits[cell.id]

    def progress(self, phase: str, done: int, total: int) -> None:
        """Tell whoever watches."""
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


def _purposes(cells: Sequence[Cell], tails: Collection[int]) -> list[Purpose]:
    """Return what each cell is measured for."""
    sides = {side for cell in cells if cell.arm for side in (cell.id, cell.baseline_of)}
    return [
        "paired" if cell.id in sides else "tail" if cell.id in tails else "usual" for cell in cells
    ]


def _alike(one: Cell, other: Cell) -> bool:
    """Whether two cells run the same model, or are to be compared as closely."""
    sides = {one.id, one.baseline_of} & {other.id, other.baseline_of} - {None}
    return bool(sides) or _model(one) == _model(other)


def _model(cell: Cell) -> tuple[object, ...]:
    """Return what decides how long a run of a cell takes, but for the machine and the version."""
    return cell.digest, replace(cell.place, python=None)


def _file_kind(cell: Cell) -> tuple[str, str]:
    """Return which kind of model file a cell needs: its format and precision."""
    return runtime_class(cell.place.runtime).format, cell.place.precision
