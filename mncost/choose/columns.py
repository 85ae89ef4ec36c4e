"""Published accuracy as columns of a grid, and Pareto fronts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mncost.choose.pareto import front
from mncost.errors import InputError, UnknownNameError
from mncost.network import Network
from mncost.published.accuracy import accuracy_of
from mncost.render.sources import Source, sources

__all__ = ["ACCURACY_COLUMNS", "METRICS", "pareto_front"]

ACCURACY_COLUMNS: Mapping[str, Source] = sources(
    ("top1", "top-1 %", "number", lambda n: c.top1 if (c := accuracy_of(n)) else None),
    ("top1_source", "source", "text", lambda n: c.figure.source if (c := accuracy_of(n)) else None),
    marks=("top1_source",),
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
    numbers = [[value for value in points[index] if value is not None] for index in known]
    is_in_front = front(numbers, [name == "top1" for name in metrics])
    kept = [networks[index] for index, kept in zip(known, is_in_front, strict=True) if kept]
    return kept, len(networks) - len(known)


def _metric(network: Network, name: str) -> float | None:
    if name != "top1":
        return float(getattr(network, name))
    candidate = accuracy_of(network)
    return None if candidate is None else candidate.top1
