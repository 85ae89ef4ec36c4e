"""How a run is shown: the flags that ``bench``, ``show`` and ``report`` share, and showing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mncost.cli.emit import Out, emit_text
from mncost.errors import InputError, UnknownNameError
from mncost.flags import Flags, Parse, flag

if TYPE_CHECKING:
    from mncost.measure.records import Run
    from mncost.results.results import Results

__all__ = ["View", "check_run_file", "status"]

FAILED, INTERRUPTED = 1, 130


def _one_of(*names: str) -> Parse:
    def parse(option: str, name: str) -> str:
        if name not in names:
            raise UnknownNameError(option, name, names)
        return name

    return parse


def _percentiles(option: str, text: str) -> tuple[float, ...]:
    percentiles = []
    for word in text.split(","):
        try:
            value = float(word)
        except ValueError:
            value = 0.0
        if not 0 < value < 100:
            raise InputError(f"{option} {word.strip()!r}: accepted are numbers from 0 to 100")
        percentiles.append(value)
    return tuple(dict.fromkeys(percentiles))


class View(Flags):
    """How a run is shown."""

    panel = "Output"

    by: str | None = flag(
        "Show where the time goes: layer.", metavar="layer", parse=_one_of("layer")
    )
    percentiles: tuple[float, ...] | None = flag(
        "Percentiles to show, with distribution-free intervals, e.g. 50,90,99.",
        metavar="P,...",
        parse=_percentiles,
    )
    verbose: bool = flag(
        "Print every warning in full, and details of the machine.",
        names=("--verbose", "-v"),
        default=False,
    )
    export: str | None = flag(
        "Write a file for python -m pyperf compare_to. mncost bench writes it beside the run "
        "file, as NAME.pyperf.json.",
        metavar="pyperf",
        parse=_one_of("pyperf"),
    )

    def check(self, columns: str | None) -> None:
        """Refuse what cannot be shown, before anything is read or measured.

        Raises:
            InputError: options do not go together, or there is no such column.
        """
        if self.by is not None and self.percentiles is not None:
            raise InputError("--by layer and --percentiles do not go together")
        if columns is None:
            return
        from mncost.render.sheet import named
        from mncost.results.cell_summary import PERCENTILES
        from mncost.tables.run import run_columns
        from mncost.tables.run_layers import RUN_LAYERS_COLUMNS

        known = RUN_LAYERS_COLUMNS if self.by else run_columns(self.percentiles or PERCENTILES)
        named(columns, known)

    def emit(self, results: Results, out: Out) -> None:
        """Write a run as the table that is asked for."""
        if self.by is not None:
            from mncost.tables.run_layers import run_layers_table

            table = run_layers_table(results, columns=out.columns)
        else:
            table = results.table(columns=out.columns, percentiles=self.percentiles)
        out.emit(table, in_full=self.verbose)

    def export_to(self, results: Results, output: Path | None) -> None:
        """Write a run in the format of pyperf."""
        from mncost.render.escape import json_text
        from mncost.results.pyperf import to_pyperf

        emit_text(json_text(to_pyperf(results)), output)


def status(run: Run) -> int:
    """Return the exit status: a cell that failed is a check that failed."""
    if run.stopped == "interrupted":
        return INTERRUPTED
    lost = any(host.lost for host in run.hosts.values())
    return FAILED if run.failures or lost else 0


def check_run_file(option: str, path: Path | None) -> None:
    """Find out now whether a run file can be written later.

    Raises:
        InputError: its name does not end in .json, or it cannot be written.
    """
    from mncost.render.write import check_writable

    if path is None or str(path) == "-":
        return
    if path.suffix.lower() != ".json":
        raise InputError(f"{option} {path}: a run file is JSON, and its name ends in .json")
    check_writable(path)
