"""What a calibration says little of: kernels and networks that are not like those measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.predict.features import AMOUNTS, MANY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.graph.ops import Shape
    from mncost.predict.calibration import Calibration
    from mncost.predict.kernels import Plan
    from mncost.predict.model import Cells

__all__ = ["PARTIAL", "Doubt", "Doubts"]

_WIDE = 2.0  # times the largest kernel of a kind: beyond it, nothing of that size was measured
_FAR = 10.0  # times that: beyond it nobody knows how wrong a prediction is
_BEYOND = 0.1  # of log α and of log resolution


class Doubt(NamedTuple):
    """Which kernel of a network is not like those that were measured.

    Attributes:
        why: in words.
        is_unknown: its kind never was, or nothing of a tenth of its size, so nobody knows how wrong
            a prediction is: there is no interval. Else the interval is wider.
    """

    why: str
    is_unknown: bool


PARTIAL = Doubt("not all of its operators can be counted", True)


class Doubts:
    """Compares networks with those of a calibration."""

    def __init__(self, calibration: Calibration, cells: Cells, families: Mapping[str, int]) -> None:
        """Take a calibration, its networks as arrays, and the number of each family in them."""
        self._calibration, self._cells, self._families = calibration, cells, families
        calls = cells.totals[:, :: len(AMOUNTS)]
        few = (calls > 0).sum(axis=0) < MANY  # networks that have the kind
        self._few = few
        self._rare = {kind for kind, is_few in zip(calibration.kinds, few, strict=True) if is_few}

    def of(self, plan: Plan, shapes: Sequence[Shape], family: str | None) -> Doubt | None:
        """Return which kernel is of a kind or size that was not measured; ``None``: none is.

        Args:
            plan: the kernels.
            shapes: of every node's result.
            family: the network's. In one that was measured, a kind may be as rare as it likes.
        """
        sides, most = self._calibration.kernels, self._calibration.most_macs
        kinds = dict.fromkeys(kernel.kind for kernel in plan.kernels)
        unknown = next((kind for kind in kinds if kind not in sides), None)
        if unknown is not None:
            return Doubt(f"no {unknown} kernel was measured", True)
        amounts = plan.amounts(shapes)[:, 0] / 1e6
        ratio, largest = max(
            (
                (float(amount) / most[kernel.kind], kernel.kind)
                for kernel, amount in zip(plan.kernels, amounts, strict=True)
                if most[kernel.kind] > 0
            ),
            default=(0.0, ""),
        )
        large = next((k for k in plan.kernels if k.kernel > max(sides[k.kind])), None)
        if ratio > _FAR:
            return Doubt(f"no {largest} of a tenth of that size was measured", True)
        if large is not None:
            return Doubt(f"no {large.kind} of {large.kernel}×{large.kernel} was measured", False)
        if ratio > _WIDE:
            return Doubt(f"no {largest} as large as that was measured", False)
        rare = next((kind for kind in kinds if kind in self._rare), None)
        if rare is not None and family not in self._families:
            return Doubt(f"few networks with {rare} kernels were measured", False)
        return None

    def are_rare(self, totals: NDArray[Any]) -> NDArray[Any]:
        """Return which networks have a kind of kernel that few measured ones have.

        Args:
            totals: networks × (kinds × amounts).
        """
        import numpy as np

        rare: NDArray[Any] = np.any(totals[:, :: len(AMOUNTS)][:, self._few] > 0, axis=1)
        return rare

    def beyond(self, family: str, where: NDArray[Any]) -> tuple[str, ...]:
        """Say if a family was not measured, or if α or the size is beyond what was.

        Args:
            family: the network's.
            where: log α, log resolution.
        """
        number = self._families.get(family)
        if number is None:
            return (f"no {family} was measured",)
        measured = self._cells.where[self._cells.family == number]
        low, high = measured.min(axis=0) - _BEYOND, measured.max(axis=0) + _BEYOND
        if ((where < low) | (where > high)).any():
            return (f"no {family} as wide or narrow, or as large or small, was measured",)
        return ()
