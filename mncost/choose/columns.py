"""Published accuracy as columns of a grid, fronts over any of its columns, and what is picked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mncost.choose.pareto import front
from mncost.errors import InputError, UnknownNameError
from mncost.network import Network
from mncost.published.accuracy import accuracy_of
from mncost.render.table import Source, Value, sources

__all__ = ["ACCURACY_COLUMNS", "METRICS", "frame_columns", "pareto_front", "pick_columns"]

ACCURACY_COLUMNS: Mapping[str, Source] = sources(
    ("top1", "top-1 %", "number", lambda n: c.top1 if (c := accuracy_of(n)) else None),
    ("top1_source", "source", "text", lambda n: c.figure.source if (c := accuracy_of(n)) else None),
)
METRICS = ("top1", "macs", "params", "weight_bytes", "peak_activation_bytes")
"""Of these, more is better in ``top1`` alone."""
MOST = 3  # metrics of one front


def pareto_front(networks: Sequence[Network], metrics: Sequence[str]) -> tuple[list[Network], int]:
    """Return the networks that no other one beats, and how many lack one of the metrics.

    Args:
        networks: any.
        metrics: two or three of :data:`METRICS`.

    Raises:
        InputError: other metrics are given, too few or too many, or no network has all of them.
    """
    for name in metrics:
        if name not in METRICS:
            raise UnknownNameError("metric of a Pareto front", name, METRICS)
    if not 2 <= len(set(metrics)) == len(metrics) <= MOST:
        raise InputError(
            f"--pareto {','.join(metrics)}: accepted are two or three different ones of: "
            f"{', '.join(METRICS)}"
        )
    points = [[_metric(network, name) for name in metrics] for network in networks]
    known = [index for index, point in enumerate(points) if None not in point]
    if not known:
        raise InputError("no accuracy of any of these networks is published: no Pareto front")
    numbers = [[float(str(value)) for value in points[index]] for index in known]
    is_in_front = front(numbers, [name == "top1" for name in metrics])
    kept = [networks[index] for index, kept in zip(known, is_in_front, strict=True) if kept]
    return kept, len(networks) - len(known)


def _metric(network: Network, name: str) -> Value:
    if name in ACCURACY_COLUMNS:
        return ACCURACY_COLUMNS[name].value(network)
    value: int = getattr(network, name)
    return value


_PICKED: Mapping[str, Source] = sources(
    ("arch", "arch", "text", lambda p: p.network.arch),
    ("dialect", "dialect", "text", lambda p: p.network.dialect),
    ("alpha", "α", "number", lambda p: p.network.alpha),
    ("resolution", "px", "number", lambda p: p.network.resolution),
    ("top1", "top-1 %", "number", lambda p: p.top1),
    ("lowest_top1", "lowest published", "number", lambda p: p.candidate.lowest_top1),
    ("macs", "MACs", "count", lambda p: p.network.macs),
    ("params", "params", "count", lambda p: p.network.params),
    ("weight_bytes", "weights", "bytes", lambda p: p.network.weight_bytes),
    ("memory_bytes", "memory", "bytes", lambda p: p.candidate.memory_bytes),
    ("precision", "precision", "text", lambda p: p.network.precision),
    ("variant", "variant", "text", lambda p: p.figure.variant),
    ("source", "source", "text", lambda p: p.source),
    ("note", "note", "text", lambda p: p.figure.note or None),
    ("sources", "sources", "number", lambda p: len({f.source for f in p.candidate.figures})),
    extra=("precision", "variant", "note", "sources"),
)


def pick_columns(*, is_measured: bool) -> Mapping[str, Source]:
    """Return the columns of :class:`mncost.choose.picked.Picked`, with a latency if it has one."""
    if not is_measured:
        return _PICKED
    latency = sources(
        ("latency", "latency", "time", lambda p: p.latency.scaled(1e-9)), intervals=["latency"]
    )
    return {**_PICKED, **latency}


def frame_columns(*, is_measured: bool) -> Mapping[str, Source]:
    """Return all columns for programs, with the rank and the near ties."""
    place = sources(
        ("rank", "rank", "number", lambda p: p.rank),
        ("near_tie", "near tie", "text", lambda p: p.is_near_tie),
    )
    return {**place, **pick_columns(is_measured=is_measured)}
