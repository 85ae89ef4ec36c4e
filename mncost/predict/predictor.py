"""Predicts latencies from a calibration: :class:`Predictor`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp, isnan, log
from pathlib import Path
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, Any

from mncost.errors import MeasureError
from mncost.extras import require
from mncost.interval import Interval
from mncost.measure.cells import content_of, digest, subject_of
from mncost.measure.records import Run
from mncost.measure.runtimes.blocked import block_of
from mncost.place import OnePlace
from mncost.predict.calibration import LEAST, Calibrated, Calibration, calibration_of, where_of
from mncost.predict.doubts import PARTIAL, Doubts
from mncost.predict.features import totals_of, trimmed
from mncost.predict.intervals import Scores, quantile, scores_of
from mncost.predict.kernels import Plan
from mncost.predict.model import WIDEST, Cells, fit
from mncost.predict.planner import plan_of, rule_of
from mncost.predict.predictions import Prediction, Predictions
from mncost.predict.spread import Spread
from mncost.results.results import Results
from mncost.stats.location import ONE_PROCESS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.graph.ops import Shape
    from mncost.network import Network

__all__ = ["LEVEL", "Predictor"]

LEVEL = 0.9
_MOST = 100.0  # of a logarithm: what a profile with absurd numbers says is still a number
_ODD = 2.0  # how much wider an interval is where little was measured of a size or kind of kernel


class Predictor:
    """Predicts what networks would take at the place of a calibration.

    Attributes:
        calibration: what was measured, where, and how wrong predictions of it are.
        doubts: which networks are not like those measured.
        spread: how much the processes of the calibration differ.
    """

    def __init__(self, calibration: Calibration) -> None:
        """Fit the model to a calibration.

        Raises:
            MeasureError: numpy or scipy is not installed, or it has too few networks.
        """
        require("results")
        import numpy as np

        self.calibration = calibration
        cells = calibration.cells
        if len(cells) < LEAST:
            raise MeasureError(
                f"{len(cells)} measured networks at one place: at least {LEAST} are needed"
            )
        self._families = {
            name: number
            for number, name in enumerate(sorted({c.family for c in cells if c.family}))
        }
        self._kinds = {kind: place for place, kind in enumerate(calibration.kinds)}
        arrays = Cells(
            trimmed(np.array([cell.totals for cell in cells])),
            np.array([self._families.get(cell.family or "", -1) for cell in cells]),
            np.array([cell.where for cell in cells]),
        )
        self.doubts = Doubts(calibration, arrays, self._families)
        self.spread = Spread(cells)
        calm = np.exp([np.mean(np.log(cell.calm)) for cell in cells])
        if not calibration.seen and not calibration.unseen:
            medians = np.exp([np.mean(np.log(cell.seconds)) for cell in cells])
            scores = scores_of(arrays, calm, self.spread.noise, truth=medians)
            calibration.seen, calibration.unseen = list(scores.seen), list(scores.unseen)
        self._scores = Scores(tuple(calibration.seen), tuple(calibration.unseen))
        self._fit = fit(arrays, calm, self.spread.noise)
        self._measured: dict[tuple[Any, ...], list[Calibrated]] = {}
        for one in cells:
            self._measured.setdefault((one.arch, one.alpha, one.resolution), []).append(one)

    @classmethod
    def fit(
        cls,
        run: Results | Run | Path | str,
        *,
        runtime: str | None = None,
        threads: int | None = None,
        precision: str | None = None,
        host: str | None = None,
    ) -> Predictor:
        """Return a predictor from a run of networks, with or without probes.

        Args:
            run: results of :func:`mncost.bench`, a run, or its file.
            runtime: whose latency is meant, if the run has several.
            threads: likewise.
            precision: likewise.
            host: likewise; ``"."`` is the machine that mncost ran on.

        Raises:
            InputError: the file cannot be used, or has too few networks at one place.
        """
        require("results")
        if isinstance(run, Path | str):
            run = Results.read(run)
        results = Results(run) if isinstance(run, Run) else run
        return cls(calibration_of(results, OnePlace(runtime, threads, host), precision))

    @property
    def kinds(self) -> Mapping[str, int]:
        """The place of each kind of kernel in the columns of :meth:`predict_totals`."""
        return self._kinds

    def predict(
        self, networks: Iterable[Network] | Network, *, level: float = LEVEL
    ) -> Predictions:
        """Return the latency of each network, with an interval.

        Args:
            networks: anything that can be counted; twins and models too.
            level: of the intervals.

        Raises:
            MeasureError: the level is not between 0 and 1.
        """
        import numpy as np

        from mncost.network import Network

        if not 0 < level < 1:
            raise MeasureError(f"level {level:g}: accepted is a number between 0 and 1")
        listed = [networks] if isinstance(networks, Network) else list(networks)
        if not listed:
            return Predictions([], self.calibration.place, level)
        families = [_family_of(network) for network in listed]
        where = np.array([where_of(network.alpha, network.inputs) for network in listed])
        plans: dict[int, Plan] = {}
        totals, doubts, beyond = [], [], []
        for network, family, point in zip(listed, families, where, strict=True):
            plan = plans.get(id(network.graph))
            if plan is None:
                plan = plans[id(network.graph)] = self.plan(network)
            totals.append(totals_of(plan, network.shapes, self._kinds))
            like = self.doubts.of(plan, network.shapes, family) if network.is_complete else PARTIAL
            doubts.append(like)
            beyond.append(self.doubts.beyond(family, point))
        odd = np.array(
            [
                bool(doubt or (strange and family in self._families))
                for doubt, strange, family in zip(doubts, beyond, families, strict=True)
            ]
        )
        unknown = np.array([one is not None and one.is_unknown for one in doubts])
        centers, halves = self.predict_totals(
            np.array(totals), families, where, odd=odd, unknown=unknown, level=level
        )
        made = []
        for network, doubt, strange, center, half in zip(
            listed, doubts, beyond, centers, halves, strict=True
        ):
            known = self._measured_interval(network, level)
            reasons = [*strange, *([doubt.why] if doubt else [])]
            latency = known or _interval(float(center), float(half), reasons)
            made.append(
                Prediction(network, latency, known is not None, () if known else tuple(reasons))
            )
        return Predictions(made, self.calibration.place, level)

    def predict_totals(
        self,
        totals: NDArray[Any],
        families: Sequence[str | None],
        where: NDArray[Any],
        *,
        odd: NDArray[Any] | None = None,
        unknown: NDArray[Any] | None = None,
        level: float = LEVEL,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return seconds, and half of each interval on the scale of logarithms, from arrays.

        Half of an interval that is not known is not a number.

        Args:
            totals: networks × (:attr:`kinds` × :data:`mncost.predict.features.AMOUNTS`).
            families: the name of each network's family.
            where: networks × (log α, log resolution).
            odd: which have kernels of a size that was not measured.
            unknown: which have kernels of a kind that was not measured.
            level: of the intervals.
        """
        import numpy as np

        numbers = np.array([self._families.get(name or "", -1) for name in families])
        cells = Cells(totals, numbers, where)
        log_seconds, deviation = self._fit.predict(cells)
        centers = np.exp(np.clip(log_seconds, -_MOST, _MOST))
        halves = np.where(
            numbers >= 0,
            self._halves(deviation, level, is_seen=True),
            self._halves(deviation, level, is_seen=False),
        )
        rare = (numbers < 0) & self.doubts.are_rare(totals)
        odd = rare if odd is None else rare | odd
        halves = np.where(odd, np.maximum(halves, self._odd_half(level)), halves)
        return centers, halves if unknown is None else np.where(unknown, np.nan, halves)

    def kernel_seconds(self, plan: Plan, shapes: Sequence[Shape]) -> float:
        """Return the sum over some kernels: what a piece of a network takes.

        The latency of a network is the sum over its pieces and :attr:`call_seconds`, times a factor
        of :meth:`corrections`.

        Args:
            plan: the kernels.
            shapes: of every node's result.
        """
        return float(totals_of(plan, shapes, self._kinds) @ self._fit.factors[:-1])

    @property
    def call_seconds(self) -> float:
        """What each call takes beside its kernels."""
        return float(self._fit.factors[-1])

    def corrections(
        self, family: str | None, where: NDArray[Any], *, level: float = LEVEL
    ) -> tuple[NDArray[Any], NDArray[Any], float]:
        """Return what sums over kernels are multiplied with, and how wrong they may be then.

        Args:
            family: the networks', if they are known to be of one.
            where: points × (log α, log resolution).
            level: of the intervals.

        Returns:
            The factors, half of the intervals on the scale of logarithms, and the least half for
            networks with kernels of a size that was not measured.
        """
        import numpy as np

        number = np.full(len(where), self._families.get(family or "", -1))
        left_over, deviation = self._fit.left_over(number, where)
        odd_half, is_seen = self._odd_half(level), family in self._families
        halves = self._halves(deviation, level, is_seen=is_seen)
        if family is not None and is_seen:
            odd = np.array([bool(self.doubts.beyond(family, one)) for one in where], bool)
            halves = np.where(odd, np.maximum(halves, odd_half), halves)
        return np.exp(np.clip(left_over, -_MOST, _MOST)), halves, odd_half

    def _halves(self, deviation: NDArray[Any], level: float, *, is_seen: bool) -> NDArray[Any]:
        """Return half of intervals, from the model's standard deviations.

        They are those of a measurement in as many processes as the calibration had: the scores hold
        what the processes of one cell differ by, and what all cells share is added.
        """
        import numpy as np

        first, second = self._scores if is_seen else reversed(self._scores)
        again = NormalDist().inv_cdf(0.5 + level / 2) * self.spread.mood * 2**0.5 / self.spread.root
        halves = np.hypot(quantile(first or second, level) * deviation, again)
        clipped: NDArray[Any] = np.minimum(halves, _MOST)
        return clipped

    def _odd_half(self, level: float) -> float:
        scores = self._scores.unseen or self._scores.seen
        return min(_ODD * quantile(scores, level) * WIDEST, _MOST)

    @property
    def block(self) -> int:
        """How many channels a block of the runtime has on the calibration's machine."""
        machine = self.calibration.machine
        return block_of(machine.architecture, machine.flags)

    @property
    def families(self) -> frozenset[str]:
        """The families of which networks were measured."""
        return frozenset(self._families)

    def plan(self, network: Network) -> Plan:
        """Return the kernels of a network where the calibration was measured."""
        return plan_of(network.graph, rule_of(self.calibration.place), self.block)

    def _measured_interval(self, network: Network, level: float) -> Interval | None:
        """Return what was measured of this very network."""
        size = subject_of(network).resolution
        like = self._measured.get((network.arch, network.alpha, size))
        if like is None:
            return None
        name = digest(network.graph, network.inputs, content_of(network))
        one = next((cell for cell in like if cell.digest == name), None)
        if one is None:
            return None
        center, n = exp(fmean(map(log, one.seconds))), len(one.seconds)
        if not self.spread.median:
            return Interval(center, None, None, n, (ONE_PROCESS,))
        # The spread of all cells: that of two or three processes says little by itself.
        factor = exp(NormalDist().inv_cdf(0.5 + level / 2) * self.spread.median / n**0.5)
        return Interval(center, center / factor, center * factor, n)


def _interval(center: float, half: float, reasons: Sequence[str]) -> Interval:
    """Return the interval of a prediction; without bounds if half of it is not a number."""
    if isnan(half):
        return Interval(center, None, None, 0, (reasons[-1],))
    return Interval(center, center * exp(-half), center * exp(half))


def _family_of(network: Network) -> str:
    return f"{network.arch} {network.twin or ''}".strip()
