"""Evolution over a design space: the best of what was tried has children, and these are tried.

Networks are numbers, and their counts and predicted latencies are arrays
(:mod:`mncost.space.counting`). A child is a parent with some choices drawn anew, or a mixture of
two parents (as in arXiv:1908.09791, section 4.4); what is not within the budget is not tried.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan
from typing import TYPE_CHECKING, Any

from mncost.errors import MeasureError
from mncost.nas.clock import NO_INTERVAL, Correction
from mncost.nas.log import Generation, Point
from mncost.space.counting import strides_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.cost.memory import Precision
    from mncost.nas.score import Score
    from mncost.network import Network
    from mncost.predict.predictor import Predictor
    from mncost.space.space import Space

__all__ = ["Evolution"]

_MUTATED = 0.1  # of a child's choices are drawn anew
_DRAWN = 64  # children for each that is tried: most are over the budget, or were tried before
_DRAWS = 40  # until a network within the budget is found


class Evolution:
    """The state of a search.

    Attributes:
        scores: of all networks that were tried, by number.
        correction: what measuring says of the predictions.
    """

    def __init__(
        self,
        space: Space,
        predictor: Predictor,
        score: Score,
        *,
        budget: float,
        population: int,
        seed: int,
        precision: Precision = "fp32",
    ) -> None:
        """Take a space, and the most that a latency may be, in seconds."""
        self.space, self.score, self.budget = space, score, budget
        self.population, self.seed, self.precision = population, seed, precision
        self.counter = space.counter(["macs", "params"], precision, predictor=predictor)
        self.scores: dict[int, float] = {}
        self.correction = Correction()
        self._strides = strides_of(space.sizes)

    def network(self, number: int) -> Network:
        """Return a network of the space."""
        return self.space.network(number, self.precision)

    def point(self, number: int) -> Point:
        """Return what is known of a network that was tried."""
        return self._points([number])[0]

    def _points(self, numbers: Iterable[int]) -> list[Point]:
        import numpy

        chosen = numpy.array([*numbers], numpy.int64)
        costs, _, _ = self.counter.count(chosen)
        latency, low, high = self._latencies(costs)
        return [
            Point(
                latency=float(latency[i]),
                lo=_number(low[i]),
                hi=_number(high[i]),
                macs=int(costs["macs"][i]),
                params=int(costs["params"][i]),
                score=self.scores[number],
            )
            for i, number in enumerate(chosen.tolist())
        ]

    def _latencies(self, costs: dict[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        factor, reach = self.correction
        center = costs["latency"] * factor
        if reach is not None:
            return center, center / reach, center * reach
        return center, costs["latency_lo"] * factor, costs["latency_hi"] * factor

    def next(self, number: int) -> Generation | None:
        """Try one more generation; ``None``: there are no new children within the budget.

        Args:
            number: of the generation, from 1.

        Raises:
            MeasureError: no network is within the budget.
        """
        import numpy

        random = numpy.random.default_rng([self.seed, number])
        tried = self._first(random) if not self.scores else self._children(random)
        if not tried:
            return None
        scores = [self._scored(one) for one in tried]
        self.scores |= dict(zip(tried, scores, strict=True))
        best = self.best()
        assert best is not None
        return Generation(
            number=number, tried=tried, scores=scores, best=best, point=self.point(best)
        )

    def take(self, generation: Generation) -> None:
        """Take a generation of a log."""
        self.scores |= dict(zip(generation.tried, generation.scores, strict=True))

    def best(self) -> int | None:
        """Return the best network within the budget; ``None``: there is none."""
        fitting = self._within(self.parents())
        return fitting[0] if fitting else None

    def parents(self) -> list[int]:
        """Return what was tried, the best first; of equal ones the one with the least number."""
        return sorted(self.scores, key=lambda one: (-self.scores[one], one))

    def _scored(self, number: int) -> float:
        return self.score(self.network(number))

    def _first(self, random: Any) -> list[int]:
        """Draw networks until some are within the budget."""
        import numpy

        size, count = self.space.size, self.population * _DRAWN
        fastest, is_unknown = numpy.inf, False
        for _ in range(_DRAWS):
            drawn = random.permutation(size) if size <= count else random.integers(0, size, count)
            numbers = [*dict.fromkeys(drawn.tolist())]
            fitting = self._within(numbers)
            if fitting:
                return fitting[: self.population]
            costs, _, possible = self.counter.count(numpy.array(numbers, numpy.int64))
            high = self._latencies(costs)[2][possible]
            is_unknown |= bool(numpy.isnan(high).any())
            fastest = min(fastest, numpy.nanmin(high, initial=numpy.inf))
            if size <= count:
                break
        said, accepted = "none can be built", "accepted is a longer --max-latency"
        if is_unknown:
            said, accepted = "of some no interval is known", NO_INTERVAL
        if numpy.isfinite(fastest):
            said = f"the fastest takes at most {fastest * 1e3:.4g} ms"
        raise MeasureError(
            f"{self.space.design.origin}: no network that was drawn is within the budget; {said}: "
            f"{accepted}"
        )

    def _children(self, random: Any) -> list[int]:
        """Return children of the population that were not tried before, within the budget."""
        import numpy

        parents = numpy.array(self.parents()[: self.population], numpy.int64)
        count = self.population * _DRAWN
        one, other = (self._digits(random.choice(parents, count)) for _ in range(2))
        mixed = numpy.where(random.random(one.shape) < 0.5, one, other)
        sizes = numpy.array(self.space.sizes)
        anew = random.integers(0, sizes, one.shape)
        is_new = random.random(one.shape) < _MUTATED
        is_new[numpy.arange(count), random.integers(0, len(sizes), count)] = True
        mutated = numpy.where(is_new, anew, one)
        digits = numpy.concatenate([mutated[::2], mixed[1::2]])
        numbers = digits @ numpy.array(self._strides, numpy.int64)
        new = dict.fromkeys(random.permutation(numbers).tolist())
        return self._within([n for n in new if n not in self.scores])[: self.population]

    def _digits(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Return the choices of networks: networks × axes."""
        import numpy

        places = [self.counter.digits(numbers, axis) for axis in range(len(self.space.sizes))]
        return numpy.stack(places, axis=1)

    def _within(self, numbers: list[int]) -> list[int]:
        """Return those that can be built, and whose whole interval is within the budget."""
        import numpy

        if not numbers:
            return []
        chosen = numpy.array(numbers, numpy.int64)
        costs, _, possible = self.counter.count(chosen)
        fits = possible & (self._latencies(costs)[2] <= self.budget)
        made: list[int] = chosen[fits].tolist()
        return made


def _number(value: float) -> float | None:
    """Return a bound; ``None``: it is not known."""
    return None if isnan(value) else float(value)
