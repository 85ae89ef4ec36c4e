"""Given networks as cells of one place, and a run of them: what pictures and ``pick`` measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mncost.errors import MeasureError
from mncost.extras import require
from mncost.measure.cells import Planned, check
from mncost.measure.engine import Progress
from mncost.measure.places import places
from mncost.measure.records import Place, Request, Run
from mncost.measure.runs import carry_out, empty_run, offer, options_for
from mncost.measure.runtimes import runtime_class
from mncost.network import Network

__all__ = ["cells_of", "measure_networks", "one_place"]

_RUNTIME, _THREADS = "onnxruntime", 1
_NO_WORDS = "-"  # that find the networks again: the run is not resumed


def one_place(
    runtime: str | None, threads: int | None, precision: str, *, by_layer: bool = False
) -> Place:
    """Return where networks are measured: with the first provider of one runtime.

    Args:
        runtime: by default ONNX Runtime.
        threads: by default one.
        precision: of the networks.
        by_layer: whether the runtime has to say how long each layer takes.

    Raises:
        InputError: the runtime is missing, or cannot do that.
    """
    require("bench")
    request = Request(
        arch=_NO_WORDS,
        runtime=[_RUNTIME if runtime is None else runtime],
        threads=[_THREADS if threads is None else threads],
        precision=[precision],
        by_layer=by_layer,
    )
    check(request)
    place = next(places(request, offer))
    able = runtime_class(place.runtime).precisions
    if precision not in able:
        raise MeasureError(
            f"{place.runtime} has no models in {precision}; accepted: {', '.join(able)}"
        )
    return place


def cells_of(networks: Sequence[Network], place: Place) -> Planned:
    """Return networks or twins as cells of a run; these have the networks' numbers."""
    cells = Planned()
    for network in networks:
        cells.enter(network, place)
    return cells


def measure_networks(
    networks: Sequence[Network],
    place: Place,
    *,
    by_layer: bool = False,
    max_time: float | None = None,
    watch: Callable[[Progress], None] = lambda progress: None,
    save: Callable[[Run], None] = lambda run: None,
) -> Run:
    """Measure networks as ``mncost bench`` does, until every interval is within the target.

    Args:
        networks: at least one; twins too.
        place: where.
        by_layer: find out how long each layer takes.
        max_time: seconds; by default 54, or 3 a network if that is more.
        watch: is told the progress.
        save: is given the run as it goes.

    Raises:
        MeasureError: the time is out of range.
        KeyboardInterrupt: somebody ended it; what there is has been saved.
    """
    planned = cells_of(networks, place)
    run = empty_run(planned, options_for(planned.cells, max_time=max_time))
    run.request = Request(arch=_NO_WORDS, twin=None, by_layer=by_layer)
    carry_out(run, save=save, watch=watch)
    if run.stopped == "interrupted":
        raise KeyboardInterrupt
    return run
