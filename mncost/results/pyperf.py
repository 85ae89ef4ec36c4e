"""A run as a file of pyperf, for ``python -m pyperf compare_to old.json new.json``."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mncost.errors import MeasureError, one_line
from mncost.extras import require
from mncost.measure.records import Cell, Run
from mncost.results.series import SECOND, Series

if TYPE_CHECKING:
    from mncost.results.results import Results

__all__ = ["to_pyperf"]


def to_pyperf(results: Results) -> str:
    """Return a run as a suite of pyperf: a benchmark for each cell, a pyperf run for each process.

    Cells without samples are left out. pyperf assumes independent samples and does not know that
    each process has its own level: do not rely on its "significant".

    Raises:
        MeasureError: pyperf is not installed, or nothing was measured.
    """
    require("pyperf")
    import pyperf

    run = results.run
    names: set[str] = set()
    benchmarks = []
    for cell, series in zip(run.cells, results.series, strict=True):
        if series:
            name = _unused(one_line(cell.words()), names)
            names.add(name)
            runs = [_pyperf_run(run, cell, one, name) for one in series]
            try:
                benchmarks.append(pyperf.Benchmark(runs))
            except ValueError as error:  # of processes with other versions, e.g. of a file by hand
                raise MeasureError(f"pyperf does not take this run: {error}") from None
    if not benchmarks:
        raise MeasureError("nothing to export to pyperf: no cell of this run has a sample")
    out = io.StringIO()
    pyperf.BenchmarkSuite(benchmarks).dump(out)
    return out.getvalue()


def _unused(name: str, taken: set[str]) -> str:
    """Return the name, numbered if it is taken: pyperf wants every name once."""
    number, unused = 1, name
    while unused in taken:
        number += 1
        unused = f"{name} ({number})"
    return unused


def _pyperf_run(run: Run, cell: Cell, series: Series, name: str) -> Any:
    import pyperf

    warmups = [(1, ns / SECOND) for ns in series.bursts.warmup_ns]
    metadata = {"name": name, "unit": "second", "loops": 1, "inner_loops": 1}
    metadata |= _facts(run, cell, series)
    return pyperf.Run(
        series.seconds.tolist(),
        warmups=warmups,
        metadata={key: value for key, value in metadata.items() if value not in (None, "")},
        collect_metadata=False,
    )


def _facts(run: Run, cell: Cell, series: Series) -> dict[str, Any]:
    """Return the facts about a process, under pyperf's names where it has one."""
    process, machine = series.process, run.machine_of(cell.place.host)
    facts: dict[str, Any] = {
        "cpu_model_name": _line(machine.cpu),
        "cpu_count": machine.logical_cores,
        "platform": _line(machine.os),
        "load_avg_1min": machine.load_average,
        "mncost_version": _line(run.mncost_version),
        "mncost_cell": cell.id,
        "mncost_digest": _line(cell.digest),
        "mncost_macs": cell.macs,
        "mncost_generation": process.generation,
    }
    for program, version in process.versions.items():
        facts[_line(f"{program}_version")] = _line(version)
    try:
        began = datetime.fromisoformat(run.started) + timedelta(seconds=process.started)
    except (ValueError, OverflowError):  # not written by mncost
        return facts
    return facts | {"date": began.strftime("%Y-%m-%d %H:%M:%S")}


def _line(text: str) -> str:
    """Return a text as pyperf accepts it: one line without blanks around it."""
    return " ".join(text.split())
