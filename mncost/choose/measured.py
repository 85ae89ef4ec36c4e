"""The candidates' latencies, measured now or in a saved run: who is fast enough, and who may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mncost.choose.latency import LatencyLimit, Place, Timed, timed
from mncost.choose.limits import Rule, Spelling, Timing, fitting, percent, whole
from mncost.errors import InputError, MeasureError, QuantityError
from mncost.extras import require
from mncost.measure.engine import Progress
from mncost.measure.machine import machine, machine_differences
from mncost.measure.records import Run
from mncost.measure.run_file import read_run, write_run
from mncost.measure.runtimes import MAX_THREADS
from mncost.published.accuracy import Candidate
from mncost.render.write import check_writable
from mncost.units import seconds

if TYPE_CHECKING:
    from mncost.choose.search import Goal

__all__ = ["Latencies", "latencies"]

_IN_MEMORY = "the run"


class Latencies(NamedTuple):
    """What a run says about candidates.

    Attributes:
        limit: what a latency may be, and where it is meant.
        run: that was measured; ``None`` if no candidate keeps to the other limits.
        timed: the candidates that were measured, each with its interval in ns.
        asked: how many candidates keep to all other limits.
        measured: how many of them are in the run.
        undecided: those of them that may fit: the limit lies within their intervals.
        not_measured: those of them that may fit and are not in the run.
        dropped: how many of them are clearly too slow.
        besides: how many others were measured, to find out what the other limits cost.
        unpriced: names of the limits of which there was no time to find it out.
        origin: the file of a saved run; ``None``: measured now.
        differences: of this machine and the one that the run is from.
    """

    limit: LatencyLimit
    run: Run | None
    timed: Sequence[Timed]
    asked: int
    measured: int
    undecided: Sequence[Timed] = ()
    not_measured: Sequence[Candidate] = ()
    dropped: int = 0
    besides: int = 0
    unpriced: Sequence[str] = ()
    origin: str | None = None
    differences: Sequence[str] = ()

    @property
    def is_undecided(self) -> bool:
        """Whether longer measuring could find more that fit: a saved run is what it is."""
        return bool(self.undecided or (self.not_measured and self.origin is None))

    def rule(self) -> Rule:
        """Return the rule that a latency passes by its whole interval."""
        passed = {id(one.candidate) for one in self.timed if one.verdict == "PASS"}
        return lambda candidate: id(candidate) in passed


def latencies(
    found: Sequence[Candidate],
    rules: Mapping[str, Rule],
    timing: Timing,
    *,
    wanted: int,
    watch: Callable[[Progress], None] = lambda progress: None,
    spelled: Spelling = str,
) -> Latencies:
    """Find out which candidates are fast enough: look into a run, or measure as few as it takes.

    Args:
        found: the most accurate first.
        rules: all other limits, by name.
        timing: what is asked; has a limit.
        wanted: how many that fit are looked for, if they are measured.
        watch: is told the progress.
        spelled: how messages write the names of ``timing``.

    Raises:
        InputError: something cannot be read, is not installed, or cannot be measured.
        KeyboardInterrupt: the measuring was interrupted.
    """
    limit = _limit(timing, spelled)
    fit = fitting(found, rules)
    if timing.run is not None:
        return _saved(found, fit, timing, limit)
    time = _seconds(spelled("max_time"), timing.max_time)
    save = _saver(timing)
    if not fit:
        return Latencies(limit, None, [], 0, 0)
    from mncost.choose.search import SECONDS, search

    time = SECONDS if time is None else time
    pool, goals = _goals(found, rules, wanted)
    own, *others = goals.values()
    seen, run = search(pool, limit, [own, *others], max_time=time, watch=watch, save=save)
    inside = set(own.members)
    return Latencies(
        limit,
        run,
        seen.timed(),
        len(fit),
        len(inside & seen.intervals.keys()),
        undecided=seen.undecided(),
        not_measured=seen.missed(),
        dropped=len(inside & seen.dropped),
        besides=len(seen.intervals.keys() - inside),
        unpriced=[name for name in rules if not seen.is_reached(goals[name])],
    )


def _goals(
    found: Sequence[Candidate], rules: Mapping[str, Rule], wanted: int
) -> tuple[list[Candidate], dict[str, Goal]]:
    """Return who may be measured, and for what: who fits, and who would without each limit.

    The key of the first goal is "".
    """
    from mncost.choose.search import Goal

    groups = {"": fitting(found, rules)}
    for name in rules:
        groups[name] = fitting(found, {n: rule for n, rule in rules.items() if n != name})
    some = {id(one) for group in groups.values() for one in group}
    pool = [one for one in found if id(one) in some]
    place = {id(one): index for index, one in enumerate(pool)}
    return pool, {
        name: Goal([place[id(one)] for one in group], 1 if name else wanted)
        for name, group in groups.items()
    }


def _limit(timing: Timing, spelled: Spelling) -> LatencyLimit:
    name, given = spelled("max_latency"), str(timing.max_latency)
    most = 1e9 * seconds(name, given, bare=None)
    if not most:
        raise QuantityError(f"{name} {given!r}: accepted is a time above 0")
    if timing.threads is not None:
        whole(spelled("threads"), timing.threads, MAX_THREADS)
    place = Place(timing.runtime, timing.threads)
    if timing.percentile is None:
        return LatencyLimit(most, place=place)
    return LatencyLimit(most, percent(spelled("percentile"), timing.percentile), place)


def _seconds(name: str, given: object) -> float | None:
    return None if given is None else seconds(name, str(given))


def _saver(timing: Timing) -> Callable[[Run], None]:
    """Return what saves the run as it goes; a file that cannot be written is found now."""
    if timing.save is None:
        return lambda run: None
    check_writable(Path(timing.save))
    return partial(write_run, path=Path(timing.save))


def _saved(
    found: Sequence[Candidate], fit: Sequence[Candidate], timing: Timing, limit: LatencyLimit
) -> Latencies:
    require("results")
    origin, run = _read(timing)
    try:
        measured = timed(run, found, limit)
    except MeasureError as error:
        raise InputError(f"{origin}: {error}") from None
    inside = {id(one.candidate): one for one in measured}
    here = [inside[id(one)] for one in fit if id(one) in inside]
    return Latencies(
        limit,
        run,
        measured,
        len(fit),
        len(here),
        undecided=[one for one in here if one.verdict is None],
        not_measured=[one for one in fit if id(one) not in inside],
        origin=origin,
        differences=machine_differences(run.machine, machine()),
    )


def _read(timing: Timing) -> tuple[str, Run]:
    """Return a saved run, and how messages call it."""
    given = timing.run
    if isinstance(given, str | Path):
        return str(given), read_run(Path(given))
    assert given is not None
    return _IN_MEMORY, given.run
