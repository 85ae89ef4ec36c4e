"""The hosts of a hosts file, and whether they can be measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mncost.hosts.check import Checked
from mncost.hosts.host import Seen
from mncost.measure.machine import fingerprint
from mncost.render.column import Value
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table

__all__ = ["hosts_table"]


def hosts_table(
    hosts: Sequence[Checked], *, columns: str | Sequence[str] | None = None, file: str = ""
) -> Table:
    """Return one row for each host; why one cannot be measured on stands below.

    Args:
        hosts: what each said.
        columns: names of columns.
        file: where the hosts are written down.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    notes = [f"{one.entry.name}: {one.reason}" for one in hosts if one.seen is None]
    notes += [f"{one.entry.name}: {note}" for one in hosts for note in _notes(one.seen)]
    legend = [f"hosts of {file}"] if file else []
    return tabulate("hosts", _COLUMNS, hosts, names=columns, notes=notes, legend=legend)


def _notes(seen: Seen | None) -> Iterator[str]:
    """Yield what to know before measuring."""
    if seen is None:
        return
    if seen.measuring is not None:
        yield f"{seen.measuring} measures there now"
    if not _runtimes(seen):
        yield "no runtime is installed there, e.g. python -m pip install onnxruntime"
    for name, what in seen.runtimes.items():
        if "version" in what and "least" in what:
            yield f"{name} needs Python {what['least']} there"


def _runtimes(seen: Seen) -> list[str]:
    """Return the runtimes that can be measured, with their versions."""
    return [
        f"{name} {what['version']}"
        for name, what in seen.runtimes.items()
        if "version" in what and "least" not in what
    ]


def _state(one: Checked) -> str:
    if one.seen is None:
        return "unreachable"
    if one.seen.measuring is not None:
        return "busy"
    return "ready" if _runtimes(one.seen) else "no runtime"


def _of(value: Callable[[Seen], Value]) -> Callable[[Any], Value]:
    """Return the function of a column whose values only hosts that answered have."""
    return lambda one: None if one.seen is None else value(one.seen)


def _usable(seen: Seen) -> int:
    of = seen.machine
    return of.logical_cores if of.affinity is None else len(of.affinity)


def _load(seen: Seen) -> float | None:
    return None if seen.machine.load_average is None else round(seen.machine.load_average, 1)


_COLUMNS: Mapping[str, Source] = sources(
    ("host", "host", "text", lambda one: one.entry.name),
    ("state", "state", "text", _state),
    ("python", "Python", "text", _of(lambda seen: seen.python)),
    ("cpu", "CPU", "text", _of(lambda seen: seen.machine.cpu)),
    ("cores", "cores", "number", _of(lambda seen: seen.machine.cores)),
    ("usable", "usable", "number", _of(_usable)),
    ("quota", "quota", "number", _of(lambda seen: seen.machine.cpu_quota)),
    ("load", "load", "number", _of(_load)),
    ("runtimes", "runtimes", "text", _of(lambda seen: ", ".join(_runtimes(seen)) or None)),
    ("label", "label", "text", lambda one: one.entry.label or None),
    ("destination", "destination", "text", lambda one: one.entry.destination),
    ("architecture", "architecture", "text", _of(lambda seen: seen.machine.architecture)),
    ("memory", "memory", "bytes", _of(lambda seen: seen.machine.memory_bytes or None)),
    ("os", "OS", "text", _of(lambda seen: seen.machine.os)),
    ("fingerprint", "fingerprint", "text", _of(lambda seen: fingerprint(seen.machine))),
    ("measuring", "measuring", "text", _of(lambda seen: seen.measuring)),
    ("reason", "reason", "text", lambda one: one.reason or None),
    extra=("label", "destination", "memory", "os", "fingerprint", "measuring", "reason"),
    narrow=("quota", "usable", "architecture", "python"),
)
