"""From a space to the networks within limits, or on a front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mncost.cost.memory import InPlace, Precision
from mncost.errors import InputError
from mncost.render.shown import Shown
from mncost.space.goals import Goal, goals_of
from mncost.space.networks import CHUNK, Networks
from mncost.space.parts import Counting, Executor, Job, Part, Range, joined, values
from mncost.space.segments import METRICS, Metric

if TYPE_CHECKING:
    from mncost.predict.predictor import Predictor

__all__ = ["Bounds", "Survey", "survey"]

MOST_COUNTED = 10**10
MOST_DRAWN = 10**9  # so that the bounds of a sample's parts stay 64-bit integers
_RANGE = 1 << 20  # networks that are counted at a time at most: about a second

Bounds = Mapping[tuple[str, ...], float]
"""The most that a metric may be, or several together: ``{("macs",): 300_000_000}``.

``latency_hi`` is the upper end of the interval of a predicted latency, in seconds."""


class Survey(Shown):
    """Networks of a space that were kept, and what they cost.

    Attributes:
        space: the space.
        numbers: of the networks, int64.
        costs: by metric, int64; bytes are those of one image at ``precision``. Predicted latencies
            are ``latency``, ``latency_lo`` and ``latency_hi``, in seconds; the bounds are not a
            number where a kind of kernel was never measured.
        top1: ImageNet accuracy in % by number, where one is published and was asked for.
        counted: how many networks were counted; ``fitting``: how many are within the limits.
        impossible: how many cannot be built, and ``why``.
        unknown: of how many the latency has no interval; no limit on latency lets them through.
        goals: what the front is over; empty: it is no front.
        is_sample: whether not all networks of the space were counted.
    """

    def __init__(self, space: Networks, job: Job, part: Part) -> None:
        """Use :meth:`mncost.space.space.Space.survey`."""
        self.space, self.goals, self.precision = space, job.goals, job.precision
        self.numbers, self.costs = part.numbers, part.costs
        self.top1 = job.top1 or {}
        self.counted, self.fitting, self.impossible = part.counted, part.fitting, part.impossible
        self.why, self.unknown = list(part.why), part.unknown
        self.is_sample = job.sample is not None

    def __len__(self) -> int:
        """Return how many networks were kept."""
        return len(self.numbers)

    def __repr__(self) -> str:
        """Say how many networks were kept."""
        return f"<mncost.Survey: {len(self):,} of {self.counted:,} networks>"

    def columns(self) -> dict[str, Any]:
        """Return number, choices and costs of all networks that were kept, as columns."""
        import numpy

        made: dict[str, Any] = {"number": self.numbers}
        stride = self.space.size
        for axis in self.space.design.axes:
            stride //= len(axis.values)
            digits = self.numbers // stride % len(axis.values)
            if len(axis.values) == 1 and axis.name == "depth":
                continue
            plain = all(isinstance(value, int | float) for value in axis.values)
            texts = [_text(value) for value in axis.values]
            made[axis.name] = (
                numpy.array(axis.values)[digits] if plain else [texts[i] for i in digits.tolist()]
            )
        for metric, costs in self.costs.items():
            made[metric] = costs
        if self.top1:
            made["top1"] = [self.top1.get(number) for number in self.numbers.tolist()]
        return made


def _text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def survey(  # noqa: PLR0913 - what the options of mncost space are
    space: Networks,
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
    jobs: int = 1,
    executor: Executor | None = None,
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
        jobs: processes that count. The result is the same for any number.
        executor: counts somewhere else, e.g. on a cluster.
        progress: is told after each range how many networks were counted, of how many.

    Raises:
        InputError: numpy is missing, there are too many networks, or none can be built.
    """
    wanted = _goals(goals)
    bounds = bounds or {}
    needed = {goal.metric for goal in (*wanted, *([order] if order else []))} | {
        one for names in bounds for one in names
    }
    if predictor is None and {"latency", "latency_hi"} & needed:
        raise InputError("latency is predicted here: a predictor is needed")
    job = Job(
        space.design,
        tuple(one for one in METRICS if one in needed or one in metrics),
        precision,
        in_place,
        predictor,
        sample=sample if sample is not None and sample < space.size else None,
        seed=seed,
        goals=wanted,
        bounds=tuple(bounds.items()),
        keep=keep,
        order=order,
        top1=_accuracies(space) if "top1" in needed else None,
    )
    ranges = _ranges(space, job)
    counting = Counting(job)  # refuses what cannot be built, before a process is started
    if executor is None and jobs > 1 and len(ranges) > 1:
        from mncost.space.processes import in_processes

        executor = in_processes(min(jobs, len(ranges)))
    parts = executor(job, ranges) if executor else (counting.part(*one) for one in ranges)
    counted, total = 0, ranges[-1][1]

    def heard(part: Part) -> None:
        nonlocal counted
        counted += part.counted
        if progress is not None:
            progress(counted, total)

    whole = joined(job, parts, heard)
    if whole.impossible == whole.counted:
        raise InputError(f"{space.design.origin}: no network can be built: {next(iter(whole.why))}")
    by = order or next(iter(wanted), None)
    if by is not None:
        whole = whole.only(values(job, whole, by).argsort(kind="stable"))
    return Survey(space, job, whole)


def _goals(given: str | Sequence[Goal]) -> tuple[Goal, ...]:
    if isinstance(given, str):
        return goals_of(given) if given else ()
    return tuple(given)


def _ranges(space: Networks, job: Job) -> list[Range]:
    """Cut what is counted into ranges."""
    total = job.sample or space.size
    if total > (MOST_DRAWN if job.sample else MOST_COUNTED):
        raise InputError(
            f"{space.design.origin}: {total:,} networks are too many to count: take a sample, "
            f"e.g. --sample 1000000; accepted are {MOST_DRAWN:,} of a sample, and {MOST_COUNTED:,} "
            "of a whole space"
        )
    width = CHUNK * min(_RANGE // CHUNK, 1 + total // (32 * CHUNK))
    return [(start, min(start + width, total)) for start in range(0, total, width)]


def _accuracies(space: Networks) -> Mapping[int, float]:
    """Return the published accuracies by number."""
    if not space.published:
        raise InputError(
            f"{space.design.origin}: no accuracy is published for a network of this space: top1 is "
            "no goal here"
        )
    return {number: one.top1 for number, one in space.published.items()}
