"""From what was asked for to the cells that are timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import product
from typing import NamedTuple, TypeAlias

from mncost.api import grid
from mncost.cost.memory import PRECISIONS, Precision
from mncost.errors import MeasureError, UnknownNameError, did_you_mean
from mncost.graph.graph import Graph
from mncost.measure.records import Cell, Request
from mncost.measure.runtimes import RUNTIMES, runtime_class
from mncost.network import Network

__all__ = ["DEVICES", "Offer", "Subject", "subjects", "title"]

DEVICES = ("cpu",)
MAX_BATCH, MAX_THREADS = 4096, 1024

Offer: TypeAlias = Callable[[str, str | None], Sequence[str | None]]
"""Returns the execution providers of a runtime in an interpreter, or raises MeasureError."""


class Subject(NamedTuple):
    """A cell, and the graph that it runs."""

    cell: Cell
    graph: Graph


class _Place(NamedTuple):
    """Where a model runs."""

    runtime: str
    provider: str | None
    threads: int
    python: str | None


def subjects(request: Request, offer: Offer) -> tuple[list[Subject], list[str]]:
    """Return every cell that a request asks for with its graph, and what is worth a note.

    Raises:
        InputError: something in it cannot be used, or there is nothing to measure.
    """
    _check(request)
    places = list(_places(request, offer))
    found: list[Subject] = []
    notes: list[str] = []
    left_out: set[tuple[str, str]] = set()
    for precision in request.precision:
        networks, about = _networks(request, _as_precision(precision))
        notes += [note for note in about if note not in notes]
        for network, batch, place in product(networks, request.batch, places):
            if precision not in runtime_class(place.runtime).precisions:
                left_out.add((place.runtime, precision))
                continue
            for copy in range(1, request.copies + 1):
                cell = _cell(len(found), network, batch, place, copy)
                found.append(Subject(cell, network.graph))
    if not found:
        runtime, precision = sorted(left_out)[0]
        accepted = ", ".join(runtime_class(runtime).precisions)
        raise MeasureError(f"{runtime} has no models in {precision}; accepted: {accepted}")
    notes += [f"left out: {runtime} in {precision}" for runtime, precision in sorted(left_out)]
    return found, notes


def title(cell: Cell) -> str:
    """Say in words which cell it is."""
    words = [f"{cell.arch} α {cell.alpha:g} at {cell.resolution} px"]
    if cell.dialect != "paper":
        words.append(f"dialect {cell.dialect}")
    if cell.twin:
        words.append(f"{cell.twin} twin")
    if cell.copy > 1:
        words.append(f"copy {cell.copy}")
    words += [cell.precision, f"batch {cell.batch}", cell.runtime]
    if cell.provider not in (None, "CPUExecutionProvider"):
        words.append(str(cell.provider))
    words.append("1 thread" if cell.threads == 1 else f"{cell.threads} threads")
    if cell.python:
        words.append(cell.python)
    return ", ".join(words)


def _check(request: Request) -> None:
    for runtime in request.runtime:
        if runtime not in RUNTIMES:
            raise UnknownNameError("runtime", runtime, RUNTIMES)
        if request.by_layer and not runtime_class(runtime).profiles:
            able = ", ".join(name for name in RUNTIMES if runtime_class(name).profiles)
            raise MeasureError(
                f"{runtime} does not say how long each layer takes; accepted: {able}"
            )
    for batch in request.batch:
        if not 1 <= batch <= MAX_BATCH:
            raise MeasureError(f"batch {batch}: accepted are 1 to {MAX_BATCH}")
    for threads in request.threads:
        if not 1 <= threads <= MAX_THREADS:
            raise MeasureError(f"threads {threads}: accepted are 1 to {MAX_THREADS}")
    if not 1 <= request.copies <= 10:
        raise MeasureError(f"copies {request.copies}: accepted are 1 to 10")


def _as_precision(name: str) -> Precision:
    """Check a precision against those that some runtime can run."""
    measured = {p for runtime in RUNTIMES for p in runtime_class(runtime).precisions}
    for precision in PRECISIONS:
        if precision == name and name in measured:
            return precision
    raise UnknownNameError("precision", name, [p for p in PRECISIONS if p in measured])


def _networks(request: Request, precision: Precision) -> tuple[list[Network], Sequence[str]]:
    """Return the networks of the grid, each followed by its twin where one is asked for."""
    found = grid(
        request.arch,
        request.alpha,
        request.resolution,
        rho=request.rho,
        dialect=request.dialect,
        classes=request.classes,
        precision=precision,
    )
    networks: list[Network] = []
    for network in found:
        networks.append(network)
        if request.twin and network.standard.graph != network.graph:
            networks.append(network.standard)
    return networks, found.notes


def _places(request: Request, offer: Offer) -> Iterator[_Place]:
    pythons: list[str | None] = [None, *request.python]
    offered = {
        (runtime, python): list(offer(runtime, python))
        for runtime, python in product(request.runtime, pythons)
    }
    chosen = _chosen_providers(request.provider, offered)
    for (runtime, python), threads in product(offered, request.threads):
        for provider in offered[runtime, python]:
            if provider is None or not chosen or provider in chosen:
                yield _Place(runtime, provider, threads, python)


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


def _cell(index: int, network: Network, batch: int, place: _Place, copy: int) -> Cell:
    return Cell(
        id=index,
        arch=network.arch,
        dialect=network.dialect,
        alpha=network.alpha,
        resolution=network.resolution,
        classes=network.classes,
        twin=network.twin,
        copy=copy,
        precision=network.precision,
        batch=batch,
        runtime=place.runtime,
        provider=place.provider,
        threads=place.threads,
        python=place.python,
        digest=digest(network.graph, network.resolution),
        macs=network.macs,
        params=network.params,
        weight_bytes=network.weight_bytes,
        peak_activation_bytes=network.peak_activation_bytes,
    )


def digest(graph: Graph, resolution: int) -> str:
    """Return a name for a computation: the same graph and resolution, the same digest."""
    return sha256(f"{graph!r} {resolution}".encode()).hexdigest()[:16]
