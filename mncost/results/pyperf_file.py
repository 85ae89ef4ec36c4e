"""A run as a file of pyperf, for ``python -m pyperf compare_to old.json new.json``."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any

from mncost.errors import MeasureError
from mncost.extras import require
from mncost.measure.cells import title
from mncost.measure.records import Cell, Run
from mncost.results.samples import Series, series_by_cell

__all__ = ["to_pyperf"]


def to_pyperf(run: Run) -> str:
    """Return a run as a suite of pyperf: a benchmark a cell, a run of pyperf's a process.

    Cells without samples are left out. pyperf takes every sample for independent, and does not
    know that a process has its own level: its "significant" is not to be relied on.

    Raises:
        MeasureError: pyperf is not installed, or nothing was measured.
    """
    require("pyperf")
    import pyperf

    names: set[str] = set()
    benchmarks = []
    for cell, series in zip(run.cells, series_by_cell(run), strict=True):
        if series:
            name = _unused(title(cell), names)
            names.add(name)
            runs = [_pyperf_run(run, cell, one, name) for one in series]
            benchmarks.append(pyperf.Benchmark(runs))
    if not benchmarks:
        raise MeasureError("nothing to export to pyperf: no cell of this run has a sample")
    out = io.StringIO()
    pyperf.BenchmarkSuite(benchmarks).dump(out)
    return out.getvalue()


def _unused(name: str, taken: set[str]) -> str:
    """Return the name, numbered if it is taken: pyperf wants every name once."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} ({number})"
    return found


def _pyperf_run(run: Run, cell: Cell, series: Series, name: str) -> Any:
    import pyperf

    warmups = [(1, ns * 1e-9) for burst in series.bursts for ns in burst.warmup_ns]
    metadata = {"name": name, "unit": "second", "loops": 1, "inner_loops": 1}
    metadata |= _facts(run, cell, series)
    return pyperf.Run(
        [ns * 1e-9 for ns in series.ns.tolist()],
        warmups=warmups,
        metadata={key: value for key, value in metadata.items() if value not in (None, "")},
        collect_metadata=False,
    )


def _facts(run: Run, cell: Cell, series: Series) -> dict[str, Any]:
    """Return what there is to know of a process, under pyperf's names where it has one."""
    process = series.process
    facts: dict[str, Any] = {
        "cpu_model_name": _line(run.machine.cpu),
        "cpu_count": run.machine.logical_cores,
        "platform": _line(run.machine.os),
        "load_avg_1min": run.machine.load_average,
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
    except (ValueError, OverflowError):  # written by someone else
        return facts
    return facts | {"date": began.strftime("%Y-%m-%d %H:%M:%S")}


def _line(text: str) -> str:
    """Return a text as one line without blanks around it, which is what pyperf accepts."""
    return " ".join(text.split())
