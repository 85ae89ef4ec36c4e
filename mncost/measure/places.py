"""Every place that a ``Where`` means: what runtimes and hosts really offer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeAlias

from msgspec import structs

from mncost.errors import MeasureError, NotThereError, did_you_mean
from mncost.measure.cell import Place
from mncost.measure.private import without_home
from mncost.measure.runtimes import runtime_class
from mncost.measure.where import HERE, STEPS, Where

__all__ = ["Offer", "every_place", "first_place", "has_models", "no_models"]

Offer: TypeAlias = Callable[..., Sequence[str | None]]
"""Returns the execution providers of a runtime in an interpreter, or on a host: it is called with
the name of the runtime, and the interpreter's path (``None``: this one) or ``host=`` its name. It
raises MeasureError."""

_Offered: TypeAlias = dict[tuple[str, str | None, str | None], list[str | None]]
"""Providers by runtime, interpreter and host."""


def every_place(where: Where, offer: Offer, notes: list[str] | None = None) -> list[Place]:
    """Return every place, those that have no such models too.

    Args:
        where: as it was asked for, with runtimes.
        offer: says which execution providers there are.
        notes: takes in which runtimes a host does not have; without it, that is an error.

    Raises:
        MeasureError: there is no such provider.
    """
    offered: _Offered = {
        (runtime, python, None if where.host == (HERE,) else HERE): list(offer(runtime, python))
        for runtime, python in product(where.runtime, (None, *where.python))
        if HERE in where.host
    }
    for host in where.host:
        if host != HERE:
            offered |= _offered_on(where, host, offer, notes)
    chosen = _providers(where.provider, offered)
    here = [
        Place(
            runtime,
            provider,
            threads=threads,
            python=python and without_home(python),
            host=host,
        )
        for (runtime, python, host), threads in product(offered, where.threads)
        for provider in offered[runtime, python, host]
        if provider is None
        or (provider in chosen if chosen else provider not in runtime_class(runtime).unasked)
    ]
    denormals = "flushed" if where.flush_denormals else None
    return [
        structs.replace(
            place,
            precision=precision,
            batch=batch,
            denormals=denormals,
            sparsity=float(sparsity),
            training=training,
        )
        for precision, batch, sparsity, training, place in product(
            where.precision, where.batch, where.sparsity, _steps(where), here
        )
    ]


def first_place(where: Where, offer: Offer, python: str | None = None) -> Place:
    """Return the first place in an interpreter; ``None`` is this one.

    Raises:
        MeasureError: there is none, or it has no models of this precision.
    """
    there = python and without_home(python)
    place = next((one for one in every_place(where, offer) if one.python == there), None)
    if place is None:
        raise MeasureError(
            f"the interpreter {python or sys.executable} has no execution provider "
            f"{', '.join(where.provider)}"
        )
    if not has_models(place):
        raise no_models(place)
    return place


def has_models(place: Place) -> bool:
    """Whether the runtime of a place has models of its precision and batch."""
    runtime = runtime_class(place.runtime)
    return place.precision in runtime.precisions and place.batch <= runtime.largest_batch


def no_models(place: Place) -> MeasureError:
    """Return the error that says that it has none."""
    runtime = runtime_class(place.runtime)
    if place.batch > runtime.largest_batch:
        return MeasureError(
            f"{place.runtime} has no models of batch {place.batch}; accepted: at most "
            f"{runtime.largest_batch}"
        )
    accepted = ", ".join(runtime.precisions)
    return MeasureError(f"{place.runtime} has no models in {place.precision}; accepted: {accepted}")


def _offered_on(where: Where, host: str, offer: Offer, notes: list[str] | None) -> _Offered:
    """Return the providers of the runtimes that a host has: at least of one."""
    offered: _Offered = {}
    for runtime in where.runtime:
        try:
            offered[runtime, None, host] = list(offer(runtime, None, host=host))
        except NotThereError as error:
            if notes is None or (runtime == where.runtime[-1] and not offered):
                raise
            notes.append(f"left out: {error}")
    return offered


def _steps(where: Where) -> Sequence[str | None]:
    """Return what is trained in each step, and ``None`` for an inference."""
    return (None, *(where.train or STEPS)) if where.training else (None,)


def _providers(
    names: Sequence[str],
    offered: _Offered,
) -> set[str]:
    """Match names of providers, or how they begin (``CPU`` of many things), in any case."""
    known = list(dict.fromkeys(p for providers in offered.values() for p in providers if p))
    chosen = set()
    for name in names:
        meant = [provider for provider in known if provider.lower().startswith(name.lower())]
        if len(meant) != 1:
            accepted = ", ".join(known) or "none: the runtimes chosen have no providers"
            raise MeasureError(
                f"no execution provider {name!r} for CPUs is installed"
                f"{did_you_mean(name, known)}; accepted: {accepted}"
            )
        chosen |= {*meant}
    return chosen
