"""A run as a page: its sections, from its tables, its pictures and what is known about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mncost.extras import require
from mncost.page.cards import cards, name_of
from mncost.page.facts import machine, method, target_of, when
from mncost.page.figures import MOST, layer_figures, network_figures
from mncost.page.glossary import glossary
from mncost.page.html import Page, Section
from mncost.pictures.layers import profiled_cells
from mncost.render.column import Column
from mncost.render.table import Table
from mncost.render.write import write_atomically
from mncost.results.results import Results
from mncost.tables.run import run_table
from mncost.tables.run_layers import run_layers_table
from mncost.tables.savings import savings_tables
from mncost.tables.warnings import problems
from mncost.tables.words import ending, in_short, machines

__all__ = ["report", "report_page"]

_MOST = 5_000  # rows of layers: more would make a file of many MB


def report(
    results: Results,
    path: Path | str | None = None,
    *,
    title: str | None = None,
    percentiles: Sequence[float] | None = None,
) -> str:
    """Return a run as one HTML page that needs no network.

    Args:
        results: of the run.
        path: an .html file to write it to.
        title: of the page; by default its architectures.
        percentiles: columns of the first table.

    Raises:
        InputError: a package is missing, or the file cannot be written.
    """
    require("report")
    from mncost.page.html import render

    html = render(report_page(results, title=title, percentiles=percentiles))
    if path is not None:
        write_atomically(Path(path), html.encode())
    return html


def report_page(
    results: Results, *, title: str | None = None, percentiles: Sequence[float] | None = None
) -> Page:
    """Return a run as a page.

    Args:
        results: of the run.
        title: of the page; by default its architectures.
        percentiles: columns of the first table.
    """
    from mncost import __version__

    sections = [
        _latencies(results, percentiles),
        *_pictures(results),
        *_savings(results),
        *_layers(results),
    ]
    names = {column.name for one in sections for table in one.tables for column in _seen(table)}
    has_front = any("Pareto" in figure.note for one in sections for figure in one.figures)
    sections += [
        _warnings(results),
        glossary(names, has_front=has_front),
        method(results.run),
        machine(results.run),
    ]
    said = {in_short(results), *results.run.notes}
    said |= {f"failed: {text}" for name, text in problems(results) if name == "failed"}
    sections = [_said_once(section, said) for section in sections]
    head = title or _title(results)
    return Page(head, _summary(results), sections, f"mncost {__version__}", cards(results))


def _seen(table: Table) -> Sequence[Column]:
    return table.for_people().columns


def _said_once(section: Section, said: set[str]) -> Section:
    """Leave out of the notes of tables what has a section of its own."""
    tables = [
        table._replace(
            notes=[note for note in table.notes if note not in said],
            legend=[line for line in table.legend if line not in said],
            warning="",
        )
        for table in section.tables
    ]
    return section._replace(tables=tables)


def _title(results: Results) -> str:
    names = list(dict.fromkeys(cell.label.arch for cell in results.run.cells))
    if not 0 < len(names) <= 4:
        return f"CPU latency of {len(names)} architectures"
    *others, last = names
    return f"CPU latency of {', '.join(others)}{' and ' if others else ''}{last}"


def _summary(results: Results) -> list[str]:
    run, summaries = results.run, results.summaries
    whole = [summary for summary in summaries if summary.cell.subject.part is None]
    parts = len(summaries) - len(whole)
    target = target_of(run)
    failed = sum(summary.failure is not None for summary in summaries)
    counted = [
        f"{_counted(len(whole), 'model')}{f' and {parts} parts of models' if parts else ''}",
        *([f"{sum(s.reached for s in summaries)} measured within {target}"] if target else []),
        f"{failed} failed" if failed else "none failed",
    ]
    cpus = ", ".join(dict.fromkeys(machine.cpu for _, machine in machines(run)))
    return [f"{cpus}, {when(run.started)}", ", ".join(counted)]


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"


# -------------------------------------------------------------------------------------- sections


def _latencies(results: Results, percentiles: Sequence[float] | None) -> Section:
    is_doubtful = any(warning.cell is not None for warning in results.warnings)
    shown = ["warnings"] if is_doubtful else []
    table = run_table(results, percentiles=percentiles, show=shown)
    names = [name_of(one.cell) for one in results.summaries]
    return Section("latency", "Latency", tables=[_named_first(table, names)])


def _named_first(table: Table, names: Sequence[str]) -> Table:
    """Return it with the network first and its latency second: what a phone has room for."""
    places = [place for place, column in enumerate(table.columns) if column.name != "arch"]
    places.sort(key=lambda place: table.columns[place].name != "latency")
    columns = [Column("network", "network"), *(table.columns[place] for place in places)]
    rows = [
        [name, *(row[place] for place in places)]
        for name, row in zip(names, table.rows, strict=True)
    ]
    return table._replace(columns=columns, rows=rows)


def _pictures(results: Results) -> Iterator[Section]:
    figures = list(network_figures(results))
    if figures:
        yield Section("pictures", "Pictures", figures=figures)


def _savings(results: Results) -> Iterator[Section]:
    """Say what networks save beside their twins, if the run has twins."""
    if results.savings.networks:
        yield Section("savings", "Beside the twins", tables=savings_tables(results.savings))


def _layers(results: Results) -> Iterator[Section]:
    """Say where the time goes, if whole networks were profiled."""
    cells = profiled_cells(results)
    if not cells:
        return
    table = run_layers_table(results)
    notes = []
    if len(cells) > MOST:
        notes.append(f"The pictures are of the first {MOST} of {len(cells)} networks.")
    if len(table.rows) > _MOST:
        notes.append(f"The table has the first {_MOST:,} of {len(table.rows):,} rows.")
        table = table._replace(rows=table.rows[:_MOST], rows_for=table.rows_for[:_MOST])
    yield Section("layers", "Layers", notes, list(layer_figures(results)), [table])


def _warnings(results: Results) -> Section:
    run = results.run
    facts = [*problems(results), *_left_out(results), *(("note", note) for note in run.notes)]
    if run.stopped in ("running", "interrupted"):
        facts.insert(0, ("unfinished", f"the run {ending(run)}: more was to be measured"))
    notes = [] if facts else ["Nothing makes these measurements doubtful."]
    return Section("warnings", f"Warnings ({len(facts)})", notes=notes, facts=facts)


def _left_out(results: Results) -> Iterator[tuple[str, str]]:
    """Yield what was not to be timed, by the reasons."""
    reasons: dict[str, list[str]] = {}
    for summary in results.summaries:
        if summary.left_out:
            reasons.setdefault(summary.left_out, []).append(summary.cell.words())
    for reason, (first, *others) in reasons.items():
        more = f" (and {len(others)} more)" if others else ""
        yield "left out", f"{first}{more}: {reason}"
