"""Limits on what a network may cost: how they are read, who keeps to them, what each costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mncost.errors import InputError, QuantityError
from mncost.published.accuracy import Candidate
from mncost.units import count, size

if TYPE_CHECKING:
    from mncost.measure.bench import Measurement

__all__ = [
    "Amount",
    "Rule",
    "Spelling",
    "Timing",
    "Without",
    "costs",
    "fitting",
    "percent",
    "rules",
    "whole",
]

Amount: TypeAlias = "str | float"
"""A bare number, or a text with a unit."""

Rule: TypeAlias = Callable[[Candidate], bool]
"""Whether a candidate keeps to a limit."""

Spelling: TypeAlias = Callable[[str], str]
"""How messages write the name of a keyword: ``max_macs``, or ``--max-macs``."""


class _Limit(NamedTuple):
    read: Callable[[str, Amount], float]
    holds: Callable[[Candidate, float], bool]


def percent(name: str, given: Amount) -> float:
    """Return a percentage above 0 and below 100, from a number or a text.

    Raises:
        QuantityError: it is none.
    """
    try:
        value = float(str(given).strip().removesuffix("%"))
    except ValueError:
        value = math.nan
    if not 0 < value < 100:
        raise QuantityError(f"{name} {given!r}: accepted is a number between 0 and 100, in %")
    return value


def whole(name: str, given: object, most: int) -> int:
    """Return a whole number from 1 to ``most``.

    Raises:
        QuantityError: it is none.
    """
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= most:
        raise QuantityError(f"{name} {given!r}: accepted is a whole number from 1 to {most}")
    return given


def _bare_or(read: Callable[[str, str], int], name: str, given: Amount) -> float:
    """Read a text, or check a bare number."""
    if isinstance(given, str):
        return read(name, given)
    if isinstance(given, bool) or not isinstance(given, Real) or not 0 <= given < math.inf:
        raise QuantityError(
            f"{name} {given!r}: accepted is a finite number, not negative, or a text with a unit"
        )
    return given


_COUNT, _SIZE = partial(_bare_or, count), partial(_bare_or, size)
_LIMITS: Mapping[str, _Limit] = {
    "max_macs": _Limit(_COUNT, lambda c, most: c.network.macs <= most),
    "max_params": _Limit(_COUNT, lambda c, most: c.network.params <= most),
    "max_size": _Limit(_SIZE, lambda c, most: c.network.weight_bytes <= most),
    "max_memory": _Limit(_SIZE, lambda c, most: c.memory_bytes <= most),
    "min_top1": _Limit(percent, lambda c, least: c.top1 >= least),
}


def rules(given: Mapping[str, Amount | None], spelled: Spelling = str) -> dict[str, Rule]:
    """Return the rules of limits by their names; ``None`` is no limit.

    Args:
        given: MACs, parameters, bytes of the weights, bytes of weights and peak activations
            together, % of the images: as numbers, or as texts with units.
        spelled: how messages write the names.

    Raises:
        InputError: one cannot be read.
    """
    found: dict[str, Rule] = {}
    for name, amount in given.items():
        if amount is not None:
            limit = _LIMITS[name]
            found[name] = partial(_holds, limit, limit.read(spelled(name), amount))
    return found


def _holds(limit: _Limit, bound: float, one: Candidate) -> bool:
    return limit.holds(one, bound)


class Timing(NamedTuple):
    """What is asked about latencies, as it was given; ``None`` was not."""

    max_latency: str | None = None
    percentile: Amount | None = None
    runtime: str | None = None
    threads: int | None = None
    run: Measurement | Path | str | None = None
    max_time: Amount | None = None
    save: Path | str | None = None

    def check(self, spelled: Spelling = str) -> None:
        """Refuse what means nothing beside the others.

        Raises:
            InputError: one such was given.
        """
        for names, is_without, why in (
            (("max_time", "save"), self.run is not None, f"does not go with {spelled('run')}"),
            (self._fields[1:], self.max_latency is None, f"needs {spelled('max_latency')}"),
        ):
            for name in names:
                if is_without and getattr(self, name) is not None:
                    raise InputError(f"{spelled(name)} {why}")


def fitting(found: Iterable[Candidate], limits: Mapping[str, Rule]) -> list[Candidate]:
    """Return the candidates that keep to all limits, in order."""
    return [one for one in found if all(holds(one) for holds in limits.values())]


class Without(NamedTuple):
    """What a limit costs: what would fit if it were not there.

    Attributes:
        limit: its name.
        best: the most accurate candidate then; ``None``: there is still none.
        gain: points of accuracy that it is better by; ``None`` if nothing fits with the limit.
        more: how many candidates would fit besides; ``None``: not all were measured.
        is_least: more accurate ones may fit as well, and are undecided.
    """

    limit: str
    best: Candidate | None
    gain: float | None
    more: int | None
    is_least: bool = False


def costs(
    found: Sequence[Candidate],
    limits: Mapping[str, Rule],
    names: Iterable[str],
    *,
    is_counted: bool = True,
    unsure: Collection[str] = (),
) -> list[Without]:
    """Return what each of the named limits costs.

    Args:
        found: the most accurate first.
        limits: all limits, by name.
        names: some of them.
        is_counted: whether all candidates are known to fit or not to.
        unsure: names of limits without which more accurate ones may fit than is known. They are
            left out if nothing is known to be gained.
    """
    fit = fitting(found, limits)
    listed = []
    for name in names:
        others = {other: rule for other, rule in limits.items() if other != name}
        better = fitting(found, others)
        best = better[0] if better else None
        gain = best.top1 - fit[0].top1 if best and fit else None
        more = len(better) - len(fit) if is_counted else None
        if name not in unsure:
            listed.append(Without(name, best, gain, more))
        elif best is not None and gain != 0:
            listed.append(Without(name, best, gain, more, is_least=True))
    return listed
