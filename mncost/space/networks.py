"""The networks of a design space, by their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import msgspec

from mncost.cost.memory import InPlace, Precision
from mncost.errors import InputError
from mncost.network import Network, network_of
from mncost.space.counting import strides_of
from mncost.space.file import Design, changed
from mncost.spec.axis import Resolution
from mncost.spec.resolve import Architecture, resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.published.accuracy import Candidate

__all__ = ["CHUNK", "Networks"]

CHUNK = 1 << 17  # networks at a time: their arrays fit a cache of some megabytes

_MOST = 1 << 50  # so that a number × the states that are met stays a 64-bit integer
_PUBLISHED = 100_000  # networks of the architecture itself that are looked up at most


class Networks:
    """All networks of a design-space file; each has a number, from 0.

    Attributes:
        design: what stands in the file.
        size: how many networks there are.
    """

    def __init__(self, design: Design) -> None:
        """Number the networks of a design.

        Raises:
            InputError: there are too many networks.
        """
        self.design = design
        self.sizes = [len(axis.values) for axis in design.axes]
        self.size = prod(self.sizes)
        if self.size > _MOST:
            raise InputError(f"{design.origin}: more than {_MOST:.1e} networks")

    def choices(self, number: int) -> dict[str, Any]:
        """Return what a network has chosen, by the names of the axes.

        Raises:
            InputError: there is no network of this number.
        """
        if not 0 <= number < self.size:
            raise InputError(f"network {number}: accepted are 0 to {self.size - 1:,}")
        return {
            axis.name: axis.values[number // stride % len(axis.values)]
            for axis, stride in zip(self.design.axes, strides_of(self.sizes), strict=True)
        }

    def architecture(self, number: int) -> Architecture:
        """Return a network's architecture, made without any of the arrays.

        Raises:
            InputError: there is no network of this number, or it cannot be built.
        """
        design, chosen = self.design, self.choices(number)
        changes: dict[int, dict[str, Any]] = {}
        for axis in design.axes:
            for place in axis.places:
                changes.setdefault(place, {})[axis.key] = chosen[axis.name]
        rows = list(design.spec.rows)
        for place, own in changes.items():
            rows[place] = changed(rows[place], own)
        spec = msgspec.structs.replace(design.spec, rows=tuple(rows), depth=chosen["depth"])
        made = resolve(
            spec,
            chosen["alpha"],
            classes=design.classes,
            in_channels=design.in_channels,
            output_stride=design.output_stride,
        )
        return msgspec.structs.replace(made, dialect=design.dialect)

    def network(
        self, number: int, precision: Precision = "fp32", in_place: InPlace = "none"
    ) -> Network:
        """Return a network.

        Args:
            number: from 0.
            precision: what its bytes are counted for.
            in_place: which layers overwrite their input, for the peak of activations.

        Raises:
            InputError: there is no network of this number, or it cannot be built.
        """
        size: Resolution = self.choices(number)["resolution"]
        return network_of(self.architecture(number), size, precision, in_place)

    def numbers(
        self, sample: int | None = None, seed: int = 0, start: int = 0, stop: int | None = None
    ) -> Iterator[NDArray[Any]]:
        """Yield the numbers of all networks, or of a sample, array by array.

        A sample is stratified: the space is cut into as many parts of equal size, and one network
        of each part is drawn.

        Args:
            sample: how many, at most a billion; ``None`` is all.
            seed: of the sample.
            start: from which of them on; a multiple of :data:`CHUNK`.
            stop: up to which; ``None`` is all.
        """
        import numpy

        total = self.size if sample is None else min(sample, self.size)
        stop = total if stop is None else min(stop, total)
        width, rest = divmod(self.size, total)
        for begin in range(start, stop, CHUNK):
            parts = numpy.arange(begin, min(begin + CHUNK, stop) + 1)
            if total == self.size:
                yield parts[:-1]
                continue
            bounds = parts * width + parts * rest // total
            random = numpy.random.default_rng([seed, begin // CHUNK])
            yield random.integers(bounds[:-1], bounds[1:])

    @cached_property
    def published(self) -> dict[int, Candidate]:
        """The networks of the space whose ImageNet accuracy is published, by their numbers."""
        from mncost.published.accuracy import CLASSES, accuracy_of

        base = self._unchanged()
        if base is None or self.design.classes != CLASSES:
            return {}
        candidates = {}
        for number in base:
            try:
                candidate = accuracy_of(self.network(number))
            except InputError:
                continue
            if candidate is not None:
                candidates[number] = candidate
        return candidates

    def _unchanged(self) -> list[int] | None:
        """Return the numbers of the networks whose rows are as the architecture has them."""
        strides, rows = strides_of(self.sizes), self.design.spec.rows
        number = 0
        for axis, stride in zip(self.design.axes[3:], strides[3:], strict=True):
            digits = {_digit(rows[place], axis.key, axis.values) for place in axis.places}
            if len(digits) != 1 or None in digits:
                return None
            number += stride * (digits.pop() or 0)
        grid = range(0, self.size, strides[2])
        return [start + number for start in grid] if len(grid) <= _PUBLISHED else None


def _digit(row: Any, key: str, values: Sequence[Any]) -> int | None:
    """Return which of an axis' values the unchanged row has."""
    stated = getattr(row, key, None)
    if key == "repeats" and stated is None:
        stated = 1
    return next((index for index, value in enumerate(values) if value == stated), None)
