"""Limits on what a network may cost: which candidates fit, and what each limit costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mncost.errors import QuantityError
from mncost.flags import Flags, flag, given
from mncost.limits import Amount, exact, percentage

if TYPE_CHECKING:
    from mncost.published.accuracy import Candidate

__all__ = ["Limits", "Rule", "Spelling", "Without", "bound", "costs", "fitting", "rules"]

Rule: TypeAlias = "Callable[[Candidate], bool]"
"""Whether a candidate is within a limit."""

Spelling: TypeAlias = Callable[[str], str]
"""How messages write the name of a keyword: ``max_macs``, or ``--max-macs``."""

_FEWEST = 1_000  # nobody publishes a network of fewer MACs, parameters or bytes


class Limits(Flags):
    """What a network may cost, as far as it is counted or published; ``None`` is no limit."""

    panel = "Limits"

    max_macs: Amount | None = flag("E.g. 150M.", metavar="COUNT")
    max_params: Amount | None = flag("E.g. 3.5M.", metavar="COUNT")
    max_size: Amount | None = flag("Bytes of the weights, e.g. 10MB or 8MiB.", metavar="SIZE")
    max_memory: Amount | None = flag(
        "Weights and peak activations together, for one image.", metavar="SIZE"
    )
    min_top1: Amount | None = flag("ImageNet top-1, e.g. 70.", metavar="%")


class _Limit(NamedTuple):
    read: Callable[[str, Amount], float]
    holds: Callable[[Candidate, float], bool]


def _count(name: str, given: Amount) -> int:
    return _not_a_slip(name, given, exact(name, given, "count"), "150M")


def _size(name: str, given: Amount) -> int:
    return _not_a_slip(name, given, exact(name, given, "bytes"), "10MB")


def _not_a_slip(name: str, given: Amount, value: int, example: str) -> int:
    """Refuse a bare number whose unit was forgotten: 150 for 150 M."""
    if not isinstance(given, str) and 0 < value < _FEWEST:
        raise QuantityError(f"{name} {given!r}: no network is so small; did you mean {example!r}?")
    return value


def _top1(name: str, given: Amount) -> float:
    value = percentage(name, given)
    if value <= 1:
        raise QuantityError(f"{name} {given!r}: accepted is a percentage, e.g. 70 for 70 %")
    return value


_LIMITS: Mapping[str, _Limit] = {
    "max_macs": _Limit(_count, lambda c, most: c.network.macs <= most),
    "max_params": _Limit(_count, lambda c, most: c.network.params <= most),
    "max_size": _Limit(_size, lambda c, most: c.network.weight_bytes <= most),
    "max_memory": _Limit(_size, lambda c, most: c.memory_bytes <= most),
    "min_top1": _Limit(_top1, lambda c, least: c.top1 >= least),
}


def rules(limits: Limits, spelled: Spelling = str) -> dict[str, Rule]:
    """Return the rules of limits by their names.

    Args:
        limits: numbers, or texts with units.
        spelled: how messages write the names.

    Raises:
        QuantityError: a limit cannot be read.
    """
    return {
        name: partial(_holds, _LIMITS[name], bound(name, spelled(name), amount))
        for name, amount in given(limits).items()
    }


def bound(name: str, spelled: str, amount: Amount) -> float:
    """Return a limit as a number in base units.

    Args:
        name: of the limit.
        spelled: how messages write it.
        amount: a number, or a text with a unit.

    Raises:
        QuantityError: it cannot be read.
    """
    return _LIMITS[name].read(spelled, amount)


def _holds(limit: _Limit, bound: float, one: Candidate) -> bool:
    return limit.holds(one, bound)


def fitting(candidates: Iterable[Candidate], limits: Mapping[str, Rule]) -> list[Candidate]:
    """Return the candidates within all limits, in order."""
    return [one for one in candidates if all(holds(one) for holds in limits.values())]


class Without(NamedTuple):
    """What a limit costs: what would fit if it were not there.

    Attributes:
        limit: its name.
        best: the most accurate candidate without the limit; ``None``: there is still none.
        gain: points of accuracy that ``best`` has more; ``None`` if nothing fits with the limit.
        more: how many candidates would fit besides; ``None``: that is not known.
    """

    limit: str
    best: Candidate | None
    gain: float | None
    more: int | None


def costs(
    candidates: Sequence[Candidate], limits: Mapping[str, Rule], names: Iterable[str]
) -> list[Without]:
    """Return what each of the named limits costs.

    Args:
        candidates: the most accurate first.
        limits: all limits, by name.
        names: some of them.
    """
    fit = fitting(candidates, limits)
    listed = []
    for name in names:
        others = {other: rule for other, rule in limits.items() if other != name}
        better = fitting(candidates, others)
        best = better[0] if better else None
        gain = best.top1 - fit[0].top1 if best and fit else None
        listed.append(Without(name, best, gain, len(better) - len(fit)))
    return listed
