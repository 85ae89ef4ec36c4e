"""Warnings and failures of a run: in one line for people, in full for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mncost.tables.words import conditions, in_short
from mncost.units import seconds

if TYPE_CHECKING:
    from mncost.measure.records import Run
    from mncost.render.table import Table
    from mncost.results.statistics import Statistics
    from mncost.results.warnings import RunWarning

__all__ = ["longer", "measured", "problems", "warning_line", "warning_lines"]

_ROUGH = 0.10  # of a latency: half of an interval from which on a run is called unreliable
_FAILURES = 3  # that people see
_LOST = "host-lost"  # a warning for programs; people see a failure
# If only one warning is said, the likely cause comes before what it causes.
_ORDER = (
    *(
        "threads",
        "quota",
        "steal",
        "disturbed",
        "other-load",
        "drift",
        "frequency",
        "few-processes",
    ),
    *("few-rounds", "target", "spread", "coarse-clock", "governor", "no-cpu-time", "waits"),
)
_OF_TIME = ("few-processes", "few-rounds", "target")
_OF_NOISE = ("steal", "disturbed", "other-load", "no-cpu-time", "drift", "frequency", "spread")
_TIMES = ("10s", "20s", "30s", "1min", "2min", "3min", "5min", "10min", "20min", "30min")


def measured(table: Table, results: Statistics) -> Table:
    """Return a table of measurements with the notes on how they were measured."""
    failed = [f"failed: {text}" for name, text in problems(results) if name == "failed"]
    more = [f"failed: {len(failed) - _FAILURES} more"] if len(failed) > _FAILURES else []
    return table._replace(
        legend=[*table.legend, in_short(results)],
        notes=[*table.notes, *failed[:_FAILURES], *more, *results.run.notes],
        details=[*table.details, *conditions(results), *warning_lines(results)],
        warning=warning_line(results),
    )


def warning_lines(results: Statistics) -> list[str]:
    """Return every failure beyond the few that are always said, and every warning in full."""
    failed: list[str] = []
    others: list[str] = []
    for name, text in problems(results):
        (failed if name == "failed" else others).append(f"{name}: {text}")
    return [*failed[_FAILURES:], *others]


def warning_line(results: Statistics) -> str:
    """Return all warnings in one line, the likely cause and what to do; "" without any."""
    warnings = {one.name: one for one in results.warnings if one.name != _LOST}
    if not warnings:
        return ""
    first = next((warnings[name] for name in _ORDER if name in warnings), None)
    first = first or next(iter(warnings.values()))
    is_rough = any(error is None or error > _ROUGH for error in _errors(results))
    others = len(warnings) - 1
    more = "" if not others else f" {others} more warning{'' if others == 1 else 's'}: -v."
    head = "Unreliable" if is_rough else "Doubtful"
    return f"{head}: {first.short}. {_advice(results, first)}.{more}"


def _advice(results: Statistics, first: RunWarning) -> str:
    """Say what to do: measure longer, measure elsewhere, or what the warning itself says."""
    is_noise = any(warning.name in _OF_NOISE for warning in results.warnings)
    if time := longer(results):
        return f"Try --max-time {time}{' on a quiet machine' * is_noise}"
    return "Try again on a quiet machine" if is_noise else f"Try {first.remedy}"


def longer(results: Statistics) -> str | None:
    """Return a longer time to measure if that would help: ``3min``.

    An interval is half as wide after four times as long; advised are two to ten times as long.
    """
    if not any(warning.name in _OF_TIME for warning in results.warnings):
        return None
    known = [error for error in _errors(results) if error is not None]
    target = results.run.options.target_error or _ROUGH
    times = min(max(min(max(known, default=1.0) / target, 10.0) ** 2, 2.0), 10.0)
    wanted = results.run.seconds * times
    return next((one for one in _TIMES if seconds("", one) >= wanted), _TIMES[-1])


def _errors(results: Statistics) -> list[float | None]:
    return [one.latency.relative_error for one in results.summaries if one.latency]


def problems(results: Statistics) -> Iterator[tuple[str, str]]:
    """Yield what failed and what is doubtful: a word for it, and a sentence.

    A warning that concerns several cells is given once, for the worst of them.
    """
    for summary in results.summaries:
        if summary.failure:
            yield "failed", f"{summary.cell.words()}: {summary.failure}"
    groups: dict[str, list[RunWarning]] = {}
    for warning in results.warnings:
        if warning.name == _LOST:
            yield "failed", f"{warning.text}; {warning.remedy}"
        else:
            groups.setdefault(warning.name, []).append(warning)
    for group in groups.values():
        worst = max(group, key=lambda one: one.value if isinstance(one.value, float) else 0.0)
        yield worst.name, f"{_cells(worst, group, results.run)}{worst.text}; {worst.remedy}"


def _cells(worst: RunWarning, group: list[RunWarning], run: Run) -> str:
    if worst.cell is None:
        return ""
    more = f" (and {len(group) - 1} more)" if len(group) > 1 else ""
    return f"{run.cells[worst.cell].words()}{more}: "
