"""Counts of millions of networks at once: each different case of a segment is priced once.

A network is a number: its choices are the digits, in a mixed radix, the last axis first. So a
million networks are an array of numbers, and for each segment their costs are looked up in the
table of its cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from mncost.predict.calibration import where_of
from mncost.space.file import Design
from mncost.space.segments import TIMES, Impossible, Metric, Pricer, Segment, State, first, segments
from mncost.spec.axis import size_of_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.cost.memory import InPlace, Precision
    from mncost.predict.predictor import Predictor
    from mncost.space.latency import Timer

__all__ = ["Counter", "strides_of"]

_MAX = ("peak_activation_bytes", "doubt")  # the maximum over segments; else it is the sum
_MOST_CASES = 1 << 22  # of one segment, in an array over all of them: 16 MB


def _dtype(column: str) -> str:
    return "float64" if column == "latency" else "int64"


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
        predictor: Predictor | None = None,
    ) -> None:
        """Count nothing yet; with a predictor, predict latencies too. Needs numpy."""
        self.design, self.metrics = design, tuple(metrics)
        self.timer = timer = None if predictor is None else _timer(predictor, design)
        self.columns: tuple[str, ...] = (*self.metrics, *(TIMES if timer else ()))
        self.sizes = [len(axis.values) for axis in design.axes]
        self.strides = strides_of(self.sizes)
        self._pricer = Pricer(design, metrics, precision, in_place, timer)
        self._states: list[State] = []
        self._numbers: dict[State, int] = {}  # by state: where it stands in that list
        self._images: dict[int, int] = {}  # by α, resolution and depth: the state of that image
        self._corrections: dict[int, tuple[float, float, float]] = {}  # by α and resolution
        self._steps = [_Step(self, segment) for segment in segments(design)]

    def count(
        self, numbers: NDArray[Any]
    ) -> tuple[dict[str, NDArray[Any]], NDArray[Any], NDArray[Any]]:
        """Return the costs of networks, int64, their last states, and which of them can be built.

        With a predictor there are ``latency``, ``latency_lo`` and ``latency_hi`` too, in seconds;
        the bounds are not a number where a kind of kernel was never measured.

        Args:
            numbers: int64, each at least 0 and below the size of the space.
        """
        import numpy

        costs = {name: numpy.zeros(len(numbers), _dtype(name)) for name in self.columns}
        states = self._first(numbers)
        for step in self._steps:
            states = step.apply(numbers, states, costs)
        if self.timer is not None:
            costs |= self._latencies(numbers, costs["latency"], costs.pop("doubt"))
        impossible = numpy.array([isinstance(one, Impossible) for one in self._states], bool)
        return costs, states, ~impossible[states]

    def _latencies(
        self, numbers: NDArray[Any], sums: NDArray[Any], doubts: NDArray[Any]
    ) -> dict[str, NDArray[Any]]:
        """Return latencies and their intervals from sums over kernels."""
        import numpy

        from mncost.space.latency import UNKNOWN

        assert self.timer is not None
        different, place = numpy.unique(numbers // self.strides[1], return_inverse=True)
        corrections = numpy.array([*map(self._correction, different.tolist())])
        factors, halves, odd_halves = corrections.reshape(-1, 3).T
        seconds = (sums + self.timer.call) * factors[place]
        half = numpy.exp(
            numpy.where(doubts > 0, numpy.maximum(halves, odd_halves)[place], halves[place])
        )
        half[doubts == UNKNOWN] = numpy.nan
        return {"latency": seconds, "latency_lo": seconds / half, "latency_hi": seconds * half}

    def _correction(self, number: int) -> tuple[float, float, float]:
        """Return the corrections of an α and a resolution.

        They are worked out one by one, so that a sum has the same last bit in every process.
        """
        import numpy

        assert self.timer is not None
        if number not in self._corrections:
            alpha, size = self._chosen(number, 2)
            image = self.design.in_channels, *size_of_image(size)
            point = numpy.array([where_of(alpha, {"image": image})])
            (factor,), (half,), odd_half = self.timer.corrections(point)
            self._corrections[number] = float(factor), float(half), odd_half
        return self._corrections[number]

    def why(self, number: int) -> str:
        """Return why networks cannot be built whose last state has this number."""
        state = self._states[number]
        assert isinstance(state, Impossible)
        return state.why

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

    def price(self, segment: Segment, start: int, chosen: Sequence[int]) -> tuple[list[float], int]:
        """Return the costs of a segment, and the number of the state behind it."""
        axes = [self.design.axes[index] for index in segment.axes]
        values = tuple(axis.values[digit] for axis, digit in zip(axes, chosen, strict=True))
        priced = self._pricer.price(segment, self._states[start], values)
        return [*priced.costs], self.state(priced.end)

    def _first(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Return the states of the images."""
        import numpy

        different, place = numpy.unique(numbers // self.strides[2], return_inverse=True)
        for one in different.tolist():
            if one not in self._images:
                alpha, size, depth = self._chosen(one, 3)
                self._images[one] = self.state(first(self.design, alpha, depth, size))
        states = numpy.array([self._images[one] for one in different.tolist()], numpy.int64)
        each: NDArray[Any] = states[place]
        return each

    def _chosen(self, number: int, axes: int) -> list[Any]:
        """Return the values on the first axes, which the digits of a number choose."""
        strides = strides_of(self.sizes[:axes])
        return [
            axis.values[number // stride % len(axis.values)]
            for axis, stride in zip(self.design.axes, strides, strict=False)
        ]


def _timer(predictor: Predictor, design: Design) -> Timer:
    from mncost.space.latency import Timer

    # Else no network is of a family that was measured.
    has_own_rows = len(design.axes) == 3 and design.axes[2].values == (design.spec.depth,)
    return Timer(predictor, design.spec.name if has_own_rows else None)


class _Step:
    """One segment, and the table of its cases: a case is a state and the digits of its axes."""

    def __init__(self, counter: Counter, segment: Segment) -> None:
        import numpy

        self.counter, self.segment = counter, segment
        self.sizes = [counter.sizes[axis] for axis in segment.axes]
        self.cases = prod(self.sizes)
        self.row = numpy.full(0, -1, numpy.int32)  # by case: its row in the table
        self.few: dict[int, int] = {}  # the same, where most cases never occur
        self.table = {name: numpy.zeros(0, _dtype(name)) for name in (*counter.columns, "end")}

    def apply(
        self, numbers: NDArray[Any], states: NDArray[Any], costs: dict[str, NDArray[Any]]
    ) -> NDArray[Any]:
        """Add the segment's costs; return the states behind it."""
        import numpy

        cases = states * self.cases
        for axis, stride in zip(self.segment.axes, strides_of(self.sizes), strict=True):
            cases += self.counter.digits(numbers, axis) * stride
        rows = self._rows(cases)
        for name, total in costs.items():
            combine = numpy.maximum if name in _MAX else numpy.add
            combine(total, self.table[name][rows], out=total)
        ends: NDArray[Any] = self.table["end"][rows]
        return ends

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
        known = numpy.array([self.few[case] for case in different.tolist()], numpy.int64)
        rows: NDArray[Any] = known[place]
        return rows

    def _price(self, new: NDArray[Any]) -> NDArray[Any]:
        """Add cases to the table; return their rows there."""
        import numpy

        before, made = len(self.table["end"]), []
        for case in new.tolist():
            state, rest = divmod(case, self.cases)
            digits = [
                rest // stride % size
                for stride, size in zip(strides_of(self.sizes), self.sizes, strict=True)
            ]
            costs, end = self.counter.price(self.segment, state, digits)
            made.append((*costs, end))
        if made:
            for name, more in zip(self.table, zip(*made, strict=True), strict=True):
                new_ones = numpy.array(more, _dtype(name))
                self.table[name] = numpy.concatenate([self.table[name], new_ones])
        return before + numpy.arange(len(made))
