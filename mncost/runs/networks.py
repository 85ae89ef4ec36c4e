"""Networks as cells of one place: what pictures and ``pick`` measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from mncost.counted import Counted
from mncost.errors import MeasureError, NotThereError
from mncost.extras import require
from mncost.measure.cells import Planned
from mncost.measure.places import first_place
from mncost.measure.records import Place
from mncost.measure.runtime_names import USUAL
from mncost.measure.runtimes import runtime_class
from mncost.measure.where import ALL, HERE, Where
from mncost.place import OnePlace
from mncost.runs.offers import offer

__all__ = ["cells_of", "one_place", "places_of"]


def one_place(
    place: OnePlace, precision: str, *, by_layer: bool = False, of_modules: bool = False
) -> Place:
    """Return where networks are measured: with the first provider of one runtime.

    Args:
        place: by default the first of the usual runtimes, with one thread.
        precision: of the networks.
        by_layer: whether the runtime has to say how long each layer takes.
        of_modules: whether a torch module is measured: by default in torch.

    Raises:
        InputError: the runtime is missing, or cannot do that.
    """
    if place.runtime == ALL:
        raise MeasureError(f"runtime {ALL}: name one here, e.g. {USUAL[0]}")
    where = Where(
        runtime=(place.runtime or ("torch" if of_modules else USUAL[0]),),
        threads=(1 if place.threads is None else place.threads,),
        precision=(precision,),
        host=(place.host or HERE,),
    )
    where.require()
    offers = partial(offer, hosts=place.hosts) if place.host else offer
    chosen = where.with_runtimes(by_layer=by_layer, of_modules=of_modules)
    return first_place(chosen, offers)


def places_of(place: OnePlace, precision: str) -> list[Place]:
    """Return where networks are measured: one place of each runtime that is meant.

    Args:
        place: the runtime ``all`` means those that are installed, on the host too, and have models
            of the precision.
        precision: of the networks.

    Raises:
        InputError: the runtime is missing, or cannot do that.
    """
    if place.runtime != ALL:
        return [one_place(place, precision)]
    require("bench")
    there = Where(runtime=(ALL,)).with_runtimes().runtime
    able = [name for name in there if precision in runtime_class(name).precisions]
    places = []
    for name in able:
        try:
            places.append(one_place(replace(place, runtime=name), precision))
        except NotThereError:  # a host may have fewer of them
            if name == able[-1] and not places:
                raise
    return places


def cells_of(networks: Sequence[Counted], *places: Place) -> Planned:
    """Return networks or twins as cells of a run: each network at all places, then the next."""
    cells = Planned()
    for network in networks:
        for place in places:
            cells.enter(network, place)
    return cells
