"""``mncost check``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mncost import flags
from mncost.budget.baseline import Baseline
from mncost.budget.checking import Checking
from mncost.cli import options
from mncost.cli.emit import Out, emit_text, is_standard_output
from mncost.cli.params import Only
from mncost.cli.streams import tell
from mncost.errors import InputError
from mncost.flags import Flag
from mncost.render import escape

if TYPE_CHECKING:
    from mncost.budget.outcome import Verdicts
    from mncost.budget.records import Limit
    from mncost.limits import Amount
    from mncost.render.table import Table

__all__ = ["check"]


def check(
    against: Baseline,
    how: Checking,
    out: Annotated[Out, Only(("columns",))],
    budgets: Annotated[
        Path | None,
        typer.Argument(metavar="BUDGETS", help="A budget file; - for standard input."),
    ] = None,
    junit: Annotated[
        Path | None,
        Flag("Write JUnit XML too.", "FILE"),
    ] = None,
    github: Annotated[
        bool,
        Flag("Write annotations and a job summary for GitHub Actions too."),
    ] = False,
    update: Annotated[
        bool,
        Flag("Print a diff with limits that would hold, instead of the table."),
    ] = False,
    self_test: Annotated[
        bool,
        Flag(
            "Measure V2 against itself for 60 s (or --max-time), and print which slowdowns this "
            "machine can detect and how often it would FAIL by mistake.",
            panel="Measure",
        ),
    ] = False,
    verbose: options.Verbose = False,
) -> int:
    """Check networks against a budget file: MACs, parameters, bytes, latency.

    mncost check budgets.toml
    mncost check budgets.toml --baseline run.json
    mncost check budgets.toml --baseline-arch old/my_net.toml --junit out.xml --github
    mncost check budgets.toml --baseline-model old.onnx
    mncost check budgets.toml --exact-only
    mncost check budgets.toml --update
    mncost check --self-test

    A limit on latency passes or fails only if the whole confidence interval agrees. Exit status: 0
    all pass, 1 one fails, 2 unusable input or not measured, 3 none fails but some are inconclusive.
    """
    if self_test:
        given: dict[str, Any] = {name.removeprefix("--"): v for name, v in against.given.items()}
        given |= {"allow-different-machine": against.other_machine or None, "junit": junit}
        given |= {name: v for name, v in flags.given(how).items() if name != "max_time"}
        given |= {"github": github or None, "update": update or None}
        given |= {"format": out.format, "output": out.output}
        options.refuse(given, "does not go with --self-test")
        if budgets is not None:
            raise InputError(f"--self-test takes no budget file: {budgets}")
        return _self_test(how.max_time, in_full=verbose)
    if budgets is None:
        raise InputError("missing argument 'BUDGETS': a budget file, or --self-test")
    save = None if how.save is None else Path(how.save)
    named = {"--junit": junit, "--save": save, "--output": out.output}
    outputs = {name: path for name, path in named.items() if path is not None}
    _keep(
        outputs,
        {
            "the budget file": budgets,
            "the baseline": against.run,
            "--baseline-arch": against.arch,
            "--baseline-model": None if against.model is None else Path(against.model),
        },
    )
    with _junit_file(junit, budgets) as write_junit:
        for path in (save, out.output):
            if path is not None and str(path) != "-":
                from mncost.render.write import check_writable

                check_writable(path)
        if update and out.format is not None:
            raise InputError("--format does not go with --update: a diff is text")
        if update and verbose:
            raise InputError("--verbose does not go with --update: a diff has no details")
        _refuse_mixed(against, how)
        text, limits = _read(budgets, against)
        _refuse_unmeasured(limits, {"verbose": verbose or None, **how.measuring}, how)
        _keep(outputs, _architecture_files(limits))
        with nullcontext() if update else out.when_interrupted(in_full=verbose):
            verdicts = _checked(limits, against, how)
        table = verdicts.table()
        if update:
            from mncost.budget.update import proposed

            diff = proposed(text, verdicts, str(budgets))
            emit_text(escape.text(diff) if is_standard_output(out.output) else diff, out.output)
        else:
            out.emit(table, in_full=verbose)
        if github:
            _to_github(verdicts, table, str(budgets))
        write_junit(verdicts, table.in_full().notes)
    for outcome in verdicts:
        if outcome.verdict == "ERROR":
            tell(f"mncost: {outcome.of.name}: {outcome.of.metric}: {outcome.why}")
    return verdicts.status


def _keep(outputs: Mapping[str, Path], inputs: Mapping[str, Path | None]) -> None:
    """Refuse an output that would overwrite an input, or another output."""
    if outputs:
        from mncost.render.write import refuse_overwriting  # a printed table overwrites nothing

        refuse_overwriting(outputs, inputs)


def _self_test(max_time: Amount | None, *, in_full: bool) -> int:
    from mncost.budget.self_test import self_test, sentences
    from mncost.cli.progress import watching
    from mncost.limits import seconds
    from mncost.results.results import Results
    from mncost.tables.warnings import warning_line, warning_lines
    from mncost.tables.words import machine_line

    with watching(None) as watch:
        test = self_test(seconds("--max-time", max_time), watch=watch)
    results = Results(test.run)
    warnings = warning_lines(results) if in_full else [warning_line(results)]
    lines = [*sentences(test), machine_line(test.run), *warnings]
    emit_text("\n".join(filter(None, lines)) + "\n", None)
    return 0


def _refuse_mixed(baseline: Baseline, how: Checking) -> None:
    """Refuse options that do not go together."""
    chosen = list(baseline.given)
    if len(chosen) > 1:
        raise InputError(f"{chosen[0]} and {chosen[1]} do not go together: one baseline")
    if baseline.other_machine and baseline.run is None:
        raise InputError("--allow-different-machine goes with --baseline")
    if how.exact_only:
        given = {name.removeprefix("--"): value for name, value in baseline.given.items()}
        asked = {name: value for name, value in how.measuring.items() if name != "save"}
        options.refuse({**given, **asked}, "does not go with --exact-only")


def _refuse_unmeasured(limits: Sequence[Limit], asked: Mapping[str, object], how: Checking) -> None:
    """Refuse options of measuring if there is nothing to measure."""
    if how.exact_only and not any(limit.is_exact for limit in limits):
        raise InputError("--exact-only: there is no exact limit")
    if how.exact_only or all(limit.is_exact for limit in limits):
        options.refuse(asked, "means nothing here: all limits are exact, nothing is measured")


def _read(path: Path, baseline: Baseline) -> tuple[str, list[Limit]]:
    """Return the text of a budget file and its limits; says all problems, the baseline's too."""
    from mncost.budget.file import read_bytes
    from mncost.budget.run import limits_of

    data, origin = read_bytes(path)
    return data.decode("utf-8-sig", "replace"), limits_of(data, origin, path.parent, baseline)


