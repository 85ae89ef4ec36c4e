"""The Python face of measuring: :func:`bench`, and the :class:`Measurement` that it returns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec import structs

from mncost.errors import MeasureError
from mncost.measure.cells import DEVICES, Subject, plan, title
from mncost.measure.clocks import VirtualClock, WallClock
from mncost.measure.engine import Progress, Tools, Undecided, measure
from mncost.measure.needs import TO_MEASURE, TO_SHOW, need
from mncost.measure.records import Cell, Options, Request, Run
from mncost.measure.run_file import read_run, write_run
from mncost.measure.runtimes import runtime_class
from mncost.measure.runtimes.reference import REFERENCE

if TYPE_CHECKING:
    import pandas

    from mncost.measure.results.columns import Row
    from mncost.measure.results.saving import Saving
    from mncost.measure.results.statistics import Ratio
    from mncost.spec.axis import Numbers

__all__ = [
    "SECONDS_TO_COMPARE",
    "Measurement",
    "begin",
    "bench",
    "carry_out",
    "empty_run",
    "offer",
    "options_for",
    "resumed",
]

ARCHITECTURES = "v1,v2,v3-large"
_DEFAULT_RUNTIMES = ("onnxruntime", "torch")
_TARGET_ERROR, _PROCESSES = 0.02, 6
_SECONDS, _SECONDS_A_CELL = 54.0, 3.0
SECONDS_TO_COMPARE = 150.0

T = TypeVar("T")


class Measurement:
    """What was measured: a run, and the statistics of its cells."""

    def __init__(self, run: Run) -> None:
        """Wrap a run; :func:`bench` and :meth:`read` make one."""
        self.run = run

    @classmethod
    def read(cls, path: Path | str) -> Measurement:
        """Read a run file.

        Raises:
            RunFileError: it cannot be used.
        """
        return cls(read_run(Path(path)))

    def save(self, path: Path | str) -> None:
        """Write the run file.

        Raises:
            OutputError: it cannot be written.
        """
        write_run(self.run, Path(path))

    @cached_property
    def rows(self) -> list[Row]:
        """The statistics of each cell and what is to be said against them, as ``run.cells``."""
        from mncost.measure.results.columns import rows

        need(*TO_SHOW)
        return rows(self.run)

    def ratio(self, numerator: int, denominator: int) -> Ratio | None:
        """Return how many times as long one cell takes as another, from the rounds of both.

        Args:
            numerator: a cell, by its place in ``run.cells``.
            denominator: another one.

        Returns:
            The ratio with its interval and the number of rounds; ``None`` if no round visited both.
        """
        from mncost.measure.results.summary import ratio

        return ratio(self.run, numerator, denominator)

    @cached_property
    def saving(self) -> Saving:
        """What each network saves beside its twin, and each pair of layers, if measured."""
        from mncost.measure.results.saving import saving

        need(*TO_SHOW)
        return saving(self.run)

    def to_frame(self) -> pandas.DataFrame:
        """Return one row for each cell, with intervals. Needs pandas."""
        from mncost.columns import to_frame
        from mncost.measure.results.columns import machine_columns

        return to_frame(machine_columns(), self.rows)

    def saving_to_frame(self) -> pandas.DataFrame:
        """Return :attr:`saving`: one row a network, a pair, a layer. Needs pandas.

        The columns are :data:`mncost.measure.results.saving_records.COLUMNS`.
        """
        from mncost.columns import need_pandas
        from mncost.measure.results.saving_records import COLUMNS, records

        rows = records(self.saving)
        frame: pandas.DataFrame = need_pandas().DataFrame(rows, columns=list(COLUMNS))
        return frame

    def __repr__(self) -> str:
        """Say how much was measured."""
        cells = len(self.run.cells)
        return f"<mncost.Measurement of {cells} cells, stopped: {self.run.stopped}>"


def bench(  # noqa: PLR0913  one keyword for each option of the command
    arch: str = ARCHITECTURES,
    alpha: Numbers | None = None,
    resolution: Numbers | None = None,
    *,
    rho: Numbers | None = None,
    dialect: str | None = None,
    classes: int | None = None,
    twin: bool | str = True,
    copies: int = 1,
    precision: str | Sequence[str] = "fp32",
    batch: int | Sequence[int] = 1,
    runtime: str | Sequence[str] | None = None,
    provider: str | Sequence[str] = (),
    threads: int | Sequence[int] = 1,
    python: str | Sequence[str] = (),
    pairs: bool = False,
    memory: bool = False,
    max_twin_gmacs: float | None = None,
    device: str = "cpu",
    target_error: float = _TARGET_ERROR,
    max_time: float | None = None,
    processes: int = _PROCESSES,
    seed: int = 0,
    output: Path | str | None = None,
) -> Measurement:
    """Measure the latency of the networks of an α × resolution grid.

    Args:
        arch: as for :func:`mncost.grid`, and so are the next five.
        alpha: width multipliers.
        resolution: in pixels.
        rho: ratios to the native resolution.
        dialect: whose reading.
        classes: outputs of the classifier.
        twin: measure the twin of each network too: ``True`` is ``"standard"``; or ``"fused"``.
        copies: enter each model so many times; two say what difference this machine makes up.
        precision: ``"fp32"``, ``"int8"`` (ONNX Runtime only), or several.
        batch: images in one call, or several such numbers.
        runtime: names of runtimes; by default ONNX Runtime and torch, if they are installed.
        provider: execution providers of ONNX Runtime; by default all those for CPUs.
        threads: or several such numbers; each has processes of its own.
        python: other interpreters to measure in, beside this one.
        pairs: measure each pair of layers that the twin has one convolution for, as small networks
            of their own, and the machine's ceilings: see :attr:`Measurement.saving`.
        memory: measure the peak memory of each network, in processes of their own.
        max_twin_gmacs: do not time twins of more GMACs.
        device: ``"cpu"``.
        target_error: stop once half the width of each median's 95 % interval is within this
            share of the median.
        max_time: seconds after which to stop in any case; by default 54 (with ``pairs`` 150), or
            3 a network if that is more.
        processes: how many processes of each worker to measure in, one after the other, at least.
        seed: of the weights, the images and the order of the visits.
        output: the run file, written as it goes.

    Raises:
        InputError: something cannot be used, or is not installed.
    """
    request = Request(
        arch=arch,
        alpha=_words(alpha),
        resolution=_words(resolution),
        rho=_words(rho),
        dialect=dialect,
        classes=classes,
        twin="standard" if twin is True else twin or None,
        copies=copies,
        precision=_listed(precision),
        batch=_listed(batch),
        runtime=_listed(runtime or ()),
        provider=_listed(provider),
        threads=_listed(threads),
        python=_listed(python),
        pairs=pairs,
        memory=memory,
        max_twin_gmacs=max_twin_gmacs,
    )
    run, cells = begin(
        request,
        device=device,
        target_error=target_error,
        max_time=max_time,
        processes=processes,
        seed=seed,
        least_time=SECONDS_TO_COMPARE if pairs else _SECONDS,
    )
    save = partial(write_run, path=Path(output)) if output is not None else _keep
    carry_out(run, cells, save=save)
    if run.stopped == "interrupted":
        raise KeyboardInterrupt
    return Measurement(run)


def begin(
    request: Request,
    *,
    device: str = "cpu",
    target_error: float | None = None,
    max_time: float | None = None,
    processes: int | None = None,
    seed: int | None = None,
    least_time: float = _SECONDS,
) -> tuple[Run, list[Subject]]:
    """Return an empty run for what is asked for, and the subjects to measure.

    Unless there is a ``max_time``, it is ``least_time``, or 3 s a network if that is more.

    Raises:
        InputError: something cannot be used, or is not installed.
    """
    need(*TO_MEASURE)
    if device not in DEVICES:
        raise MeasureError(f"device {device!r}: accepted: {', '.join(DEVICES)}")
    if not request.runtime:
        request = structs.replace(request, runtime=_installed(request))
    wanted = plan(request, offer)
    cells = [subject.cell for subject in wanted.subjects]
    options = options_for(cells, target_error, max_time, processes, seed, least_time=least_time)
    run = empty_run(cells, options)
    run.request, run.left_out, run.pairs = request, wanted.left_out, wanted.pairs
    run.notes = wanted.notes
    return run, wanted.subjects


def options_for(
    cells: Sequence[Cell],
    target_error: float | None = None,
    max_time: float | None = None,
    processes: int | None = None,
    seed: int | None = None,
    *,
    least_time: float = _SECONDS,
) -> Options:
    """Return how cells are measured, with the usual value in place of each ``None``.

    The usual ``max_time`` is ``least_time``, or 3 s a network if that is more.
    """
    return Options(
        target_error=_TARGET_ERROR if target_error is None else target_error,
        max_time=_default_time(cells, least_time) if max_time is None else max_time,
        processes=_PROCESSES if processes is None else processes,
        seed=seed or 0,
    )


def empty_run(cells: list[Cell], options: Options) -> Run:
    """Return a run of this machine, now, in which nothing has been measured yet.

    Raises:
        MeasureError: an option is out of range.
    """
    from mncost.measure.machine import commit, machine

    _check(options)
    return Run(
        mncost_version=version("mncost"),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        options=options,
        machine=machine(),
        git=commit(),
        reference=REFERENCE,
        cells=cells,
    )


def resumed(
    path: Path, *, target_error: float | None = None, max_time: float | None = None
) -> tuple[Run, list[Subject]]:
    """Return a saved run and its subjects, to be measured on.

    Raises:
        InputError: it cannot be read, or its cells, this machine or the runtimes are not the same.
    """
    from mncost.measure.machine import machine, machine_differences

    need(*TO_MEASURE)
    run = read_run(path)
    if run.request is None or run.request.arch == "-":
        raise MeasureError(f"{path}: not resumed: its networks cannot be found again")
    if differences := machine_differences(run.machine, machine()):
        raise MeasureError(f"{path}: not resumed on another machine: {'; '.join(differences)}")
    found = plan(run.request, offer).subjects
    for cell, subject in zip(run.cells, found, strict=False):
        if cell != subject.cell:
            raise MeasureError(f"{path}: not resumed: {title(cell)} is no longer the same")
    if len(run.cells) != len(found):
        raise MeasureError(f"{path}: not resumed: it has {len(run.cells)} cells, now {len(found)}")
    run.options = structs.replace(
        run.options,
        target_error=run.options.target_error if target_error is None else target_error,
        max_time=run.options.max_time if max_time is None else max_time,
    )
    _check(run.options)
    return run, found


def carry_out(
    run: Run,
    cells: Sequence[Subject],
    *,
    save: Callable[[Run], None],
    watch: Callable[[Progress], None] = lambda progress: None,
    undecided: Undecided | None = None,
    first: Collection[int] | None = None,
    tails: Collection[int] = (),
) -> None:
    """Measure the subjects of a run, with real processes, until it is enough.

    With ``undecided`` that decides what is enough, else the target error of the run's options.
    Then ``first`` are the cells of the first generation, by default all; models are built when
    they are measured for the first time. Of the cells ``tails``, high percentiles are wanted: they
    have longer bursts.
    """
    from mncost.measure.conditions import observe
    from mncost.measure.workers.builder import Builder
    from mncost.measure.workers.process import start_worker

    virtual = all(runtime_class(cell.runtime).virtual for cell in run.cells)
    with tempfile.TemporaryDirectory(prefix="mncost-") as scratch:
        measure(
            run,
            cells,
            Tools(
                launch=lambda spec, generation: start_worker(spec, seed=generation),
                build=Builder,
                clock=VirtualClock(run.seconds) if virtual else WallClock(run.seconds),
                observe=observe,
                watch=watch,
                save=save,
                scratch=Path(scratch),
                undecided=undecided,
                first=first,
                tails=tails,
            ),
        )


def _default_time(cells: Sequence[Cell], least: float) -> float:
    return max(least, _SECONDS_A_CELL * sum(cell.part is None for cell in cells))


def _check(options: Options) -> None:
    if not 0 < options.target_error < 1:
        raise MeasureError(f"target error {options.target_error:g}: accepted are 0 % to 100 %")
    if not 0 < options.max_time < 10**7:
        raise MeasureError(f"max time {options.max_time:g} s: accepted is more than 0 s")
    if not 1 <= options.processes <= 1000:
        raise MeasureError(f"processes {options.processes}: accepted are 1 to 1000")


def _installed(request: Request) -> list[str]:
    """Return the runtimes that are measured unless others are named."""
    usable = [
        name for name in _DEFAULT_RUNTIMES if runtime_class(name).profiles or not request.by_layer
    ]
    found = [name for name in usable if find_spec(name) is not None]
    if not found:
        raise MeasureError("no runtime is installed: pip install 'mncost[bench]'")
    return found


def offer(runtime: str, python: str | None) -> Sequence[str | None]:
    """Return the execution providers of a runtime in an interpreter.

    Raises:
        MeasureError: the interpreter cannot be used, or lacks a package.
    """
    from mncost.measure.workers.process import describe

    return describe(runtime, python)


def _words(numbers: Numbers | None) -> str | None:
    """Return numbers in the grammar of the command line."""
    if numbers is None or isinstance(numbers, str):
        return numbers
    listed = numbers if isinstance(numbers, Sequence) else [numbers]
    return ",".join(map(str, listed))


def _listed(value: T | Sequence[T]) -> list[T]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return [value]


def _keep(run: Run) -> None:
    """Save nowhere: the caller has the run."""
