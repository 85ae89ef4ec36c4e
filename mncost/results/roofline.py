"""The roofline: what a layer could take at least, by the machine's ceilings.

S. Williams, A. Waterman, D. Patterson, *Roofline: an insightful visual performance model for
multicore architectures*, 2009. Nothing computes more multiply-accumulates a second than a large
matrix product does, nor moves more bytes a second than a large copy: a layer takes at least the
longer of the two times. Its bytes are the least traffic (:mod:`mncost.cost.memory`). A layer whose
tensors stay in the caches can beat the copy, which does not fit there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from msgspec.structs import replace

from mncost.interval import Interval
from mncost.measure.records import Cell
from mncost.results.series import SECOND
from mncost.stats.location import log_interval

if TYPE_CHECKING:
    from mncost.results.statistics import Statistics

__all__ = ["Bound", "LayerPoint", "Roofline", "point", "roofline"]

Bound: TypeAlias = Literal["memory-bound", "compute-bound"]


class LayerPoint(NamedTuple):
    """One layer under the roofline. Times are in seconds for one call.

    Attributes:
        cell: where the layer was measured by itself.
        kind: ``depthwise``, ``pointwise``, ``conv``.
        intensity: multiply-accumulates for each byte moved.
        attainable: the least time by the roofline; ``None`` without ceilings.
        time: measured.
        ceiling_share: attainable / measured: how close it comes to the ceiling.
        bound: which ceiling is the lower one at its intensity.
    """

    cell: Cell
    kind: str
    intensity: float
    attainable: float | None
    time: Interval | None
    ceiling_share: Interval | None
    bound: Bound | None


class Roofline(NamedTuple):
    """The ceilings at one place, from the fastest run of each process."""

    macs_per_second: Interval
    bytes_per_second: Interval

    @property
    def ridge(self) -> float:
        """The intensity from which on a layer is compute-bound: MACs for each byte."""
        return self.macs_per_second.center / self.bytes_per_second.center

    def attainable(self, cell: Cell) -> float:
        """Return the least time of a call of a cell, in seconds."""
        return max(
            cell.call_macs / self.macs_per_second.center,
            cell.call_bytes / self.bytes_per_second.center,
        )


def roofline(results: Statistics, cell: int) -> Roofline | None:
    """Return the ceilings where a cell was measured.

    ``None`` if they were not measured there, or if an interval is as wide as the ceiling itself.
    """
    place = replace(results.run.cells[cell].place, batch=1)
    ceilings = [seen for seen in results.run.ceilings if seen.place == place]
    if not ceilings:
        return None
    made = Roofline(
        log_interval([SECOND * seen.macs / max(1, min(seen.product_ns)) for seen in ceilings]),
        log_interval([SECOND * seen.bytes / max(1, min(seen.copy_ns)) for seen in ceilings]),
    )
    return None if any((one.relative_error or 0) >= 1 for one in made) else made


def point(cell: Cell, kind: str, roofline: Roofline | None, time: Interval | None) -> LayerPoint:
    """Place a layer of a kind under its roofline."""
    intensity = cell.call_macs / cell.call_bytes
    if roofline is None:
        return LayerPoint(cell, kind, intensity, None, time, None, None)
    attainable = roofline.attainable(cell)
    bound: Bound = "compute-bound" if intensity >= roofline.ridge else "memory-bound"
    share = None if time is None else time.per(attainable)
    return LayerPoint(cell, kind, intensity, attainable, time, share, bound)
