"""The workers of one generation: started, loaded, visited, and started again when one dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from msgspec.structs import replace

from mncost.errors import MeasureError
from mncost.measure.ceilings import PRODUCT_BATCH, PRODUCT_MACS
from mncost.measure.clocks import Clock
from mncost.measure.interference import Gained
from mncost.measure.layer_shares import ProfileError, layer_shares
from mncost.measure.private import without_home
from mncost.measure.records import (
    Burst,
    Ceilings,
    Cell,
    Failure,
    Place,
    Process,
    Profile,
    Run,
    WorkerSpec,
)
from mncost.measure.runtimes import runtime_class
from mncost.measure.schedule import Visit, shuffled
from mncost.measure.workers.messages import (
    Loaded,
    LoadModel,
    ProfileModel,
    Request,
    RunBurst,
    RunHeaviest,
    Sampled,
)
from mncost.measure.workers.worker import Ahead, Worker, WorkerDied, WorkerRefused

__all__ = ["Crew", "Launch"]

T = TypeVar("T")

HEAVY_RUNS = 20  # in a fresh process a product gets faster for as long

Launch: TypeAlias = Callable[[WorkerSpec, int], Worker]
"""Starts the worker of a generation; may raise WorkerDied."""


class Crew:
    """The workers of one generation, and what of it goes into the run.

    A worker that dies takes the cell along that it was busy with, and no other: it is started
    again without it.
    """

    def __init__(
        self,
        run: Run,
        generation: int,
        cells: Sequence[Cell],
        files: Mapping[int, Path],
        launch: Launch,
        clock: Clock,
        interference: Callable[[], Gained],
    ) -> None:
        """Gather; :meth:`start` starts the processes."""
        self.run = run
        self.generation = generation
        self.cells: dict[WorkerSpec, list[Cell]] = {}
        for cell in cells:
            self.cells.setdefault(cell.worker, []).append(cell)
        self._files = files
        self._launch = launch
        self._interference = interference
        self._clock = clock
        self._workers: dict[WorkerSpec, Worker] = {}
        self._processes: dict[WorkerSpec, Process] = {}

    @property
    def visits(self) -> list[tuple[WorkerSpec, Cell | None]]:
        """What a round visits: every cell, and on every worker the reference workload."""
        return [
            (spec, cell)
            for spec, cells in self.cells.items()
            if spec in self._workers
            for cell in [*cells, None]
        ]

    @property
    def has_cells(self) -> bool:
        """Whether a cell is left to be measured: the reference workload alone says nothing."""
        return any(cells for spec, cells in self.cells.items() if spec in self._workers)

    def places(self) -> Iterator[tuple[WorkerSpec, Place]]:
        """Return each worker with each place of its cells, the batch apart."""
        pairs = ((spec, replace(cell.place, batch=1)) for spec, cell in self.visits if cell)
        return iter(dict.fromkeys(pairs))

    def start(self) -> None:
        """Start every worker, and load its cells; in every second generation from the last on."""
        specs = list(self.cells)
        for spec in specs if self.generation % 2 == 0 else reversed(specs):
            self._start(spec)

    def visit(
        self,
        spec: WorkerSpec,
        cell: Cell | None,
        round_number: int,
        visit: Visit,
        *,
        pilot: bool = False,
    ) -> None:
        """Run one burst, and keep it; a cell that fails is given up."""
        index = cell.id if cell else None
        request = _burst_request(cell, visit)
        gained, at = self._interference(), self._clock.now()
        sampled = self._try(spec, cell, request)
        if sampled is not None:
            counted: dict[str, Any] = dict(gained())
            burst = self._burst(index, round_number, at, sampled)._replace(**counted)
            for part in burst.by_workload(visit.runs):
                self._processes[spec].add(part, "pilot" if pilot else "bursts")

    def ahead(
        self, visits: Sequence[tuple[WorkerSpec, Cell | None, Visit]], rests: Sequence[float]
    ) -> list[Ahead]:
        """Return the requests of visits that :meth:`visit` will make, with the waits before."""
        return [
            self._workers[spec].ahead(_burst_request(cell, visit), rest)
            for (spec, cell, visit), rest in zip(visits, rests, strict=True)
            if spec in self._workers
        ]

    def profile(self, spec: WorkerSpec, cell: Cell, *, rounds: int) -> None:
        """Run a cell under its runtime's profiler, and keep what that says of its layers."""
        request = ProfileModel(**self._model(cell), rounds=rounds)
        profiled = self._try(spec, cell, request)
        if profiled is None:
            return
        self._clock.spend(sum(profiled.plain_ns) + sum(profiled.profiled_ns))
        model = self.run.models[cell.digest]
        try:
            runtime = runtime_class(cell.place.runtime)
            as_given = model.source is not None
            layers = layer_shares(runtime, model.graph, model.inputs, profiled, as_given=as_given)
        except ProfileError as error:
            self._give_up(spec, cell, str(error))
            return
        self.run.profiles.append(
            Profile(
                cell=cell.id,
                generation=self.generation,
                profiled_ns=profiled.profiled_ns,
                plain_ns=profiled.plain_ns,
                layers=layers,
                step_ns=runtime.profile_step_ns,
            )
        )

    def heaviest(self, spec: WorkerSpec, place: Place, file: Path) -> None:
        """Run the largest product and the largest copy in a worker, and keep how fast it was."""
        worker = self._workers.get(spec)
        if worker is None:
            return
        request = RunHeaviest(
            folder=str(file),
            batch=PRODUCT_BATCH,
            provider=place.provider,
            precision=place.precision,
            runs=HEAVY_RUNS,
        )
        try:
            heaviest = worker.ask(request)
        except (WorkerRefused, WorkerDied) as error:
            reason = without_home(str(error))
            note = f"no ceilings of {place.runtime} in {place.precision}: {reason}"
            self.run.notes += [note] if note not in self.run.notes else []
            if isinstance(error, WorkerDied):
                self._bury(spec)
                self._start(spec)
            return
        self._clock.spend(sum(heaviest.product_ns) + sum(heaviest.copy_ns))
        self.run.ceilings.append(
            Ceilings(
                generation=self.generation,
                place=place,
                macs=PRODUCT_MACS,
                product_ns=heaviest.product_ns,
                bytes=heaviest.bytes,
                copy_ns=heaviest.copy_ns,
            )
        )

    def close(self) -> None:
        """End every worker, the last one first.

        The next generation starts them the other way round, and who is first gets the memory that
        was freed last: so each worker has the memory of the other in every second generation.
        """
        for spec in reversed(list(self._workers)):
            worker = self._workers[spec]
            self._bury(spec)
            worker.close()

    def _model(self, cell: Cell) -> dict[str, Any]:
        """Return what a request about a cell's model says."""
        return {
            "folder": str(self._files[cell.id]),
            "batch": cell.place.batch,
            "provider": cell.place.provider,
            "precision": cell.place.precision,
            "denormals": cell.place.denormals,
            "training": cell.place.training,
        }

    def _try(self, spec: WorkerSpec, cell: Cell | None, request: Request[T]) -> T | None:
        """Ask a worker for something about a cell; if that fails, the cell is given up."""
        worker = self._workers.get(spec)
        if worker is None or (cell and cell not in self.cells[spec]):
            return None  # given up earlier in this round
        try:
            return worker.ask(request)
        except WorkerRefused as error:
            self._give_up(spec, cell, str(error))
        except WorkerDied as error:
            self._bury(spec)
            self._give_up(spec, cell, str(error))
            self._start(spec)
        return None

    def _start(self, spec: WorkerSpec) -> None:
        """Start a worker and load its cells, as often as it takes to find those that kill it."""
        while self.cells[spec]:
            began = self._clock.now()
            try:
                worker = self._launched(spec)
            except WorkerDied as error:
                self._give_up(spec, None, str(error))
                return
            self._workers[spec] = worker
            self._processes[spec] = self._process(spec, worker, began)
            self._check_versions(spec, worker)
            if self._load(spec, worker):
                self._processes[spec].loaded = self._clock.now()
                return
            self._bury(spec)
            worker.close()  # it may have refused all of its cells, and live

    def _launched(self, spec: WorkerSpec) -> Worker:
        """Start a worker; once more if it dies, which may have been by chance.

        Raises:
            WorkerDied: it died twice.
        """
        try:
            return self._launch(spec, self.generation)
        except WorkerDied:
            return self._launch(spec, self.generation)

    def _load(self, spec: WorkerSpec, worker: Worker) -> bool:
        """Load a worker's cells; say if it lives.

        What is loaded first can run a percent slower, so the order is random, and every second
        generation has the order of the one before, reversed. The sides of an A/B keep the order
        that :func:`mncost.measure.schedule.interleaved` gives them.
        """
        order = list(reversed(self.cells[spec]))
        if all(cell.baseline_of is None for cell in order):
            order = shuffled(self.cells[spec], self.run.options.seed, self.generation // 2)
        for cell in order if self.generation % 2 else reversed(order):
            at = self._clock.now()
            try:
                sampled = worker.ask(LoadModel(**self._model(cell), cell=cell.id))
            except WorkerRefused as error:
                self._give_up(spec, cell, str(error))
            except WorkerDied as error:
                self._give_up(spec, cell, str(error))
                return False
            else:
                burst = self._burst(cell.id, 0, at, sampled)
                self._processes[spec].add(burst, "first_runs")
                self._note(cell, sampled)
        return bool(self.cells[spec])

    def _check_versions(self, spec: WorkerSpec, worker: Worker) -> None:
        """Refuse to mix versions in a run that is resumed.

        Raises:
            MeasureError: the worker has other versions than those before it.
        """
        now = worker.hello.versions
        for process in self.run.processes:
            if process.worker != spec:
                continue
            for program, before in process.versions.items():
                if now.get(program) != before:
                    raise MeasureError(
                        f"not resumed: {spec.runtime} was measured with {program} {before}, and "
                        f"now has {now.get(program)}"
                    )

    def _process(self, spec: WorkerSpec, worker: Worker, began: float) -> Process:
        process = Process(
            generation=self.generation,
            worker=spec,
            versions=worker.hello.versions,
            cpus=worker.hello.cpus,
            clock_ns=worker.hello.clock_ns,
            empty_ns=worker.hello.empty_ns,
            empty_cpu_ns=worker.hello.empty_cpu_ns,
            started=began,
        )
        self.run.processes.append(process)
        return process

    def _burst(self, cell: int | None, round_number: int, at: float, sampled: Sampled) -> Burst:
        self._clock.spend(sum(sampled.warmup_ns) + sum(sampled.ns))
        seen = {one.name: getattr(sampled, one.name) for one in fields(Sampled)}
        return Burst(round=round_number, cell=cell, at=at, **seen)

    def _note(self, cell: Cell, loaded: Loaded) -> None:
        """Say, once, how much of a model its provider left to other kernels."""
        if loaded.operators is None or not loaded.left:
            return
        place = cell.place
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(loaded.left.items()))
        note = (
            f"{place.provider or place.runtime} in {place.precision} did not take all of "
            f"{cell.subject.words()}: {kinds}, of {loaded.operators} operators"
        )
        self.run.notes += [note] if note not in self.run.notes else []

    def _bury(self, spec: WorkerSpec) -> None:
        """Forget a worker that is gone, or is about to be."""
        del self._workers[spec]
        self._processes[spec].ended = self._clock.now()

    def _give_up(self, spec: WorkerSpec, cell: Cell | None, reason: str) -> None:
        """Give up a cell; without one, all that the worker has."""
        for lost in [cell] if cell else list(self.cells[spec]):
            self.cells[spec].remove(lost)
            self.run.failures.append(
                Failure(cell=lost.id, generation=self.generation, reason=without_home(reason))
            )


def _burst_request(cell: Cell | None, visit: Visit) -> RunBurst:
    return RunBurst(cell=cell.id if cell else None, warmups=visit.warmups, runs=visit.runs)
