"""Where models run: every runtime, execution provider, number of threads and interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import TypeAlias

from mncost.errors import MeasureError, did_you_mean
from mncost.measure.records import Place, Request

__all__ = ["Offer", "places"]

Offer: TypeAlias = Callable[[str, str | None], Sequence[str | None]]
"""Returns the execution providers of a runtime in an interpreter, or raises MeasureError."""


def places(request: Request, offer: Offer) -> Iterator[Place]:
    """Return every place that a request asks for, in fp32 and with one image a call.

    Raises:
        MeasureError: there is no such provider.
    """
    pythons: list[str | None] = [None, *request.python]
    offered = {
        (runtime, python): list(offer(runtime, python))
        for runtime, python in product(request.runtime, pythons)
    }
    chosen = _chosen_providers(request.provider, offered)
    for (runtime, python), threads in product(offered, request.threads):
        for provider in offered[runtime, python]:
            if provider is None or not chosen or provider in chosen:
                yield Place(runtime, provider, threads=threads, python=python)


def _chosen_providers(
    names: Sequence[str], offered: Mapping[tuple[str, str | None], Sequence[str | None]]
) -> set[str]:
    """Match names of providers, with or without ``ExecutionProvider``, in any case."""
    known = {p.lower(): p for providers in offered.values() for p in providers if p}
    chosen = set()
    for name in names:
        key = name.lower().removesuffix("executionprovider") + "executionprovider"
        if key not in known:
            accepted = ", ".join(known.values()) or "none: the runtimes chosen have no providers"
            raise MeasureError(
                f"no execution provider {name!r} for CPUs is installed"
                f"{did_you_mean(name, known.values())}; accepted: {accepted}"
            )
        chosen.add(known[key])
    return chosen
