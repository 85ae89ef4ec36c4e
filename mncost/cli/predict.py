"""``mncost predict``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mncost.cli.emit import Out
from mncost.cli.params import Only
from mncost.effort import Effort
from mncost.errors import InputError
from mncost.flags import Flag
from mncost.place import OnePlace
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.predict.predictions import Predictions

__all__ = ["predict"]

_WHICH = Only(
    without=("in_place",),
    help={"precision": "fp32 or int8: the precision of the profile, or of the run if it has both."},
)
_EFFORT = Only(
    without=("processes", "copies", "seed", "clock"),
    help={
        "target_error": "Measure the networks with the widest intervals until half of each "
        "interval is within it, and keep them in the profile.",
        "max_time": "Measure at most this long, with --check (60 s) or --target-error (120 s).",
    },
)


def predict(
    which: Annotated[Which, _WHICH],
    place: OnePlace,
    effort: Annotated[Effort, _EFFORT],
    out: Out,
    run: Annotated[
        Path | None,
        Flag(
            "Predict from a run file of mncost bench instead of the profile.",
            "FILE",
            panel="Measure",
        ),
    ] = None,
    check: Annotated[
        bool,
        Flag(
            "Measure some of the networks now, and say how well they were predicted.",
            panel="Measure",
        ),
    ] = False,
) -> None:
    """Predict latencies from this machine's profile, with intervals.

    mncost predict v1 v2 --alpha 0.1:1.4:0.05 --resolution 96:320:32
    mncost predict v2 --alpha 0.35:1.0 --check
    mncost predict v2 --alpha 0.35:1.0 --target-error 5%

    The profile is what mncost calibrate makes. Networks that it measured are marked. A network that
    differs in kind from all that were measured is extrapolated, and has a wider interval. Nothing
    is predicted for another machine, runtime or number of threads.
    """
    from mncost.cli.options import refuse
    from mncost.cli.progress import watching
    from mncost.predict import calibrate
    from mncost.predict.profile import predictor_of, predictor_of_run, write_profile

    target, most = effort.target_error, effort.max_time
    if most is not None and not check and target is None:
        raise InputError("--max-time needs --check or --target-error: nothing is measured")
    grid = which.grid()
    networks = [one.as_twin(which.twin) for one in grid] if which.twin else list(grid)
    if run is None:
        predictor = predictor_of(place, which.precision or "fp32")
    else:
        refuse({"hosts": place.hosts}, "does not go with --run: --host names a machine of the run")
        predictor = predictor_of_run(run, place, which.precision)
    if target is not None:
        with out.when_interrupted(columns=out.columns), watching(None) as watch:
            predictor = calibrate.refine(
                predictor, networks, target, max_time=most or calibrate.SECONDS, watch=watch
            )
        if run is None:
            write_profile(predictor.calibration)
    made = predictor.predict(networks)
    if check:
        with out.when_interrupted(columns=out.columns), watching(None) as watch:
            made, _ = calibrate.check(made, max_time=most or 60.0, watch=watch)
    table = made.table(columns=out.columns)
    notes = [] if target is None else _wider(made, target, predictor.spread.median)
    out.emit(table._replace(notes=[*grid.notes, *table.notes, *notes]))


def _wider(made: Predictions, target: float, spread: float) -> list[str]:
    """Say which intervals are still wider than the target, and why."""
    wide = [one for one in made if one.half > target]
    measured, notes = sum(one.is_measured for one in wide), []
    if measured:
        notes.append(
            f"{measured} measured networks are not within {100 * target:g}%: a median differs by "
            f"{spread:.1%} between processes"
        )
    if len(wide) > measured:
        notes.append(
            f"{len(wide) - measured} predicted networks are not within {100 * target:g}%: a longer "
            "--max-time measures more of them"
        )
    return notes
