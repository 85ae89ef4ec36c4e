"""``mncost report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from mncost.cli.emit import emit_text, say
from mncost.cli.options import RunFile
from mncost.cli.params import Only
from mncost.cli.view import View
from mncost.errors import InputError
from mncost.extras import require
from mncost.flags import Flag

__all__ = ["report"]

_SUFFIXES = (".html", ".htm")


def report(
    view: Annotated[View, Only(without=("by", "export", "verbose"))],
    run: RunFile = None,
    output: Annotated[
        Path | None,
        Flag(
            "An .html file, replaced only when complete. Default: standard output (-), unless "
            "that is a terminal.",
            "FILE",
            names=("--output", "-o"),
        ),
    ] = None,
    title: Annotated[
        str | None,
        Flag("Title of the page. Default: the architectures.", "TEXT"),
    ] = None,
) -> None:
    """Make an HTML page of a saved run: tables, pictures, warnings, method and machine.

    mncost report -o report.html
    mncost report run.json -o report.html
    mncost report run.json --percentiles 50,99 --title Board -o board.html

    The tables sort and filter. The page is one file that needs no network.
    """
    _check(output)
    require("report")
    from mncost.measure.kept import last
    from mncost.render.write import refuse_overwriting
    from mncost.results.results import Results

    run = last() if run is None else run
    refuse_overwriting({"--output": output}, {"the run file": run})
    html = Results.read(run).report(title=title, percentiles=view.percentiles)
    emit_text(html, output)
    if output is not None and str(output) != "-":
        say(f"{output}: {len(html.encode()) / 1e3:,.0f} kB, for any browser, with no network")


def _check(output: Path | None) -> None:
    """Refuse to write a page to a terminal."""
    if output is None:
        if sys.stdout is not None and sys.stdout.isatty():
            raise InputError("missing option '--output': an .html file, or - for standard output")
        return
    is_special = str(output) == "-" or (output.exists() and not output.is_file())  # a pipe
    if output.suffix.lower() not in _SUFFIXES and not is_special:
        raise InputError(f"--output {output}: accepted is the name of an .html file")
