"""From a space to the networks within limits, or on a front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mncost.cost.memory import InPlace, Precision
from mncost.errors import InputError
from mncost.render.shown import Shown
from mncost.space.goals import Goal, goals_of, on_front
from mncost.space.segments import METRICS, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.predict.predictor import Predictor
    from mncost.space.space import Space

__all__ = ["CHUNK", "Bounds", "Survey", "survey"]

CHUNK = 1 << 17  # networks at a time: their arrays fit a cache of some megabytes
MOST_KEPT = 20_000_000
MOST_COUNTED = 10**10
MOST_DRAWN = 10**9  # so that the bounds of a sample's parts stay 64-bit integers

Bounds = Mapping[tuple[str, ...], float]
"""The most that a metric may be, or several together: ``{("macs",): 300_000_000}``.

``latency_hi`` is the upper end of the interval of a predicted latency, in seconds."""


class Survey(Shown):
    """Networks of a space that were kept, and what they cost.

    Attributes:
        space: the space.
        numbers: of the networks, int64.
        costs: by metric, int64; bytes are those of one image at ``precision``. Predicted latencies
            are ``latency``, ``latency_lo`` and ``latency_hi``, in seconds.
        top1: ImageNet accuracy in % by number, where one is published and was asked for.
        counted: how many networks were counted; ``fitting``: how many are within the limits.
        impossible: how many cannot be built, and ``why``.
        goals: what the front is over; empty: it is no front.
        is_sample: whether not all networks of the space were counted.
    """

    def __init__(self, space: Space, goals: Sequence[Goal], precision: Precision) -> None:
        """Use :meth:`mncost.space.space.Space.survey`."""
        import numpy

        self.space, self.goals, self.precision = space, tuple(goals), precision
        self.numbers: NDArray[Any] = numpy.zeros(0, numpy.int64)
        self.costs: dict[str, NDArray[Any]] = {}
        self.top1: dict[int, float] = {}
        self.counted = self.fitting = self.impossible = 0
        self.why: list[str] = []
        self.is_sample = False

    def __len__(self) -> int:
        """Return how many networks were kept."""
        return len(self.numbers)

    def __repr__(self) -> str:
        """Say how many networks were kept."""
        return f"<mncost.Survey: {len(self):,} of {self.counted:,} networks>"

    def columns(self) -> dict[str, NDArray[Any] | list[Any]]:
        """Return number, choices and costs of all networks that were kept, as columns."""
        import numpy

        made: dict[str, NDArray[Any] | list[Any]] = {"number": self.numbers}
        stride = self.space.size
        for axis in self.space.design.axes:
            stride //= len(axis.values)
            digits = self.numbers // stride % len(axis.values)
            if len(axis.values) == 1 and axis.name == "depth":
                continue
            plain = all(isinstance(value, int | float) for value in axis.values)
            values = [_text(value) for value in axis.values]
            made[axis.name] = (
                numpy.array(axis.values)[digits] if plain else [values[i] for i in digits.tolist()]
            )
        for metric, costs in self.costs.items():
            made[metric] = costs
        if self.top1:
            made["top1"] = [self.top1.get(number) for number in self.numbers.tolist()]
        return made

    def _keep(self, chosen: NDArray[Any] | slice) -> None:
        self.numbers = self.numbers[chosen]
        self.costs = {metric: column[chosen] for metric, column in self.costs.items()}

    def _add(self, numbers: NDArray[Any], costs: Mapping[str, NDArray[Any]]) -> None:
        import numpy

        self.numbers = numpy.concatenate([self.numbers, numbers])
        self.costs = {
            metric: numpy.concatenate([self.costs[metric], column]) if self.costs else column
            for metric, column in costs.items()
        }

    def _reduce(self, keep: int | None, order: Goal | None) -> None:
        """Keep what is on the front; without goals, the best by an order."""
        if self.goals:
            self._keep(on_front([self._goal(goal) for goal in self.goals]))
        elif keep is not None and len(self) > keep:
            if order is None:
                self._keep(slice(keep))
            else:
                self._keep(self._goal(order).argsort(kind="stable")[:keep])

    def _sort(self, order: Goal | None) -> None:
        """Put the networks in order: by the first goal of a front, unless told otherwise."""
        by = order or next(iter(self.goals), None)
        if by is not None:
            self._keep(self._goal(by).argsort(kind="stable"))

    def _goal(self, goal: Goal) -> NDArray[Any]:
        import numpy

        if goal.metric == "top1":
            values = numpy.array([self.top1[number] for number in self.numbers.tolist()])
        else:
            values = self.costs[goal.metric]
        return -values if goal.largest else values


def _text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def survey(  # noqa: PLR0913 - what the options of mncost space are
    space: Space,
    goals: str | Sequence[Goal] = (),
    *,
    bounds: Bounds | None = None,
    sample: int | None = None,
    seed: int = 0,
    precision: Precision = "fp32",
    in_place: InPlace = "none",
    metrics: Sequence[Metric] = METRICS,
    predictor: Predictor | None = None,
    keep: int | None = None,
    order: Goal | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Count networks and keep those within bounds, or those on the Pareto front.

    Args:
        space: where they come from.
        goals: of the front, e.g. ``"macs:max,params"``; without them all are kept. With ``top1``
            only networks whose accuracy is published are.
        bounds: the most that metrics may be; several metrics are added up.
        sample: how many networks are counted, drawn at random; ``None`` is all.
        seed: of the sample.
        precision: what bytes are counted for.
        in_place: which layers overwrite their input, for the peak of activations.
        metrics: what is counted beside what goals and bounds need.
        predictor: predicts latencies, for goals and bounds that are over them.
        keep: without goals, how many networks are kept at most; ``None`` is all.
        order: the best in it are kept, and come first. By default those of the least numbers are
            kept, and a front is in the order of its first goal.
        progress: is told after each array how many networks were counted, of how many.

    Raises:
        InputError: numpy is missing, there are too many networks, or none can be built.
    """
    wanted = _goals(goals)
    bounds = bounds or {}
    needed = {goal.metric for goal in (*wanted, *([order] if order else []))} | {
        one for names in bounds for one in names
    }
    counter = space.counter(
        [one for one in METRICS if one in needed or one in metrics], precision, in_place, predictor
    )
    if predictor is None and {"latency", "latency_hi"} & needed:
        raise InputError("latency is predicted here: a predictor is needed")
    made = Survey(space, wanted, precision)
    made.is_sample = sample is not None and sample < space.size
    total = min(space.size, sample or space.size)
    if total > (MOST_DRAWN if made.is_sample else MOST_COUNTED):
        raise InputError(
            f"{space.design.origin}: {total:,} networks are too many to count: take a sample, "
            f"e.g. --sample 1000000; accepted are {MOST_DRAWN:,} of a sample, and {MOST_COUNTED:,} "
            "of a whole space"
        )
    if "top1" in needed:
        _with_accuracy(made)
    for numbers in space.numbers(sample, seed):
        chosen = _with_top1(made, numbers) if "top1" in needed else numbers
        costs, possible = counter.count(chosen)
        made.counted += len(numbers)
        made.impossible += int((~possible).sum())
        kept = possible
        for names, most in bounds.items():
            kept = kept & (sum(costs[name] for name in names) <= most)
        made.fitting += int(kept.sum())
        if kept.any() or not made.costs:
            made._add(chosen[kept], {metric: column[kept] for metric, column in costs.items()})
            made._reduce(keep, order)
        if len(made) > MOST_KEPT:
            raise InputError(
                f"more than {MOST_KEPT:,} networks would be kept: use --pareto, a limit or --sample"
            )
        if progress is not None:
            progress(made.counted, total)
    made._sort(order)
    made.why = counter.why()
    if made.impossible == made.counted:
        raise InputError(f"{space.design.origin}: no network can be built: {made.why[0]}")
    return made


def _goals(given: str | Sequence[Goal]) -> tuple[Goal, ...]:
    if isinstance(given, str):
        return goals_of(given) if given else ()
    return tuple(given)


def _with_accuracy(made: Survey) -> None:
    """Look the published accuracies up."""
    made.top1 = {number: one.top1 for number, one in made.space.published.items()}
    if not made.top1:
        raise InputError(
            f"{made.space.design.origin}: no accuracy is published for a network of this space: "
            "top1 is no goal here"
        )


def _with_top1(made: Survey, numbers: NDArray[Any]) -> NDArray[Any]:
    import numpy

    return numbers[numpy.isin(numbers, list(made.top1))]
