"""Predicted latencies, one for each network."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from mncost.render.shown import ShownSequence

if TYPE_CHECKING:
    from mncost.counted import Counted
    from mncost.interval import Interval
    from mncost.measure.cell import Place

__all__ = ["Prediction", "Predictions"]


class Prediction(NamedTuple):
    """The latency of a network.

    Attributes:
        network: the network or twin.
        latency: seconds of one call, with its interval: without bounds if it has a kind of kernel
            that was never measured.
        is_measured: whether the calibration measured this very network; else it is predicted.
        extrapolated: why the calibration says little about it; empty: it does not.
        measured: seconds that a check measured afterwards; ``None``: there was none.
    """

    network: Counted
    latency: Interval
    is_measured: bool = False
    extrapolated: tuple[str, ...] = ()
    measured: Interval | None = None

    @property
    def basis(self) -> str:
        """``measured``, ``predicted`` or ``extrapolated``."""
        if self.is_measured:
            return "measured"
        return "extrapolated" if self.extrapolated else "predicted"

    @property
    def half(self) -> float:
        """Half of the interval / the latency; infinite if it is not known."""
        known = self.latency.relative_error
        return inf if known is None else known

    @property
    def error(self) -> float | None:
        """Predicted / measured - 1; ``None``: not checked."""
        return None if self.measured is None else self.latency.center / self.measured.center - 1


class Predictions(ShownSequence[Prediction]):
    """What :meth:`mncost.Predictor.predict` returns, in the order of the networks.

    Attributes:
        place: where the latencies are those of.
        level: of the intervals of what is predicted.
        notes: what else there is to say.
    """

    _in_frames = (("columns", "all"),)

    def __init__(
        self,
        predictions: Sequence[Prediction],
        place: Place,
        level: float,
        notes: Sequence[str] = (),
    ) -> None:
        """Use :meth:`mncost.Predictor.predict`."""
        super().__init__(predictions)
        self.place, self.level, self.notes = place, level, tuple(notes)

    def __repr__(self) -> str:
        """Say how many there are."""
        return f"<mncost.Predictions of {len(self)} networks>"
