"""The most accurate networks that keep within limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from mncost.choose.accuracy import Candidate, is_near_tie

__all__ = ["LIMITS", "Limit", "Limits", "Pick", "Without", "pick"]


class Limit(NamedTuple):
    """A kind of limit: what it is on, and whether that must not be less or not be more."""

    value: Callable[[Candidate], float]
    is_least: bool = False

    def holds(self, candidate: Candidate, bound: float) -> bool:
        """Whether a candidate keeps to it."""
        value = self.value(candidate)
        return value >= bound if self.is_least else value <= bound


LIMITS: Mapping[str, Limit] = {
    "max-macs": Limit(lambda c: c.network.macs),
    "max-params": Limit(lambda c: c.network.params),
    "max-size": Limit(lambda c: c.network.weight_bytes),
    "max-memory": Limit(lambda c: c.memory_bytes),
    "min-top1": Limit(lambda c: c.top1, is_least=True),
}
"""By the name of the option: MACs, parameters, bytes of the weights, bytes of weights and peak
activations together, % of the images."""

Limits = Mapping[str, float]
"""The bounds that are asked for, by names of :data:`LIMITS`."""


class Without(NamedTuple):
    """The most accurate candidate if one limit were not there; ``None``: there is still none."""

    limit: str
    best: Candidate | None
    more: int  # candidates that would fit besides


class Pick(NamedTuple):
    """What fits.

    Attributes:
        fitting: all that keep to every limit, the most accurate first.
        considered: how many candidates there were.
        without: for each limit what would fit without it.
    """

    fitting: list[Candidate]
    considered: int
    without: list[Without]

    def is_near_tie(self, candidate: Candidate) -> bool:
        """Whether a candidate that fits is as good as the best, as far as anyone knows."""
        best = self.fitting[0]
        return candidate is not best and is_near_tie(candidate, best)


def pick(found: Sequence[Candidate], limits: Limits) -> Pick:
    """Return the candidates that keep to all limits, and what each limit costs.

    Args:
        found: the most accurate first: :func:`mncost.choose.accuracy.candidates`.
        limits: those that are asked for.
    """
    fitting = _fitting(found, limits)
    without = []
    for name in limits:
        others = {other: bound for other, bound in limits.items() if other != name}
        better = _fitting(found, others)
        without.append(Without(name, better[0] if better else None, len(better) - len(fitting)))
    return Pick(fitting, len(found), without)


def _fitting(found: Sequence[Candidate], limits: Limits) -> list[Candidate]:
    return [
        one
        for one in found
        if all(LIMITS[name].holds(one, bound) for name, bound in limits.items())
    ]
