"""The most accurate networks that keep within limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from mncost.choose.accuracy import Candidate, is_near_tie

__all__ = ["Pick", "Rule", "Without", "pick", "rule"]


Rule: TypeAlias = Callable[[Candidate], bool]
"""Whether a candidate keeps to a limit."""

_LIMITS: Mapping[str, Callable[[Candidate, float], bool]] = {
    "max-macs": lambda c, most: c.network.macs <= most,
    "max-params": lambda c, most: c.network.params <= most,
    "max-size": lambda c, most: c.network.weight_bytes <= most,
    "max-memory": lambda c, most: c.memory_bytes <= most,
    "min-top1": lambda c, least: c.top1 >= least,
}


def rule(name: str, bound: float) -> Rule:
    """Return the rule of a limit by the name of its option.

    MACs, parameters, bytes of the weights, bytes of weights and peak activations together, or % of
    the images.
    """
    return partial(_holds, _LIMITS[name], bound)


def _holds(limit: Callable[[Candidate, float], bool], bound: float, one: Candidate) -> bool:
    return limit(one, bound)


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
        is_partial: not all candidates were measured, so more may fit.
    """

    fitting: list[Candidate]
    considered: int
    without: list[Without]
    is_partial: bool = False

    def about(self, limit: str) -> Pick:
        """Return the same for limits of which one was only looked at where the others hold.

        What would fit without one of the others is not known then.
        """
        known = [one for one in self.without if one.limit == limit]
        return self._replace(without=known, is_partial=True)

    def is_near_tie(self, candidate: Candidate) -> bool:
        """Whether a candidate that fits is as good as the best, as far as anyone knows."""
        best = self.fitting[0]
        return candidate is not best and is_near_tie(candidate, best)


def pick(found: Sequence[Candidate], rules: Mapping[str, Rule]) -> Pick:
    """Return the candidates that keep to all limits, and what each limit costs.

    Args:
        found: the most accurate first: :func:`mncost.choose.accuracy.candidates`.
        rules: those of the limits that are asked for, by name.
    """
    fitting = _fitting(found, rules)
    without = []
    for name in rules:
        better = _fitting(found, {other: rules[other] for other in rules if other != name})
        without.append(Without(name, better[0] if better else None, len(better) - len(fitting)))
    return Pick(fitting, len(found), without)


def _fitting(found: Sequence[Candidate], rules: Mapping[str, Rule]) -> list[Candidate]:
    return [one for one in found if all(holds(one) for holds in rules.values())]