def _architecture_files(limits: Sequence[Limit]) -> dict[str, Path]:
    """Return the files that limits name, by what messages call them."""
    files = {limit.budget: Path(limit.model.arch) for limit in limits}
    named = {f"the architecture of budget {n}:": file for n, file in files.items()}
    return {name: file for name, file in named.items() if file.is_absolute()}


def _checked(limits: Sequence[Limit], baseline: Baseline, how: Checking) -> Verdicts:
    """Check limits; what has to be measured is shown as it goes."""
    from mncost.budget.run import check as check_limits

    is_measured = not how.exact_only and not all(limit.is_exact for limit in limits)
    with _progress(is_measured) as watch:
        return check_limits(limits, baseline=baseline, how=how, watch=watch)


def _progress(is_measured: bool) -> AbstractContextManager[Any]:
    if not is_measured:
        return nullcontext(lambda progress: None)
    from mncost.cli.progress import watching

    return watching(None)


def _junit_file(path: Path | None, budgets: Path) -> AbstractContextManager[Any]:
    if path is None:
        return nullcontext(lambda verdicts, notes: None)
    from mncost.budget.junit import junit_file

    return junit_file(path, "mncost check", str(budgets))


def _to_github(verdicts: Verdicts, table: Table, file: str) -> None:
    """Write annotations where they cannot get into a table: GitHub reads both streams."""
    from mncost.budget.github import annotations, append_summary, job_summary

    sys.stderr.write(annotations(verdicts, file))
    append_summary(job_summary(table), os.environ)
