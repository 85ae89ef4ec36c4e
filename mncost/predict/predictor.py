"""Predicts latencies from a calibration: :class:`Predictor`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from mncost.errors import MeasureError
from mncost.extras import require
from mncost.interval import Interval
from mncost.measure.cells import digest
from mncost.measure.records import Run
from mncost.place import OnePlace
from mncost.predict.calibration import LEAST, Calibration, block_of, calibration_of, where_of
from mncost.predict.features import AMOUNTS, totals_of
from mncost.predict.intervals import Scores, quantile, scores_of
from mncost.predict.kernels import Plan, plan_of, rule_of
from mncost.predict.model import Cells, Fit, fit
from mncost.predict.predictions import Prediction, Predictions
from mncost.results.results import Results
from mncost.stats.location import log_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.network import Network

__all__ = ["LEVEL", "Predictor"]

LEVEL = 0.9
_WIDE = 2.0  # times the largest kernel of a kind: beyond it, nothing of that size was measured
_ODD = 1.5  # how much wider an interval is where a kind of kernel was never measured


class Predictor:
    """Predicts what networks would take at the place of a calibration.

    Attributes:
        calibration: what was measured, where, and how wrong predictions of it are.
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
        self._cells = Cells(
            np.array([cell.totals for cell in cells]).reshape(len(cells), -1),
            np.array([self._families.get(cell.family or "", -1) for cell in cells]),
            np.array([cell.where for cell in cells]),
        )
        self._seconds = np.exp([np.mean(np.log(cell.seconds)) for cell in cells])
        if not calibration.seen and not calibration.unseen:
            scores = scores_of(self._cells, self._seconds)
            calibration.seen, calibration.unseen = list(scores.seen), list(scores.unseen)
        self._scores = Scores(tuple(calibration.seen), tuple(calibration.unseen))
        self._seen = fit(self._cells, self._seconds)
        probes = self._cells.family < 0
        is_enough = probes.sum() > len(AMOUNTS)
        # The probes alone say more about a family that was never seen than other families do.
        self._unseen: Fit = (
            fit(self._cells.only(probes), self._seconds[probes]) if is_enough else self._seen
        )
        self._measured = {(one.arch, one.alpha, one.resolution): one for one in cells}

    @classmethod
    def fit(
        cls,
        run: Results | Run | Path | str,
        *,
        runtime: str | None = None,
        threads: int | None = None,
    ) -> Predictor:
        """Return a predictor from a run of networks, with or without probes.

        Args:
            run: results of :func:`mncost.bench`, a run, or its file.
            runtime: whose latency is meant, if the run has several.
            threads: likewise.

        Raises:
            InputError: the file cannot be used, or has too few networks at one place.
        """
        require("results")
        if isinstance(run, Path | str):
            run = Results.read(run)
        results = Results(run) if isinstance(run, Run) else run
        return cls(calibration_of(results, OnePlace(runtime, threads)))

    @property
    def kinds(self) -> Mapping[str, int]:
        """The place of each kind of kernel in the columns of :meth:`predict_totals`."""
        return self._kinds

    @property
    def spread(self) -> float:
        """The standard deviation of a cell's median between processes, as a share of it."""
        import numpy as np

        logs = [np.log(one.seconds) for one in self.calibration.cells if len(one.seconds) > 1]
        variances = [float(np.var(one, ddof=1)) for one in logs]
        return float(np.sqrt(np.mean(variances))) if variances else 0.0

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
        plans: dict[int, Plan] = {}
        totals, doubts = [], []
        for network in listed:
            plan = plans.get(id(network.graph))
            if plan is None:
                plan = plans[id(network.graph)] = self.plan(network)
            totals.append(totals_of(plan, network.shapes, self._kinds))
            doubts.append(self._doubts(network, plan))
        families = [_family_of(network) for network in listed]
        where = np.array([where_of(network.alpha, network.inputs) for network in listed])
        odd = np.array([bool(doubt) for doubt in doubts])
        centers, halves = self.predict_totals(
            np.array(totals), families, where, odd=odd, level=level
        )
        made = []
        for network, doubt, family, center, half in zip(
            listed, doubts, families, centers, halves, strict=True
        ):
            known = self._measured_interval(network, level)
            reasons = () if family in self._families else (f"no {family} was measured",)
            latency = known or Interval(
                float(center), float(center * np.exp(-half)), float(center * np.exp(half))
            )
            made.append(
                Prediction(network, latency, known is not None, () if known else (*reasons, *doubt))
            )
        return Predictions(made, self.calibration.place, level)

    def predict_totals(
        self,
        totals: NDArray[Any],
        families: Sequence[str | None],
        where: NDArray[Any],
        *,
        odd: NDArray[Any] | None = None,
        level: float = LEVEL,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return seconds, and half of each interval on the scale of logarithms, from arrays.

        Args:
            totals: networks × (:attr:`kinds` × :data:`mncost.predict.features.AMOUNTS`).
            families: the name of each network's family.
            where: networks × (log α, log resolution).
            odd: which have kernels of a kind or size that was not measured.
            level: of the intervals.
        """
        import numpy as np

        numbers = np.array([self._families.get(name or "", -1) for name in families])
        cells = Cells(totals, numbers, where)
        centers, halves = np.zeros(len(numbers)), np.zeros(len(numbers))
        normal = NormalDist().inv_cdf(0.5 + level / 2)
        again = normal * self.spread / self._processes**0.5
        for chosen, model, scores in (
            (numbers >= 0, self._seen, self._scores.seen or self._scores.unseen),
            (numbers < 0, self._unseen, self._scores.unseen or self._scores.seen),
        ):
            if chosen.any():
                log_seconds, deviation = model.predict(cells.only(chosen))
                centers[chosen] = np.exp(log_seconds)
                halves[chosen] = np.hypot(quantile(scores, level) * deviation, again)
        if odd is not None and odd.any():
            apart = quantile(self._scores.unseen or self._scores.seen, level) * self._widest
            halves = np.where(odd, np.maximum(halves, _ODD * apart), halves)
        return centers, halves

    @property
    def _widest(self) -> float:
        from mncost.predict.model import NOISE, OFFSET, PROCESS

        return float((OFFSET**2 + PROCESS**2 + NOISE**2) ** 0.5)

    @property
    def _processes(self) -> float:
        counts = [len(cell.seconds) for cell in self.calibration.cells]
        return sum(counts) / len(counts)

    def plan(self, network: Network) -> Plan:
        """Return the kernels of a network where the calibration was measured."""
        rule, block = rule_of(self.calibration.place), block_of(self.calibration.machine)
        return plan_of(network.graph, rule, block)

    def _doubts(self, network: Network, plan: Plan) -> tuple[str, ...]:
        """Say which kernels of a network are of a kind or size that was not measured."""
        sides, most = self.calibration.kernels, self.calibration.most_macs
        if not network.is_complete:
            return ("not all of its operators can be counted",)
        unknown = dict.fromkeys(k.kind for k in plan.kernels if k.kind not in sides)
        if unknown:
            return (f"no {next(iter(unknown))} kernel was measured",)
        large = next((k for k in plan.kernels if k.kernel > max(sides[k.kind])), None)
        if large is not None:
            return (f"no {large.kind} of {large.kernel}×{large.kernel} was measured",)
        amounts = plan.amounts(network.shapes)[:, 0] / 1e6
        for kernel, amount in zip(plan.kernels, amounts, strict=True):
            if amount > _WIDE * most[kernel.kind] > 0:
                return (f"no {kernel.kind} as large as that was measured",)
        return ()

    def _measured_interval(self, network: Network, level: float) -> Interval | None:
        """Return what was measured of this very network."""
        arch = network.arch if network.twin is None else f"{network.arch} {network.twin}"
        one = self._measured.get((network.arch, network.alpha, network.resolution))
        if one is None or arch != network.arch:
            return None
        if one.digest != digest(network.graph, network.inputs, network.source):
            return None
        return log_interval(one.seconds, level)


def _family_of(network: Network) -> str:
    return f"{network.arch} {network.twin or ''}".strip()
