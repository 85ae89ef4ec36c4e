"""Counts of millions of networks at once: each different case of a segment is priced once.

A network is a number: its choices are the digits, in a mixed radix, the last axis first. So a
million networks are an array of numbers, and for each segment their costs are looked up in the
table of its cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from mncost.space.file import Design
from mncost.space.segments import Impossible, Metric, Pricer, Segment, State, first, segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.cost.memory import InPlace, Precision

__all__ = ["Counter", "strides_of"]

_MAX = ("peak_activation_bytes",)  # metrics that are the maximum over segments, not the sum
_MOST_CASES = 1 << 25  # of one segment, in an array over all of them: 128 MB


def strides_of(sizes: Sequence[int]) -> list[int]:
    """Return by how much a number grows with each of its digits, the last digit by 1."""
    return [prod(sizes[index + 1 :]) for index in range(len(sizes))]


class Counter:
    """Counts networks of a design by their numbers."""

    def __init__(
        self,
        design: Design,
        metrics: Sequence[Metric],
        precision: Precision = "fp32",
        in_place: InPlace = "none",
    ) -> None:
        """Count nothing yet. Needs numpy."""
        self.design, self.metrics = design, tuple(metrics)
        self.sizes = [len(axis.values) for axis in design.axes]
        self.strides = strides_of(self.sizes)
        self._pricer = Pricer(design, metrics, precision, in_place)
        self._states: list[State] = []
        self._numbers: dict[State, int] = {}  # by state: where it stands in that list
        self._steps = [_Step(self, segment) for segment in segments(design)]

    def count(self, numbers: NDArray[Any]) -> tuple[dict[Metric, NDArray[Any]], NDArray[Any]]:
        """Return the costs of networks, int64, and which of them can be built.

        Args:
            numbers: int64, each at least 0 and below the size of the space.
        """
        import numpy

        costs = {metric: numpy.zeros(len(numbers), numpy.int64) for metric in self.metrics}
        states = self._first(numbers)
        for step in self._steps:
            states = step.apply(numbers, states, costs)
        impossible = [isinstance(state, Impossible) for state in self._states]
        return costs, ~numpy.array(impossible)[states]

    def why(self) -> list[str]:
        """Return why networks could not be built, as far as they were counted."""
        return [state.why for state in self._states if isinstance(state, Impossible)]

    def digits(self, numbers: NDArray[Any], axis: int) -> NDArray[Any]:
        """Return which value each network takes on an axis, from 0."""
        return numbers // self.strides[axis] % self.sizes[axis]

    @property
    def states(self) -> int:
        """How many states were met so far."""
        return len(self._states)

    def state(self, state: State) -> int:
        """Return the number of a state, a new one if it was not met before."""
        if state not in self._numbers:
            self._numbers[state] = len(self._states)
            self._states.append(state)
        return self._numbers[state]

    def price(self, segment: Segment, start: int, chosen: Sequence[int]) -> tuple[list[int], int]:
        """Return the costs of a segment, and the number of the state behind it."""
        axes = [self.design.axes[index] for index in segment.axes]
        values = tuple(axis.values[digit] for axis, digit in zip(axes, chosen, strict=True))
        priced = self._pricer.price(segment, self._states[start], values)
        return [*priced.costs], self.state(priced.end)

    def _first(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Return the states of the images."""
        import numpy

        alphas, sizes, depths = self.design.axes[:3]
        starts = [
            self.state(first(self.design, alpha, depth, size))
            for alpha in alphas.values
            for size in sizes.values
            for depth in depths.values
        ]
        states: NDArray[Any] = numpy.array(starts)[numbers // self.strides[2]]
        return states


class _Step:
    """One segment, and the table of its cases: a case is a state and the digits of its axes."""

    def __init__(self, counter: Counter, segment: Segment) -> None:
        import numpy

        self.counter, self.segment = counter, segment
        self.sizes = [counter.sizes[axis] for axis in segment.axes]
        self.cases = prod(self.sizes)
        self.row = numpy.full(0, -1, numpy.int32)  # by case: its row in the table
        self.few: dict[int, int] = {}  # the same, where most cases never occur
        self.table = numpy.zeros((len(counter.metrics) + 1, 0), numpy.int64)  # costs, next state

    def apply(
        self, numbers: NDArray[Any], states: NDArray[Any], costs: dict[Metric, NDArray[Any]]
    ) -> NDArray[Any]:
        """Add the segment's costs; return the states behind it."""
        import numpy

        cases = states * self.cases
        for axis, stride in zip(self.segment.axes, strides_of(self.sizes), strict=True):
            cases += self.counter.digits(numbers, axis) * stride
        rows = self._rows(cases)
        for metric, column in zip(costs, self.table, strict=False):
            combine = numpy.maximum if metric in _MAX else numpy.add
            combine(costs[metric], column[rows], out=costs[metric])
        states = self.table[-1][rows]
        return states

    def _rows(self, cases: NDArray[Any]) -> NDArray[Any]:
        """Return the row of each case in the table, which grows by those that are new."""
        import numpy

        if self.counter.states * self.cases > _MOST_CASES:
            return self._rows_of_few(cases)
        if (most := int(cases.max(initial=-1)) + 1) > len(self.row):
            grown = numpy.full(most, -1, numpy.int32)
            grown[: len(self.row)] = self.row
            self.row = grown
        rows: NDArray[Any] = self.row[cases]
        if (rows < 0).any():
            is_new = numpy.zeros(len(self.row), bool)
            is_new[cases] = True
            new = numpy.flatnonzero(is_new & (self.row < 0))
            self.row[new] = self._price(new)
            rows = self.row[cases]
        return rows

    def _rows_of_few(self, cases: NDArray[Any]) -> NDArray[Any]:
        """Return the same where an array over all cases would be too large: most never occur."""
        import numpy

        different, place = numpy.unique(cases, return_inverse=True)
        new = [case for case in different.tolist() if case not in self.few]
        self.few |= dict(zip(new, self._price(numpy.array(new, numpy.int64)).tolist(), strict=True))
        rows: NDArray[Any] = numpy.array([self.few[case] for case in different.tolist()])[place]
        return rows

    def _price(self, new: NDArray[Any]) -> NDArray[Any]:
        """Add cases to the table; return their rows there."""
        import numpy

        before, columns = self.table.shape[1], []
        for case in new.tolist():
            state, rest = divmod(case, self.cases)
            digits = [
                rest // stride % size
                for stride, size in zip(strides_of(self.sizes), self.sizes, strict=True)
            ]
            costs, end = self.counter.price(self.segment, state, digits)
            columns.append([*costs, end])
        if columns:
            self.table = numpy.concatenate([self.table, numpy.array(columns).T], axis=1)
        return before + numpy.arange(len(columns))
