"""What a Pareto front is over: metrics, and whether more of each is better."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from mncost.errors import InputError, UnknownNameError
from mncost.space.segments import METRICS, Metric

__all__ = ["Goal", "goals_of"]

Named: TypeAlias = Metric | Literal["latency", "top1"]
_NAMES: tuple[Named, ...] = (*METRICS, "latency", "top1")


class Goal(NamedTuple):
    """A metric, and whether the largest value is the best; else the smallest is."""

    metric: Named
    largest: bool


def goals_of(text: str, option: str = "pareto") -> tuple[Goal, ...]:
    """Read goals: ``"macs,params"``, ``"macs:max,params"``; the best ``top1`` is the largest.

    Raises:
        InputError: the text cannot be read.
    """
    goals = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(":")
        metric = next((one for one in _NAMES if one == name), None)
        if metric is None:
            raise UnknownNameError("metric", name, _NAMES)
        if direction not in ("", "min", "max"):
            raise InputError(f"{option} {part.strip()!r}: accepted are {name}:min and {name}:max")
        goals.append(Goal(metric, direction == "max" or (metric == "top1" and not direction)))
    if len({goal.metric for goal in goals}) < len(goals):
        raise InputError(f"{option} {text!r}: a metric stands there twice")
    return tuple(goals)
