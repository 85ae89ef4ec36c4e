"""Predicted latency of networks that are changed step by step."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, NamedTuple

from mncost.errors import MeasureError
from mncost.nas.log import Point
from mncost.predict.calibration import where_of

if TYPE_CHECKING:
    from mncost.interval import Interval
    from mncost.network import Network
    from mncost.predict.predictor import Predictor

__all__ = ["NO_INTERVAL", "Clock", "Correction"]

NO_INTERVAL = (
    "mncost calibrate with a network that has such kernels measures them, and so does a search "
    "without --no-measure"
)
"""What to do where a kind of kernel was never measured, so that a latency has no interval."""


class Correction(NamedTuple):
    """What measuring one of the networks says of the predictions of the others.

    Attributes:
        factor: measured / predicted.
        reach: the upper end of an interval / its center, of the next network that is measured: both
            measurements are off by an interval's half. ``None``: as predicted.
    """

    factor: float = 1.0
    reach: float | None = None

    @classmethod
    def of(cls, measured: Interval, predicted: float) -> Correction:
        """Return what a measured latency says of a predicted one, in seconds."""
        reach = None
        if measured.hi is not None:
            reach = 1 + 2 * (measured.hi / measured.center - 1)
        return cls(measured.center / predicted, reach)


class Clock:
    """Predicts the networks that come of one: all by the same model, so that they compare.

    The center is that of the first network's family, if it was measured. The interval is at least
    that of a family which was not: other widths make it another network.
    """

    def __init__(self, predictor: Predictor, first: Network, family: str | None) -> None:
        """Take a predictor, the network that is changed, and the family that it is of, if any."""
        import numpy as np

        self.predictor = predictor
        self.family = family if family in predictor.families else None
        where = np.array([where_of(first.alpha, first.inputs)])
        factors, own, odd = predictor.corrections(self.family, where)
        _, unseen, _ = predictor.corrections(None, where)
        self._factor, self._half = float(factors[0]), float(max(own[0], unseen[0]))
        self._odd_half = max(odd, self._half)
        self.correction = Correction()

    def seconds(self, network: Network) -> tuple[float, float | None]:
        """Return the latency of a network, and the upper end of its interval / the latency.

        That is ``None`` if a kind of kernel was never measured, and no network was since then.
        """
        plan = self.predictor.plan(network)
        seconds = self.predictor.kernel_seconds(plan, network.shapes)
        seconds = (seconds + self.predictor.call_seconds) * self._factor
        doubt = self.predictor.doubts.of(plan, network.shapes, self.family)
        factor, reach = self.correction
        if reach is None and not (doubt and doubt.is_unknown):
            reach = exp(self._odd_half if doubt else self._half)
        return seconds * factor, reach

    def high(self, network: Network, point: Point) -> float:
        """Return the upper end of the interval of a network's latency, in seconds.

        Raises:
            MeasureError: it is not known.
        """
        if point.hi is None:
            doubt = self.predictor.doubts.of(
                self.predictor.plan(network), network.shapes, self.family
            )
            why = "it was measured in one process" if doubt is None else doubt.why
            raise MeasureError(
                f"{network.arch}: {why}, so its latency has no interval: {NO_INTERVAL}"
            )
        return point.hi

    def point(self, network: Network, score: float) -> Point:
        """Return what is known of a network with a score."""
        seconds, reach = self.seconds(network)
        return Point(
            latency=seconds,
            lo=None if reach is None else seconds / reach,
            hi=None if reach is None else seconds * reach,
            macs=network.macs,
            params=network.params,
            score=score,
        )
