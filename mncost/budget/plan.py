"""From limits on latency to the cells that have to be measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from mncost.budget import records as budget
from mncost.budget.baseline import Baseline
from mncost.budget.exact import network_of
from mncost.budget.records import Latency, Limit, Model, Ratio, Regression
from mncost.errors import BudgetError, InputError
from mncost.measure.cells import Planned
from mncost.measure.machine import machine, machine_differences
from mncost.measure.places import Offer, first_place
from mncost.measure.records import Cell, Place
from mncost.measure.run_file import read_run
from mncost.measure.schedule import Purpose
from mncost.measure.where import HERE, Where
from mncost.readers import is_model
from mncost.results.results import Results

__all__ = ["Measured", "Plan", "baseline_problems", "plan"]


class Measured(NamedTuple):
    """A limit, its cell, and the cell that it is compared with: in this run, or in a saved one."""

    limit: Limit
    cell: int
    other: int | None = None
    saved: int | None = None

    @property
    def cells(self) -> list[int]:
        """The cells of this run that the limit needs."""
        return [self.cell] if self.other is None else [self.cell, self.other]


class Plan(NamedTuple):
    """What will be measured, for which limits, and the saved run to compare with."""

    planned: Planned
    measured: list[Measured]
    tails: Mapping[int, float]  # the cells with limits above p50: the highest percentile
    saved: Results | None
    differences: list[str]  # of the saved run's machine from this one


def plan(limits: Sequence[Limit], baseline: Baseline, offer: Offer) -> Plan:
    """Return the cells for the limits that have to be measured.

    Raises:
        BudgetError: limits that cannot be measured, all of them.
        InputError: the baseline cannot be used.
    """
    saved = Results.read(baseline.run) if baseline.run else None
    differences = machine_differences(saved.run.machine, machine()) if saved else []
    if differences and not baseline.other_machine:
        raise InputError(
            f"{baseline.run}: measured on another machine: {'; '.join(differences)}; "
            "--allow-different-machine compares nevertheless, and decides nothing"
        )
    planner = _Planner(limits, baseline, saved, offer)
    problems = _baseline_of_several(limits, baseline)
    for limit in limits:
        if limit.is_exact:
            continue
        try:
            planner.take(limit)
        except InputError as error:
            where = f"budget {limit.budget}: " if limit.line else ""
            problems.append(f"{where}{limit.metric}: {error}")
    if problems:
        raise BudgetError(problems)
    return Plan(planner.planned, planner.measured, _tails(planner.measured), saved, differences)


def _baseline_of_several(limits: Sequence[Limit], baseline: Baseline) -> list[str]:
    """Say that one older model cannot be the older version of several."""
    new = dict.fromkeys(one.model.arch for one in limits if isinstance(one.bound, Regression))
    if baseline.model is None or len(new) < 2:
        return []
    listed = ", ".join(Path(one).name for one in new)
    return [f"--baseline-model {baseline.model} is one model, and regressions are of: {listed}"]


def baseline_problems(baseline: Baseline, offer: Offer) -> list[str]:
    """Return what is wrong with a baseline, independent of the limits."""
    try:
        if baseline.run is not None:
            read_run(baseline.run)
        if baseline.python is not None:
            offer(budget.Place().runtime, baseline.python)
        if baseline.arch is not None:
            network_of(Model(arch=str(baseline.arch)), "fp32")
        if baseline.model is not None and not is_model(baseline.model):
            raise _no_model(baseline.model)
    except InputError as error:
        return [str(error)]
    return []


class _Planner:
    """One call of :func:`plan`."""

    def __init__(
        self, limits: Sequence[Limit], baseline: Baseline, saved: Results | None, offer: Offer
    ) -> None:
        self.with_tails = {_whose(limit) for limit in limits if _is_tail(limit)}
        self.baseline = baseline
        self.saved = saved
        self.offer = offer
        self.planned = Planned()
        self.measured: list[Measured] = []
        self.known: dict[object, int] = {}

    def take(self, limit: Limit) -> None:
        """Enter what one limit needs."""
        place = self.place(limit, None)
        match limit.bound:
            case Latency():
                purpose: Purpose = "tail" if _whose(limit) in self.with_tails else "usual"
                cell = self.enter(limit.model, limit, place, purpose)
                self.measured.append(Measured(limit, cell))
            case Ratio(to=model):
                cell = self.enter(limit.model, limit, place)
                self.measured.append(Measured(limit, cell, other=self.enter(model, limit, place)))
            case _ if self.saved is not None and not place.is_here:
                raise InputError(
                    f"a saved run is no baseline on {place.host}: accepted is a limit "
                    "of this machine, or --baseline-arch or --baseline-model"
                )
            case _ if self.saved is not None:
                cell = self.enter(limit.model, limit, place)
                self.measured.append(Measured(limit, cell, saved=self.in_saved(cell)))
            case _:
                cell = self.enter(limit.model, limit, place, "paired")
                self.measured.append(Measured(limit, cell, other=self.older(limit, cell)))

    def older(self, limit: Limit, cell: int) -> int:
        """Enter the baseline of a cell, to be measured beside it."""
        if self.baseline.python is not None:
            there = self.place(limit, self.baseline.python)
            return self.enter(limit.model, limit, there, "paired", cell)
        if self.baseline.arch is not None:
            old = self.old_version(limit.model)
            return self.enter(old, limit, self.place(limit, None), "paired", cell)
        if self.baseline.model is not None:
            if not is_model(self.baseline.model):
                raise _no_model(self.baseline.model)
            if not is_model(limit.model.arch):
                raise InputError(
                    f"--baseline-model {self.baseline.model} is a version of a model, and "
                    f"{limit.model.arch} is an architecture"
                )
            old = structs.replace(limit.model, arch=self.baseline.model)
            return self.enter(old, limit, self.place(limit, None), "paired", cell)
        raise InputError(
            "needs a baseline: --baseline, --baseline-python, --baseline-arch or --baseline-model"
        )

    def old_version(self, model: Model) -> Model:
        """Return the older version of a model: the file given must be one of its architecture."""
        assert self.baseline.arch is not None
        old = structs.replace(model, arch=str(self.baseline.arch))
        new_name, old_name = network_of(model, "fp32").arch, network_of(old, "fp32").arch
        if new_name != old_name and Path(model.arch).name != self.baseline.arch.name:
            raise InputError(
                f"--baseline-arch {self.baseline.arch} is no version of {new_name}: its name is "
                f"{old_name}"
            )
        return old

    def place(self, limit: Limit, python: str | None) -> Place:
        """Return where a limit is to be measured; without a provider, on the runtime's first."""
        asked = limit.place
        where = Where(
            runtime=(asked.runtime,),
            provider=(asked.provider,) if asked.provider else (),
            threads=(asked.threads,),
            precision=(limit.precision,),
            batch=(asked.batch,),
            host=(asked.host or HERE,),
            python=(python,) if python else (),
            flush_denormals=asked.denormals is not None,
        )
        return first_place(where, self.offer, python)

    def enter(
        self,
        model: Model,
        limit: Limit,
        place: Place,
        purpose: Purpose = "usual",
        baseline_of: int | None = None,
    ) -> int:
        """Enter a model at a place, if it is not there yet; return its cell.

        A purpose has bursts of its own length, so limits of another one cannot use their times.
        """
        network = network_of(model, limit.precision)
        own = (network.graph, network.resolution, repr(network.source), limit.precision, place)
        key = (*own, model.arch, purpose, baseline_of)
        if key not in self.known:
            self.known[key] = self.planned.enter(network, place, baseline_of=baseline_of)
        return self.known[key]

    def in_saved(self, index: int) -> int:
        """Return the cell of the saved run that is the same thing as a cell of this one."""
        assert self.saved is not None
        cell = self.planned.cells[index]
        alike = [old for old in self.saved.run.cells if _same(old, cell)]
        if not alike:
            raise InputError(f"{self.baseline.run} has no {cell.words()}")
        return alike[0].id


def _no_model(name: str) -> InputError:
    return InputError(f"--baseline-model {name}: accepted is a model, e.g. old.onnx")


def _whose(limit: Limit) -> tuple[object, ...]:
    """Return which network a limit is on, and where it is measured."""
    return limit.model, limit.precision, limit.place


def _is_tail(limit: Limit) -> bool:
    return isinstance(limit.bound, Latency) and limit.bound.percent > 50


def _tails(cells: Sequence[Measured]) -> dict[int, float]:
    """Return the highest percentile that each cell has a limit for, if it is above the median."""
    tails: dict[int, float] = {}
    for measured in cells:
        bound = measured.limit.bound
        if isinstance(bound, Latency) and bound.percent > 50:
            tails[measured.cell] = max(bound.percent, tails.get(measured.cell, 0.0))
    return tails


def _same(old: Cell, new: Cell) -> bool:
    """Whether two cells of different runs have one name and place; their graphs may differ."""
    where = [structs.replace(cell.place, python=None) for cell in (old, new)]
    return old.subject == new.subject and where[0] == where[1]
