"""``mncost show``."""

from __future__ import annotations

from mncost.cli.emit import Out
from mncost.cli.options import RunFile, refuse
from mncost.cli.view import View
from mncost.extras import require

__all__ = ["show"]


def show(
    view: View,
    out: Out,
    run: RunFile = None,
) -> None:
    """Show a saved run. The statistics are computed from its raw samples.

    mncost show
    mncost show run.json -v
    mncost show run.json --format csv -o run.csv
    mncost show run.json --percentiles 50,95,99.9
    mncost show run.json --export pyperf -o pyperf.json
    """
    require("results")
    from mncost.measure.kept import last
    from mncost.render.write import refuse_overwriting
    from mncost.results.results import Results

    if view.export is not None:
        others: dict[str, object] = {"format": out.format, "columns": out.columns, "by": view.by}
        others |= {"percentiles": view.percentiles, "verbose": view.verbose or None}
        refuse(others, "does not go with --export")
    view.check(out.columns)
    run = last() if run is None else run
    refuse_overwriting({"--output": out.output}, {"the run file": run})
    results = Results.read(run)
    if view.export is not None:
        view.export_to(results, out.output)
    else:
        view.emit(results, out)
