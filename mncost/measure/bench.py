"""The Python face of measuring: :func:`bench`, and the :class:`Measurement` that it returns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mncost.extras import require
from mncost.measure.records import Request, Run
from mncost.measure.run_file import read_run, write_run
from mncost.measure.runs import (
    ARCHITECTURES,
    PROCESSES,
    SECONDS,
    SECONDS_TO_COMPARE,
    TARGET_ERROR,
    begin,
    carry_out,
)

if TYPE_CHECKING:
    import pandas

    from mncost.interval import Interval
    from mncost.results.columns import Row
    from mncost.results.saving import Saving
    from mncost.spec.axis import Numbers

__all__ = ["Measurement", "bench"]

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
        from mncost.results.columns import rows

        require("results")
        return rows(self.run)

    def ratio(self, numerator: int, denominator: int) -> Interval | None:
        """Return how many times as long one cell takes as another, from the rounds of both.

        Args:
            numerator: a cell, by its place in ``run.cells``.
            denominator: another one.

        Returns:
            The ratio with its interval; ``None`` if no round visited both.
        """
        from mncost.results.summary import ratio

        return ratio(self.run, numerator, denominator)

    @cached_property
    def saving(self) -> Saving:
        """What each network saves beside its twin, and each pair of layers, if measured."""
        from mncost.results.saving import saving

        require("results")
        return saving(self.run)

    def to_frame(self) -> pandas.DataFrame:
        """Return one row for each cell, with intervals. Needs pandas."""
        from mncost.render.table import tabulate
        from mncost.results.columns import columns

        return tabulate("bench", columns(), self.rows).to_frame()

    def saving_to_frame(self) -> pandas.DataFrame:
        """Return :attr:`saving`: one row a network, a pair, a layer. Needs pandas.

        The columns are :data:`mncost.results.saving_records.COLUMNS`.
        """
        from mncost.render.table import Column, Table
        from mncost.results.saving_records import COLUMNS, records

        columns = [Column(name, name) for name in COLUMNS]
        rows = [list(record.values()) for record in records(self.saving)]
        return Table("saving", columns, rows).to_frame()

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
    target_error: float = TARGET_ERROR,
    max_time: float | None = None,
    processes: int = PROCESSES,
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
    run = begin(
        request,
        device=device,
        target_error=target_error,
        max_time=max_time,
        processes=processes,
        seed=seed,
        least_time=SECONDS_TO_COMPARE if pairs else SECONDS,
    )
    save = partial(write_run, path=Path(output)) if output is not None else _keep
    carry_out(run, save=save)
    if run.stopped == "interrupted":
        raise KeyboardInterrupt
    return Measurement(run)


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
