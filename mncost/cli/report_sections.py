"""What a report says about a run, section by section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mncost.cli.compare_tables import people_tables
from mncost.cli.measure_options import View
from mncost.cli.measured import cell_table
from mncost.cli.measured_layers import layer_table
from mncost.cli.measured_notes import conditions, objections, remarks, stopped
from mncost.cli.report_facts import machine, method, target_of, when
from mncost.cli.report_pictures import Missing, layer_pictures, pictures
from mncost.measure.cells import title
from mncost.measure.records import Run
from mncost.page.html import Figure, Page, Section
from mncost.results.saving import saving
from mncost.results.summary import CellSummary, summarise

__all__ = ["page"]

_MOST = 5_000  # rows of layers: more would make a file of many MB


def page(run: Run, view: View, title: str | None, generator: str) -> Page:
    """Return a run as a page.

    Args:
        run: what was measured.
        view: how its table is to be shown.
        title: of the page; ``None``: by its architectures.
        generator: the program, and its version.
    """
    summaries = summarise(run, ())
    found = [
        _latencies(run, view),
        *_pictures(summaries),
        *_savings(run),
        *_layers(run),
        _warnings(run, summaries),
        method(run),
        machine(run),
    ]
    said = {*conditions(run), *objections(run, summaries)}
    sections = [_said_once(section, said) for section in found]
    return Page(title or _title(run), _summary(run, summaries), sections, generator)


def _said_once(section: Section, said: set[str]) -> Section:
    """Leave out of the notes of tables what has a section of its own."""
    tables = [
        table._replace(
            notes=[note for note in table.notes if note not in said],
            legend=[line for line in table.legend if line not in said],
        )
        for table in section.tables
    ]
    return section._replace(tables=tables)


def _title(run: Run) -> str:
    names = list(dict.fromkeys(cell.arch for cell in run.cells))
    if not 0 < len(names) <= 4:
        return f"CPU latency of {len(names)} architectures"
    *others, last = names
    return f"CPU latency of {', '.join(others)}{' and ' if others else ''}{last}"


def _summary(run: Run, summaries: Sequence[CellSummary]) -> list[str]:
    whole = [summary for summary in summaries if summary.cell.part is None]
    parts = len(summaries) - len(whole)
    target = target_of(run)
    failed = sum(summary.failure is not None for summary in summaries)
    counted = [
        f"{_counted(len(whole), 'model')}{f' and {parts} parts of models' if parts else ''}",
        *([f"{sum(s.reached for s in summaries)} measured within {target}"] if target else []),
        f"{failed} failed" if failed else "none failed",
    ]
    return [f"{run.machine.cpu}, {when(run.started)}", ", ".join(counted)]


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"


# -------------------------------------------------------------------------------------- sections


def _latencies(run: Run, view: View) -> Section:
    return Section("latency", "Latency", tables=[cell_table(run, view)])


def _pictures(summaries: Sequence[CellSummary]) -> Iterator[Section]:
    figures, notes = _parted(pictures(summaries))
    if figures or notes:
        yield Section("pictures", "Pictures", notes, figures)


def _parted(found: Iterable[Figure | Missing]) -> tuple[list[Figure], list[str]]:
    """Return the pictures, and what is to be said about those that there are not."""
    figures, notes = [], []
    for one in found:
        if isinstance(one, Missing):
            notes.append(f"Not drawn: {one.title}: {one.why}.")
        else:
            figures.append(one)
    return figures, notes


def _savings(run: Run) -> Iterator[Section]:
    """Say what networks save beside their twins, if the run has twins."""
    found = saving(run)
    if found.networks:
        yield Section("savings", "Beside the twins", tables=people_tables(run, found))


def _layers(run: Run) -> Iterator[Section]:
    """Say where the time goes, if whole networks were profiled."""
    if any(run.cells[profile.cell].part is None for profile in run.profiles):
        figures, notes = _parted(layer_pictures(run))
        table = layer_table(run)
        if len(table.rows) > _MOST:
            notes.append(f"The table has the first {_MOST:,} of {len(table.rows):,} rows.")
            table = table._replace(rows=table.rows[:_MOST])
        yield Section("layers", "Layers", notes, figures, [table])


def _warnings(run: Run, summaries: Sequence[CellSummary]) -> Section:
    facts = [*remarks(run, summaries), *_left_out(run), *(("note", note) for note in run.notes)]
    if run.stopped in ("running", "interrupted"):
        facts.insert(0, ("unfinished", f"the run {stopped(run)}: more was to be measured"))
    notes = [] if facts else ["Nothing speaks against these measurements."]
    return Section("warnings", f"Warnings ({len(facts)})", notes=notes, facts=facts)


def _left_out(run: Run) -> Iterator[tuple[str, str]]:
    """Say what was not to be timed, by the reasons."""
    reasons: dict[str, list[str]] = {}
    for left in run.left_out:
        reasons.setdefault(left.reason, []).append(title(run.cells[left.cell]))
    for reason, (first, *others) in reasons.items():
        more = f" (and {len(others)} more)" if others else ""
        yield "left out", f"{first}{more}: {reason}"
