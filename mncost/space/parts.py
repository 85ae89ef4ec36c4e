"""What is counted of a design space, range by range, here or in another process.

A :class:`Job` is all that a process needs; a :class:`Part` is what a range of networks came to.
Parts are joined in any order, and the result is the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from mncost.cost.memory import InPlace, Precision
from mncost.errors import InputError
from mncost.space.counting import Counter
from mncost.space.file import Design
from mncost.space.front import beaten, on_front
from mncost.space.goals import Goal
from mncost.space.networks import Networks
from mncost.space.segments import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.predict.predictor import Predictor

__all__ = [
    "MOST_KEPT",
    "Counting",
    "Executor",
    "Job",
    "Part",
    "Range",
    "joined",
    "merged",
    "values",
]

MOST_KEPT = 20_000_000
_STRONG = 64  # networks of the front that others are compared with first
_WAITING = 1 << 18  # networks of parts that are joined at once


class Job(NamedTuple):
    """How networks are counted, and which are kept.

    Attributes:
        design: the space.
        metrics, precision, in_place, predictor: as :class:`Counter` takes them.
        sample, seed: as :meth:`mncost.space.networks.Networks.numbers` takes them.
        goals: of the front; empty: there is none.
        bounds: the most that metrics may be, added up.
        keep: how many networks are kept at most, without goals: the best by ``order``, or those of
            the least numbers.
        top1: the networks that are counted and their accuracy; ``None``: all are counted.
    """

    design: Design
    metrics: tuple[Metric, ...]
    precision: Precision = "fp32"
    in_place: InPlace = "none"
    predictor: Predictor | None = None
    sample: int | None = None
    seed: int = 0
    goals: tuple[Goal, ...] = ()
    bounds: tuple[tuple[tuple[str, ...], float], ...] = ()
    keep: int | None = None
    order: Goal | None = None
    top1: Mapping[int, float] | None = None


class Part(NamedTuple):
    """What some networks of a space came to.

    Attributes:
        numbers: of those that are kept, int64, ascending.
        costs: by metric.
        counted, fitting, impossible: how many were counted, are within the bounds, cannot be built.
        why: why not, with the first network of each reason.
        unknown: how many have a kind of kernel that was never measured, so that their latency has
            no interval. No limit on latency lets them through.
    """

    numbers: NDArray[Any]
    costs: dict[str, NDArray[Any]]
    counted: int
    fitting: int
    impossible: int
    why: dict[str, int]
    unknown: int = 0

    def only(self, chosen: NDArray[Any] | slice) -> Part:
        """Return the part with some of what was kept."""
        costs = {metric: column[chosen] for metric, column in self.costs.items()}
        return self._replace(numbers=self.numbers[chosen], costs=costs)


Range: TypeAlias = tuple[int, int]
"""From which network up to which, in the order of ``Networks.numbers``."""

Executor: TypeAlias = Callable[[Job, Sequence[Range]], Iterator[Part]]
"""Counts ranges somewhere, and yields their parts in any order."""


class Counting:
    """Counts ranges of a job; what it prices is priced once."""

    def __init__(self, job: Job) -> None:
        """Count nothing yet.

        Raises:
            InputError: the architecture cannot be built.
        """
        self.job, self.space = job, Networks(job.design)
        self.counter = Counter(job.design, job.metrics, job.precision, job.in_place, job.predictor)

    def part(self, start: int, stop: int) -> Part:
        """Return what a range of networks came to; ``start`` is a multiple of ``CHUNK``."""
        job, whole = self.job, list[Part]()
        for numbers in self.space.numbers(job.sample, job.seed, start, stop):
            part = self._chunk(numbers)
            if whole:
                part = _without_beaten(job, part, whole[0])
            whole = [merged(job, [*whole, part])]
        return whole[0]

    def _chunk(self, numbers: NDArray[Any]) -> Part:
        import numpy

        top1 = self.job.top1
        chosen = numbers if top1 is None else numbers[numpy.isin(numbers, list(top1))]
        costs, states, possible = self.counter.count(chosen)
        kept = possible
        for names, most in self.job.bounds:
            kept = kept & (sum(costs[name] for name in names) <= most)
        why = self._why(chosen[~possible], states[~possible])
        counts = len(numbers), int(kept.sum()), int((~possible).sum())
        return Part(chosen, costs, *counts, why, _unknown(costs, possible)).only(kept)

    def _why(self, numbers: NDArray[Any], states: NDArray[Any]) -> dict[str, int]:
        import numpy

        different, first = numpy.unique(states, return_index=True)
        pairs = zip(different.tolist(), numbers[first].tolist(), strict=True)
        return _first_of((self.counter.why(state), number) for state, number in pairs)


def joined(job: Job, parts: Iterable[Part], heard: Callable[[Part], None]) -> Part:
    """Return all parts as one, and tell of each.

    Raises:
        InputError: too many networks would be kept.
    """
    waiting: list[Part] = []
    for part in parts:
        heard(part)
        waiting.append(part)
        kept = [len(one.numbers) for one in waiting]
        if sum(kept[1:]) > max(_WAITING, kept[0]):
            waiting = [merged(job, waiting)]
    return merged(job, waiting)


def merged(job: Job, parts: Sequence[Part]) -> Part:
    """Return some parts as one: what is on their common front, or the best of all."""
    import numpy

    numbers = numpy.concatenate([one.numbers for one in parts])
    costs = {
        metric: numpy.concatenate([one.costs[metric] for one in parts]) for metric in parts[0].costs
    }
    why = _first_of(pair for one in parts for pair in one.why.items())
    whole = Part(
        numbers,
        costs,
        sum(one.counted for one in parts),
        sum(one.fitting for one in parts),
        sum(one.impossible for one in parts),
        why,
        sum(one.unknown for one in parts),
    )
    if (numbers[1:] < numbers[:-1]).any():
        whole = whole.only(numbers.argsort())
    if job.goals:
        return whole.only(on_front([values(job, whole, goal) for goal in job.goals]))
    if job.keep is not None and len(numbers) > job.keep:
        if job.order is None:
            return whole.only(slice(job.keep))
        best = values(job, whole, job.order).argsort(kind="stable")[: job.keep]
        return whole.only(numpy.sort(best))
    if len(numbers) > MOST_KEPT:
        raise InputError(
            f"more than {MOST_KEPT:,} networks would be kept: use --pareto, a limit or --sample"
        )
    return whole


def values(job: Job, part: Part, goal: Goal) -> NDArray[Any]:
    """Return what a part's networks have for a goal; less is better."""
    import numpy

    if goal.metric == "top1":
        assert job.top1 is not None
        values = numpy.array([job.top1[number] for number in part.numbers.tolist()])
    else:
        values = part.costs[goal.metric]
    return -values if goal.largest else values


def _without_beaten(job: Job, part: Part, whole: Part) -> Part:
    """Return a part without most of what is not on the front: sorting the rest takes longest."""
    import numpy

    if not job.goals or not len(whole.numbers):
        return part
    some = whole.only(numpy.linspace(0, len(whole.numbers) - 1, _STRONG).astype(int))
    costs, by = ([values(job, one, goal) for goal in job.goals] for one in (part, some))
    return part.only(~beaten(costs, by))


def _unknown(costs: Mapping[str, NDArray[Any]], possible: NDArray[Any]) -> int:
    """Return how many networks have no interval of their latency."""
    import numpy

    bounds = costs.get("latency_hi")
    return 0 if bounds is None else int(numpy.isnan(bounds[possible]).sum())


def _first_of(reasons: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the reasons, each with its least number, that of the least number first."""
    first: dict[str, int] = {}
    for why, number in reasons:
        first[why] = min(number, first.get(why, number))
    return dict(sorted(first.items(), key=lambda pair: pair[1]))
