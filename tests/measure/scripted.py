"""A whole run without a process, a file or a clock: the engine with scripted runtimes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import mncost
from mncost.measure.clocks import VirtualClock
from mncost.measure.engine import Errors, Pilot, Progress, Tools, Undecided, measure
from mncost.measure.plan import What, plan
from mncost.measure.quota import Quota
from mncost.measure.records import Agreement, Conditions, Machine, Options, Run
from mncost.measure.runtimes.fake import Fake, Script
from mncost.measure.where import Where
from mncost.measure.workers.local import local_worker
from mncost.measure.workers.prepare import Prepared, Recipe
from mncost.measure.workers.worker import Worker, WorkerRefused, WorkerSpec
from mncost.models.formats import Model, format_named
from mncost.network import Network
from mncost.results.results import Results

MACHINE = Machine(
    cpu="scripted",
    architecture="none",
    flags=[],
    cores=2,
    logical_cores=2,
    affinity=[0, 1],
    governor=None,
    memory_bytes=2**34,
    os="none",
    container=None,
    hypervisor=None,
    load_average=0.0,
)


class Builder:
    """Writes the fake runtime's files; ``too_large`` MACs are refused."""

    def __init__(self, scratch: Path | None = None, *, too_large: int | None = None) -> None:
        self.built: list[str] = []
        self.closed = False
        self._too_large = too_large

    def prepare(self, recipe: Recipe, folder: Path) -> Prepared:
        folder.mkdir(exist_ok=True)
        closeness = format_named("fake").write(
            Model(recipe.graph, recipe.inputs, recipe.precision, dict), folder
        )
        macs = json.loads((folder / "model.json").read_text())["macs"]
        if self._too_large is not None and macs >= self._too_large:
            raise WorkerRefused("needs about 40 GiB of memory, 12 GiB are free")
        self.built.append(folder.name)
        return Prepared(1000, 0.0, closeness and Agreement(**closeness._asdict()))

    def close(self) -> None:
        self.closed = True


class Launcher:
    """Starts local workers and remembers them; without a script they take the environment's."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self.started: list[tuple[WorkerSpec, int]] = []
        self._scripts = scripts

    def __call__(self, spec: WorkerSpec, generation: int) -> Worker:
        self.started.append((spec, generation))
        return local_worker(spec, Fake(self._scripts.get(spec.runtime), seed=generation))


class Asked(NamedTuple):
    """What is to be measured on scripted runtimes."""

    networks: Sequence[Network]
    where: Where
    what: What
    copies: int = 1


def fake_request(arch: str = "v2", **changes: Any) -> Asked:
    """Return what is asked for: fields of ``Where``, of ``What``, and what ``grid`` takes."""

    def of(kind: Any) -> Any:
        names = {one.name for one in fields(kind)} & changes.keys()
        return kind(**{name: changes.pop(name) for name in sorted(names)})

    changes.setdefault("runtime", "fake")
    copies = changes.pop("copies", 1)
    where, what = of(Where), of(What)
    return Asked(mncost.grid(arch, **changes), where, what, copies)


def begun(asked: Asked, **options: object) -> Run:
    """Return an empty run."""
    networks, where, what, copies = asked
    wanted = plan(networks, where, what, lambda runtime, python: [None], copies=copies)
    chosen = {"target_error": 0.02, "max_time": 60.0, "processes": 5, "seed": 0, **options}
    chosen |= {"by_layer": what.by_layer, "memory": what.memory}
    return Run(
        mncost_version="0",
        started="2026-01-01T00:00:00+00:00",
        options=Options(**chosen),  # type: ignore[arg-type]
        machine=MACHINE,
        git=None,
        reference="none",
        cells=wanted.planned.cells,
        models=wanted.planned.models,
        left_out=wanted.left_out,
        pairs=wanted.pairs,
        notes=wanted.notes,
    )


def carried_out(
    run: Run,
    scratch: Path,
    *,
    script: Script = Script(),  # noqa: B008  it is frozen
    launch: Launcher | None = None,
    builder: Builder | None = None,
    watch: Callable[[Progress], None] = lambda progress: None,
    save: Callable[[Run], None] = lambda run: None,
    errors: Errors | None = lambda run: Results(run).relative_errors(),
    undecided: Undecided | None = None,
    pilot: Pilot | None = None,
    quota: Quota | None = None,
    rest: Callable[[float], None] = lambda seconds: None,
) -> Run:
    """Measure with scripted runtimes."""
    built = builder or Builder()
    measure(
        run,
        Tools(
            launch=launch or Launcher({"fake": script}),
            build=lambda: built,
            clock=VirtualClock(run.seconds),
            observe=observe_nothing,
            watch=watch,
            save=save,
            scratch=scratch,
            errors=errors,
            undecided=undecided,
            pilot=pilot,
            quota=quota,
            rest=rest,
        ),
    )
    return run


def observe_nothing(generation: int) -> Callable[[], Conditions]:
    """See a machine on which nothing else runs."""
    return lambda: Conditions(generation=generation, steal=0.0, other_load=0.0, mhz=None)


def instead_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every runtime be a scripted one from now on: nothing is started, no time passes.

    Nor does the run look at this machine, which other tests keep busy.
    """
    launch = Launcher({})

    def start_worker(spec: WorkerSpec, *, seed: int, quiet: Sequence[int]) -> Worker:
        return launch(spec, seed)

    monkeypatch.setattr("mncost.measure.workers.process.start_worker", start_worker)
    monkeypatch.setattr("mncost.measure.workers.builder.Builder", lambda scratch: Builder())
    monkeypatch.setattr("mncost.runs.carry_out.WallClock", VirtualClock)
    monkeypatch.setattr("mncost.measure.workers.pinning.quiet_first", list)
    monkeypatch.setattr("mncost.measure.conditions.observe", observe_nothing)
    monkeypatch.setattr("mncost.measure.interference.interference", lambda: lambda: dict)
    monkeypatch.setattr("mncost.measure.workers.serve.give_way", lambda: None)


def interrupt_when(monkeypatch: pytest.MonkeyPatch, is_time: Callable[[Progress], bool]) -> None:
    """Let Ctrl-C come to every command that shows how far its measuring is."""

    @contextmanager
    def watching(target_error: float | None) -> Iterator[Callable[[Progress], None]]:
        def interrupt(progress: Progress) -> None:
            if is_time(progress):
                raise KeyboardInterrupt

        yield interrupt

    monkeypatch.setattr("mncost.cli.progress.watching", watching)
