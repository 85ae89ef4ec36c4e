"""Measuring until every interval is within the target: :func:`bench`, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from warnings import warn

from mncost.api import grid as grid_of_names
from mncost.boundary import check_keywords
from mncost.effort import Effort
from mncost.flags import flags_of, taken
from mncost.in_hand import Networks, grid_of
from mncost.measure.engine import Progress
from mncost.measure.plan import What
from mncost.measure.records import Place, Run
from mncost.measure.saving import saving
from mncost.measure.where import Where
from mncost.network import Network
from mncost.results.forecast import Forecast, forecast
from mncost.results.progress import Watch, watcher
from mncost.results.results import Results
from mncost.runs.begin import (
    ARCHITECTURES,
    SECONDS,
    SECONDS_TO_COMPARE,
    begin,
    empty_run,
    options_for,
)
from mncost.runs.carry_out import carry_out
from mncost.runs.networks import cells_of

__all__ = ["bench", "measure", "measure_networks"]

_FLAGS = [*flags_of(Where), *flags_of(Effort)]


def bench(  # noqa: PLR0913 - what is measured beside where and how long
    networks: Networks = ARCHITECTURES,
    *,
    where: Where = Where(),  # noqa: B008 - it is frozen
    effort: Effort = Effort(),  # noqa: B008 - it is frozen
    twin: bool | str | None = True,
    pairs: bool = False,
    by_layer: bool = False,
    memory: bool = False,
    max_twin_gmacs: float | None = None,
    output: Path | str | None = None,
    progress: bool | Watch | None = None,
    **options: Any,
) -> Results:
    """Measure the latency of networks on this machine.

    Args:
        networks: networks, or names of architectures.
        where: runtimes, threads, precisions ...
        effort: how long and how often.
        twin: measure the twin of each network too: ``True`` is ``"standard"``; or ``"fused"``.
        pairs: measure each pair of layers that the twin has one convolution for, as small networks
            of their own, and the machine's ceilings: see :attr:`Results.savings`.
        by_layer: profile each network: the time of each of its layers.
        memory: measure the peak memory of each network, in a separate process.
        max_twin_gmacs: do not measure twins with more GMACs.
        output: the run file, written as it goes. If it cannot be written in the end, there is a
            Python warning.
        progress: ``True``: show how far it is, a bar in a notebook, else a line on standard error
            every 10 s. ``None``: only in a notebook. Or a function that is told it.
        options: the fields of ``where`` and ``effort`` (``runtime="torch"``, ``max_time=20``), and
            beside names what :func:`mncost.grid` takes (``alpha="0.35:1.0"``).

    Raises:
        InputError: an argument is not accepted, or a package is not installed.
        KeyboardInterrupt: measuring was interrupted; the samples so far are saved.
    """
    where, effort = taken(where, options), taken(effort, options)
    check_keywords(grid_of_names, [*options], *_FLAGS)
    grid = grid_of(networks, **options)
    what = What(
        twin="standard" if twin is True else twin or None,
        pairs=pairs,
        by_layer=by_layer,
        memory=memory,
        max_twin_gmacs=max_twin_gmacs,
    )
    least_time = SECONDS_TO_COMPARE if pairs else SECONDS
    asked = _asked(networks, options)
    with saving(output) as save:
        run = begin(grid, where, effort, what, least_time=least_time, asked=asked)
        watch = watcher(progress, run.options.target_error)
        results = _uninterrupted(measure(run, save=save, watch=watch))
    if save.problem is not None:
        warn(f"{save.problem}; the run is not saved", stacklevel=2)
    return results


def measure(
    run: Run,
    *,
    save: Callable[[Run], None] = lambda run: None,
    watch: Callable[[Progress], None] = lambda progress: None,
    tell: Callable[[Forecast], None] = lambda forecast: None,
) -> Results:
    """Measure the cells of a run until each interval is within the run's target error.

    Args:
        run: takes everything in; ``run.stopped`` says why it ended.
        save: is given the run as it goes.
        watch: called with the progress.
        tell: is told, after a pilot visit to each cell, how long it will take.
    """
    results = Results(run)
    # What the statistics need, before the first Ctrl-C may come: an import that is interrupted
    # cannot be repeated, and what was measured would not be printed.
    import numpy  # noqa: F401
    import scipy.special  # noqa: F401

    carry_out(
        run,
        errors=lambda run: results.update().relative_errors(),
        save=save,
        watch=watch,
        pilot=lambda *said: tell(forecast(*said)),
    )
    return results.update()


def measure_networks(
    networks: Sequence[Network],
    place: Place,
    *,
    by_layer: bool = False,
    max_time: float | None = None,
    watch: Callable[[Progress], None] = lambda progress: None,
    save: Callable[[Run], None] = lambda run: None,
) -> Results:
    """Measure networks at one place, each as one cell.

    Args:
        networks: at least one; twins too.
        place: where.
        by_layer: find out how long each layer takes.
        max_time: seconds; by default 60, or 5 a network if that is more, and up to three times that
            while an interval is wider than ± 5 %; at most 600.
        watch: called with the progress.
        save: is given the run as it goes.

    Raises:
        MeasureError: the time is out of range.
        KeyboardInterrupt: measuring was interrupted; the samples so far are saved.
    """
    planned = cells_of(networks, place)
    what = What(twin=None, by_layer=by_layer)
    run = empty_run(planned, options_for(planned.cells, Effort(max_time=max_time), what))
    return _uninterrupted(measure(run, save=save, watch=watch))


def _asked(networks: Networks, options: Mapping[str, Any]) -> dict[str, str]:
    """Return how networks were asked for, in the words of the command line."""
    if not isinstance(networks, str):
        return {}
    return {"arch": networks} | {name: str(value) for name, value in options.items()}


def _uninterrupted(results: Results) -> Results:
    if results.run.stopped == "interrupted":
        raise KeyboardInterrupt
    return results
