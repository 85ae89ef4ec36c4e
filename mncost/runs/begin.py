"""A run that begins: its cells, its options, its machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from mncost.clock import check_clock
from mncost.effort import Effort
from mncost.errors import InputError
from mncost.flags import given
from mncost.measure.cells import Planned
from mncost.measure.plan import What, plan
from mncost.measure.private import without_home
from mncost.measure.records import Cell, HostRecord, Options, Run
from mncost.measure.runtime_names import RUNTIMES, USUAL
from mncost.measure.runtimes.reference import REFERENCES
from mncost.measure.where import ALL, HERE, Where
from mncost.network import Network
from mncost.runs.offers import disconnecting, offer

__all__ = [
    "ARCHITECTURES",
    "PROCESSES",
    "SECONDS",
    "SECONDS_TO_COMPARE",
    "TARGET_ERROR",
    "begin",
    "empty_run",
    "in_words",
    "options_for",
]

ARCHITECTURES = "v1,v2,v3-large"
TARGET_ERROR, PROCESSES = 0.02, 6
SECONDS, SECONDS_TO_COMPARE, MOST_SECONDS = 60.0, 150.0, 600.0
_PATIENCE = 3  # times the usual time, where the machine is so busy that intervals are wide
_SECONDS_A_CELL = 5.0


def begin(
    networks: Sequence[Network],
    where: Where,
    effort: Effort,
    what: What = What(),  # noqa: B008 - it is frozen
    *,
    least_time: float = SECONDS,
    asked: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Return an empty run of networks at every place.

    Args:
        networks: networks or twins.
        where: the places.
        effort: how long and how often. Without a ``max_time`` it is ``least_time``, or 5 s a
            cell (a network or twin at a place) if that is more, and at most ten minutes. Without
            pairs of layers it is up to three times as long while an interval is wider than ± 5 %.
        what: what is measured of each network.
        least_time: seconds.
        asked: how the networks were asked for, in the words of the command line.

    Raises:
        InputError: an argument is not accepted, or a package is not installed.
    """
    where.require()
    if where.hosts is not None and where.host == (HERE,):
        raise InputError("--hosts needs --host: which of its machines are measured on")
    with disconnecting():
        if names := [name for name in where.host if name != HERE]:
            from mncost.hosts.connected import connect

            runtimes = [*RUNTIMES] if ALL in where.runtime else where.runtime or USUAL
            connect(names, runtimes, where.hosts)
        offers = partial(offer, hosts=where.hosts) if where.hosts else offer
        wanted = plan(networks, where, what, offers, copies=effort.copies or 1)
        options = options_for(wanted.planned.cells, effort, what, least_time=least_time)
        run = empty_run(wanted.planned, options)
    run.asked = in_words({**asked, **given(where)})
    run.left_out, run.pairs, run.notes = wanted.left_out, wanted.pairs, wanted.notes
    return run


def options_for(
    cells: Sequence[Cell],
    effort: Effort,
    what: What = What(),  # noqa: B008 - it is frozen
    *,
    least_time: float = SECONDS,
) -> Options:
    """Return how cells are measured, with the usual value in place of each ``None``."""
    hosts = Counter(cell.place.host for cell in cells if cell.subject.part is None)
    whole = max(hosts.values(), default=0)  # on each machine at the same time
    usual_time = max(least_time, min(MOST_SECONDS, _SECONDS_A_CELL * whole))
    more_time = max(0.0, min(_PATIENCE * usual_time, MOST_SECONDS) - usual_time)
    return Options(
        target_error=TARGET_ERROR if effort.target_error is None else effort.target_error,
        max_time=usual_time if effort.max_time is None else effort.max_time,
        more_time=0.0 if effort.max_time or what.pairs else more_time,
        processes=PROCESSES if effort.processes is None else effort.processes,
        seed=effort.seed or 0,
        clock=check_clock(effort.clock, [cell.place.threads for cell in cells]),
        by_layer=what.by_layer,
        memory=what.memory,
    )


def empty_run(planned: Planned, options: Options) -> Run:
    """Return a run of this machine, now, in which nothing has been measured yet."""
    from mncost.measure.git import commit
    from mncost.measure.machine import machine

    names = [cell.place.host for cell in planned.cells if not cell.place.is_here]
    hosts: dict[str, HostRecord] = {}
    if names:
        from mncost.hosts.connected import look_at

        hosts = {name: look_at(name) for name in dict.fromkeys(names) if name is not None}
    return Run(
        hosts=hosts,
        mncost_version=version("mncost"),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        options=options,
        machine=machine(),
        git=commit(),
        reference=", ".join(REFERENCES),
        cells=planned.cells,
        models=planned.models,
    )


def in_words(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what was asked for as a run file keeps it: texts, several values with commas."""
    words = {}
    for name, value in given.items():
        several = isinstance(value, Sequence) and not isinstance(value, str)
        words[name] = without_home(",".join(map(str, value)) if several else str(value))
    return words
