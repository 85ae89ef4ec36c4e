"""``mncost check``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer

from mncost.budget.records import Baseline, Limit, Outcome
from mncost.budget.run import Report, report
from mncost.budget.verdicts import Inconclusive, status
from mncost.cli import options
from mncost.cli.emit import emit, emit_text, format_for
from mncost.errors import BudgetError, InputError, UnknownNameError
from mncost.render.write import check_writable, write_atomically
from mncost.units import seconds

__all__ = ["check"]

UNUSABLE = 2
FOR_PEOPLE = ("terminal", "markdown")


def check(
    budgets: Annotated[
        Path | None,
        typer.Argument(metavar="BUDGETS", help="A budget file; - for standard input."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            metavar="FILE",
            help="What regressions are against: a saved run (mncost bench -o) of this machine.",
        ),
    ] = None,
    baseline_python: Annotated[
        str | None,
        typer.Option(
            "--baseline-python",
            metavar="PATH",
            help="Or: the same models in another interpreter, measured in turn with this one.",
        ),
    ] = None,
    baseline_arch: Annotated[
        Path | None,
        typer.Option(
            "--baseline-arch",
            metavar="FILE",
            help="Or: an older version of the architecture file, measured in turn with the new.",
        ),
    ] = None,
    allow_different_machine: Annotated[
        bool,
        typer.Option(
            "--allow-different-machine",
            help="Compare with a saved run of another machine; it decides nothing.",
        ),
    ] = False,
    exact_only: Annotated[
        bool,
        typer.Option(
            "--exact-only", help="Leave limits on latency out: needs neither torch nor a runtime."
        ),
    ] = False,
    max_time: Annotated[
        str | None,
        typer.Option(
            "--max-time",
            metavar="TIME",
            help="What is undecided by then is inconclusive. Default: 20 s, 10 s more for each "
            "model beyond two, 40 s more for each p99 (p95: 8 s, p99.9: 400 s).",
        ),
    ] = None,
    inconclusive: Annotated[
        str | None,
        typer.Option(
            "--inconclusive",
            metavar="pass|fail",
            help="What inconclusive limits count as. Default: neither, exit status 3.",
        ),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML too.")
    ] = None,
    github: Annotated[
        bool,
        typer.Option(
            "--github", help="Write annotations and a job summary for GitHub Actions too."
        ),
    ] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Instead of the table: a diff with limits that would hold."),
    ] = False,
    self_test: Annotated[
        bool,
        typer.Option(
            "--self-test",
            help="Instead of a budget file: measure V2 against itself for 60 s (or --max-time): "
            "how often this machine's noise makes a FAIL, and the smallest slowdown that is found.",
        ),
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Write what was measured as a run file too."),
    ] = None,
    format_name: options.Format = None,
    output: options.Output = None,
) -> int:
    """Check that networks keep their budgets: MACs, parameters, bytes, latency.

    A limit on latency passes or fails only by its whole interval. Exit status: 0 all pass, 1 one
    fails, 2 unusable, 3 none fails but some are inconclusive.

    mncost check budgets.toml
    mncost check budgets.toml --baseline run.json
    mncost check budgets.toml --baseline-arch old/my_net.toml --junit out.xml --github
    mncost check budgets.toml --exact-only
    mncost check budgets.toml --update
    mncost check --self-test
    """
    wanted = format_for(format_name, output)
    how = _inconclusive(inconclusive)
    base = Baseline(baseline, baseline_python, baseline_arch, allow_different_machine)
    _check(base, exact_only=exact_only, max_time=max_time)
    limit = None if max_time is None else seconds("--max-time", max_time)
    if self_test:
        others = {
            "baseline": baseline,
            "baseline-python": baseline_python,
            "update": update or None,
        }
        others |= {"baseline-arch": baseline_arch, "exact-only": exact_only or None, "junit": junit}
        others |= {"github": github or None, "inconclusive": inconclusive, "save": save}
        others |= {"format": format_name, "output": output}
        options.refuse(others, "does not go with --self-test")
        if budgets is not None:
            raise InputError(f"--self-test takes no budget file: {budgets}")
        return _self_test(limit)
    if budgets is None:
        raise InputError("missing argument 'BUDGETS': a budget file, or --self-test")
    for path in (junit, save, output):
        if path is not None and str(path) != "-":
            check_writable(path)
    text, limits = _read(budgets, base, exact_only=exact_only)
    began, timestamp = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    found = _report(limits, base, limit, save)
    notes = [*found.notes, *_measured_notes(found)]
    if update:
        from mncost.budget.update import proposed

        emit_text(proposed(text, found.outcomes, str(budgets)), output)
    else:
        _emit(found.outcomes, notes, wanted, output)
    if junit is not None:
        from mncost.budget.junit import junit as as_junit

        took = time.monotonic() - began
        content = as_junit(
            found.outcomes,
            notes,
            "mncost check",
            str(budgets),
            took,
            timestamp,
            inconclusive=how,
        )
        write_atomically(junit, content.encode())
    if github:
        _to_github(found.outcomes, notes, str(budgets), how)
    for error in found.errors:
        print(f"mncost: {error}", file=sys.stderr)
    return UNUSABLE if found.errors else status(found.outcomes, how)


def _self_test(max_time: float | None) -> int:
    from mncost.budget.self_test import self_test, sentences
    from mncost.cli.measured_notes import machine_line, objections
    from mncost.cli.progress import watching
    from mncost.results.summary import summarise

    with watching(None) as watch:
        found = self_test(max_time, watch=watch)
    floor = next(iter(found.floors.values()))
    lines = [
        f"V2 against itself: {floor.ratio.center:.4f}, standard deviation of a generation "
        f"{floor.sd.center:.2%}, {floor.generations} generations",
        *sentences(found),
        machine_line(found.run),
        *objections(found.run, summarise(found.run, ())),
    ]
    emit_text("\n".join(lines) + "\n", None)
    return 0


def _inconclusive(given: str | None) -> Inconclusive:
    accepted: tuple[Inconclusive, ...] = get_args(Inconclusive)
    if given is None:
        return "keep"
    for name in accepted:
        if name == given and name != "keep":
            return name
    raise UnknownNameError("--inconclusive", given, [name for name in accepted if name != "keep"])


def _check(baseline: Baseline, *, exact_only: bool, max_time: str | None) -> None:
    given = {
        "baseline": baseline.run,
        "baseline-python": baseline.python,
        "baseline-arch": baseline.arch,
    }
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) > 1:
        raise InputError(f"--{chosen[0]} and --{chosen[1]} do not go together: one baseline")
    if baseline.other_machine and baseline.run is None:
        raise InputError("--allow-different-machine goes with --baseline")
    if exact_only:
        options.refuse(given | {"max-time": max_time}, "does not go with --exact-only")


def _read(path: Path, baseline: Baseline, *, exact_only: bool) -> tuple[str, list[Limit]]:
    """Return the text of a budget file and its limits.

    What is wrong with the file and with the baseline is said at once.
    """
    from mncost.budget.file import parse_budgets, read_bytes

    try:
        data, origin = read_bytes(path)
        limits = parse_budgets(data, origin, path.parent)
    except BudgetError as error:
        from mncost.budget.plan import baseline_problems
        from mncost.measure.runs import offer

        raise BudgetError([*error.problems, *baseline_problems(baseline, offer)]) from None
    if exact_only:
        limits = [limit for limit in limits if limit.is_exact]
        if not limits:
            raise InputError(f"{origin}: --exact-only: there is no exact limit")
    return data.decode("utf-8-sig"), limits


def _report(
    limits: Sequence[Limit], baseline: Baseline, max_time: float | None, save: Path | None
) -> Report:
    """Check limits; what has to be measured is shown as it goes."""
    if all(limit.is_exact for limit in limits):
        if save is not None:
            raise InputError("--save: nothing is measured, all limits are exact")
        return report(limits)
    from functools import partial

    from mncost.cli.progress import watching
    from mncost.measure.run_file import write_run

    with watching(None) as watch:
        keep = partial(write_run, path=save) if save else lambda run: None
        return report(limits, max_time=max_time, baseline=baseline, watch=watch, save=keep)


def _measured_notes(found: Report) -> list[str]:
    if found.run is None:
        return []
    from mncost.cli.measured_notes import machine_line, objections
    from mncost.results.summary import summarise

    summaries = summarise(found.run, ())
    return [machine_line(found.run), *objections(found.run, summaries)]


def _emit(
    outcomes: Sequence[Outcome], notes: Sequence[str], wanted: str, output: Path | None
) -> None:
    from mncost.budget.tables import machine_table, people_table

    table = (people_table if wanted in FOR_PEOPLE else machine_table)(outcomes, notes)
    emit(table, wanted, output)


def _to_github(
    outcomes: Sequence[Outcome], notes: Sequence[str], file: str, how: Inconclusive
) -> None:
    """Write annotations where they cannot get into a table: GitHub reads both streams."""
    from mncost.budget.github import annotations, append_summary, job_summary

    sys.stderr.write(annotations(outcomes, file, inconclusive=how))
    append_summary(job_summary(outcomes, notes), os.environ)
