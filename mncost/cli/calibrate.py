"""``mncost calibrate``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mncost.cli import streams
from mncost.cli.emit import say
from mncost.cli.options import only_time
from mncost.cli.params import Only
from mncost.effort import Effort
from mncost.errors import InputError, Interrupted
from mncost.flags import Flag
from mncost.place import OnePlace
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.network import Network
    from mncost.predict.predictor import Predictor

__all__ = ["asked", "calibrate"]

FAMILIES = "v1,v2,v3-large"
_WHICH = Only(
    without=("classes", "in_channels", "twin", "input", "strict", "output_stride", "in_place"),
    help={
        "arch": f"Families to predict later, with commas or as plain words. Default: {FAMILIES}.",
        "alpha": "Width multipliers to predict later. Default: all published ones.",
        "resolution": "Sides of the image. Default: all published ones.",
        "precision": "fp32 or int8: what is measured. Default: fp32, or what --from has.",
    },
)


def calibrate(
    which: Annotated[Which, _WHICH],
    place: OnePlace,
    effort: Annotated[Effort, only_time("Measure at most this long. Default: 100 s.")],
    cells: Annotated[
        int | None,
        Flag(
            "Networks of each family to measure, beside 60 probes. Default: 7.",
            panel="Measure",
            least=1,
            most=9,
        ),
    ] = None,
    run: Annotated[
        Path | None,
        Flag(
            "Take a run file of mncost bench instead of measuring.",
            "FILE",
            names=("--from",),
            panel="Measure",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        Flag("Write the run that was measured.", "FILE"),
    ] = None,
) -> None:
    """Measure what mncost predict needs: a profile of this machine, runtime and thread count.

    mncost calibrate
    mncost calibrate v2 v4-conv-s --alpha 0.35:1.0 --threads 2
    mncost calibrate --from run.json

    It measures 60 small networks, which have every kind of kernel that the built-in families have,
    and a few networks of each family that you name, in three processes, or in two where --max-time
    does not allow more. The profile is kept in your own directory.
    """
    from mncost.flags import given
    from mncost.predict.profile import options_of, predictor_of_run, write_profile

    if run is not None:
        others = {**given(which), **given(effort), "cells": cells, "save": save}
        others |= {"hosts": place.hosts}
        precision = others.pop("precision", None)
        from mncost.cli.options import refuse

        refuse(others, "does not go with --from: its networks are measured already")
        predictor = predictor_of_run(run, place, precision)
    else:
        predictor = _measured(which, place, cells, effort.max_time, save)
    file = write_profile(predictor.calibration)
    made = predictor.calibration
    families = sorted({cell.family for cell in made.cells if cell.family})
    processes = min(len(cell.seconds) for cell in made.cells)
    differ = f"a median differs by {predictor.spread.median:.1%} between processes"
    say(
        f"{made.place.words()}: {len(made.cells)} networks in {processes} or more processes; "
        + (
            differ
            if predictor.spread.median
            else "how processes differ is not known: measure longer"
        )
    )
    say(f"families: {', '.join(families) or 'none, only probes'}")
    words = [*(families[:2] or ["v2"]), *options_of(made.place)]
    streams.tell(f"mncost: saved: {file}; next: mncost predict {' '.join(words)}")


def _measured(
    which: Which, place: OnePlace, cells: int | None, max_time: float | None, save: Path | None
) -> Predictor:
    from mncost.cli.progress import watching
    from mncost.cli.view import check_run_file
    from mncost.measure.saving import saving
    from mncost.predict.calibrate import CELLS
    from mncost.predict.calibrate import calibrate as measure

    check_run_file("--save", save)
    networks = asked(which)
    with _kept(save), saving(save) as saver, watching(None) as watch:
        made = measure(
            networks,
            place,
            which.precision or "fp32",
            cells=cells or CELLS,
            max_time=100.0 if max_time is None else max_time,
            watch=watch,
            save=saver,
        )
        saver.check()
    return made


@contextmanager
def _kept(save: Path | None) -> Iterator[None]:
    """Say what becomes of the samples when measuring is interrupted."""
    try:
        yield
    except Interrupted as error:
        if save is None:
            raise
        file = shlex.quote(str(save))
        said = f"{error}; mncost calibrate --from {file} makes one of what was measured"
        raise KeyboardInterrupt(said) from None


def asked(which: Which) -> list[Network]:
    """Return the networks that families have: by default those of all published α and sizes."""
    from mncost.api import grid

    networks: list[Network] = []
    for arch in (which.arch or FAMILIES).split(","):
        numbers: dict[str, Any] = {
            "alpha": which.alpha,
            "resolution": which.resolution,
            "rho": which.rho,
        }
        wide = numbers | {"alpha": which.alpha or "0.01:9"}
        if which.resolution is None and which.rho is None:
            wide["resolution"] = "32:1024"
        given: dict[str, Any] = {"dialect": which.dialect, "precision": which.precision}
        try:
            networks += grid(arch, **wide, **given)
        except InputError:  # some publish one α, or one size
            networks += grid(arch, **numbers, **given)
    return networks
