"""A saved run that is measured on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from mncost.clock import check_clock
from mncost.effort import Effort
from mncost.errors import MeasureError, UnknownNameError
from mncost.extras import require
from mncost.measure.private import with_home
from mncost.measure.records import Run
from mncost.measure.run_file import read_run
from mncost.measure.runtime_names import REAL, RUNTIMES
from mncost.readers.model import TorchSource
from mncost.runs.offers import disconnecting, offer

__all__ = ["resumed"]


def resumed(
    path: Path, effort: Effort, python: Sequence[str] = (), hosts: Path | None = None
) -> Run:
    """Return a saved run, to be measured on.

    Args:
        path: the run file.
        effort: its ``target_error``, ``max_time`` and ``clock`` replace those of the run.
        python: interpreters that may be started. A run file names those that it was measured in,
            and a file does not choose programs.
        hosts: the file with the hosts that it was measured on.

    Raises:
        InputError: it cannot be read, or this machine or the runtimes are not the same.
    """
    from mncost.measure.machine import machine, machine_differences

    require("bench")
    run = read_run(path)
    is_here = not run.hosts or any(cell.place.is_here for cell in run.cells)
    differences = machine_differences(run.machine, machine()) if is_here else []
    if differences:
        raise MeasureError(f"{path}: not resumed on another machine: {'; '.join(differences)}")
    if run.imports_python:
        names = [m.source.name for m in run.models.values() if isinstance(m.source, TorchSource)]
        raise MeasureError(
            f"{path}: not resumed: it ran {names[0]}, and a file does not choose what Python "
            "imports; accepted is a new run"
        )
    allowed = {with_home(name) for name in (*python, sys.executable)}
    for place in dict.fromkeys(cell.place for cell in run.cells):
        if place.python is not None and with_home(place.python) not in allowed:
            raise MeasureError(
                f"{path}: not resumed: it was measured in {place.python} too; "
                f"--python {place.python} allows to start that"
            )
        if place.runtime not in RUNTIMES:
            raise UnknownNameError("runtime", place.runtime, RUNTIMES, shown=REAL)
        if place.is_here and place.provider not in offer(place.runtime, place.python):
            raise MeasureError(f"{path}: not resumed: {place.runtime} has no {place.provider} now")
    _check_hosts(path, run, hosts)
    check_clock(effort.clock, [cell.place.threads for cell in run.cells])
    changes = {name: getattr(effort, name) for name in ("target_error", "max_time", "clock")}
    new = {name: value for name, value in changes.items() if value is not None}
    if effort.max_time is not None:
        new["more_time"] = 0.0
    run.options = structs.replace(run.options, **new)
    return run


def _check_hosts(path: Path, run: Run, hosts: Path | None) -> None:
    """Connect to the hosts of a run that is resumed.

    Raises:
        MeasureError: one is another machine now, or its runtimes are not the same.
    """
    if not run.hosts:
        return
    from mncost.hosts.connected import connect, look_at
    from mncost.measure.machine import machine_differences

    with disconnecting():
        connect([*run.hosts], list({cell.place.runtime for cell in run.cells}), hosts)
        for name, record in run.hosts.items():
            if differences := machine_differences(record.machine, look_at(name, hosts).machine):
                raise MeasureError(
                    f"{path}: not resumed: {name} is another machine: {'; '.join(differences)}"
                )
        for place in dict.fromkeys(cell.place for cell in run.cells if not cell.place.is_here):
            if place.provider not in offer(place.runtime, None, host=place.host):
                raise MeasureError(f"{path}: not resumed: {place.host} has no {place.provider} now")
