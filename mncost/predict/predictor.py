"""Predicts latencies from a calibration: :class:`Predictor`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from math import exp, isnan, log
from pathlib import Path
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.errors import MeasureError
from mncost.extras import require
from mncost.interval import Interval
from mncost.measure.cells import digest
from mncost.measure.records import Run
from mncost.measure.runtimes.blocked import block_of
from mncost.place import OnePlace
from mncost.predict.calibration import LEAST, Calibration, calibration_of, where_of
from mncost.predict.features import AMOUNTS, MANY, totals_of, trimmed
from mncost.predict.intervals import Scores, has_more, quantile, scores_of
from mncost.predict.kernels import Plan, plan_of, rule_of
from mncost.predict.model import NOISE, Cells, Fit, fit
from mncost.predict.predictions import Prediction, Predictions
from mncost.results.results import Results
from mncost.stats.location import ONE_PROCESS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.graph.ops import Shape
    from mncost.network import Network

__all__ = ["LEVEL", "Doubt", "Predictor"]

LEVEL = 0.9
_WIDE = 2.0  # times the largest kernel of a kind: beyond it, nothing of that size was measured
_FAR = 10.0  # times that: beyond it nobody knows how wrong a prediction is
_BEYOND = 0.1  # of log α and of log resolution
_MOST = 100.0  # of a logarithm: what a profile with absurd numbers says is still a number
_MOOD, _MOODS = 0.01, 2  # of processes, before any was measured, and how much that counts
_ODD = 2.0  # how much wider an interval is where little was measured of a size or kind of kernel


class Doubt(NamedTuple):
    """Which kernel of a network is not like those that were measured.

    Attributes:
        why: in words.
        is_unknown: its kind never was, or nothing of a tenth of its size, so nobody knows how wrong
            a prediction is: there is no interval. Else the interval is wider.
    """

    why: str
    is_unknown: bool


_PARTIAL = Doubt("not all of its operators can be counted", True)


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
            trimmed(np.array([cell.totals for cell in cells])),
            np.array([self._families.get(cell.family or "", -1) for cell in cells]),
            np.array([cell.where for cell in cells]),
        )
        self._seconds = np.exp([np.mean(np.log(cell.calm)) for cell in cells])
        if not calibration.seen and not calibration.unseen:
            medians = np.exp([np.mean(np.log(cell.seconds)) for cell in cells])
            scores = scores_of(self._cells, self._seconds, self.noise, truth=medians)
            calibration.seen, calibration.unseen = list(scores.seen), list(scores.unseen)
        self._scores = Scores(tuple(calibration.seen), tuple(calibration.unseen))
        self._seen = fit(self._cells, self._seconds, self.noise)
        probes = self._cells.family < 0
        is_enough = probes.sum() > len(AMOUNTS)
        # The probes alone say more about a family that was never seen than other families do, but
        # nothing about kernels that they do not have.
        kept = probes | has_more(self._cells.totals, self._cells.totals[probes])
        self._unseen: Fit = (
            fit(_trimmed(self._cells.only(kept)), self._seconds[kept], self.noise)
            if is_enough
            else self._seen
        )
        calls = self._unseen.cells.totals[:, :: len(AMOUNTS)]
        self._few = (calls > 0).sum(axis=0) < MANY  # networks that have the kind
        self._measured = {(one.arch, one.alpha, one.resolution): one for one in cells}

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

    @property
    def noise(self) -> float:
        """The standard deviation of what a cell's measurement is fitted to, as a share of it."""
        return max(NOISE, _spread([one.calm for one in self.calibration.cells]) / self._root)

    @cached_property
    def spread(self) -> float:
        """The standard deviation of a cell's median between processes, as a share of it."""
        return _spread([one.seconds for one in self.calibration.cells])

    @cached_property
    def mood(self) -> float:
        """The part of it that all cells of a process share, which no comparison of cells shows.

        Two or three processes say little about it: 1 % counts as two more.
        """
        import numpy as np

        most = max(len(one.seconds) for one in self.calibration.cells)
        logs = np.log([one.seconds for one in self.calibration.cells if len(one.seconds) == most])
        shared = np.median(logs - logs.mean(axis=1, keepdims=True), axis=0)
        squares = float((shared**2).sum()) + _MOODS * _MOOD**2
        return float(np.sqrt(squares / (most - 1 + _MOODS)))

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
            doubts.append(
                self.doubt(plan, network.shapes, _family_of(network))
                if network.is_complete
                else _PARTIAL
            )
        families = [_family_of(network) for network in listed]
        where = np.array([where_of(network.alpha, network.inputs) for network in listed])
        beyond = [
            self._beyond(family, point) for family, point in zip(families, where, strict=True)
        ]
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
        centers, halves = np.zeros(len(numbers)), np.zeros(len(numbers))
        for is_seen, model in ((True, self._seen), (False, self._unseen)):
            chosen = (numbers >= 0) == is_seen
            if chosen.any():
                log_seconds, deviation = model.predict(cells.only(chosen))
                centers[chosen] = np.exp(np.clip(log_seconds, -_MOST, _MOST))
                halves[chosen] = self._halves(deviation, level, is_seen=is_seen)
        rare = (numbers < 0) & (totals[:, :: len(AMOUNTS)][:, self._few] > 0).any(axis=1)
        odd = rare if odd is None else rare | odd
        halves = np.where(odd, np.maximum(halves, self._odd_half(level)), halves)
        return centers, halves if unknown is None else np.where(unknown, np.nan, halves)

    def kernel_seconds(self, plan: Plan, shapes: Sequence[Shape], family: str | None) -> float:
        """Return the sum over some kernels: what a piece of a network takes.

        The latency of a network is the sum over its pieces and :meth:`call_seconds`, times a factor
        of :meth:`corrections`.

        Args:
            plan: the kernels.
            shapes: of every node's result.
            family: the network's, if it is known to be of one.
        """
        totals = totals_of(plan, shapes, self._kinds)
        return float(totals @ self._model(family).factors[:-1])

    def call_seconds(self, family: str | None) -> float:
        """Return what each call takes beside its kernels."""
        return float(self._model(family).factors[-1])

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
        left_over, deviation = self._model(family).left_over(number, where)
        halves = self._halves(deviation, level, is_seen=family in self._families)
        return np.exp(np.clip(left_over, -_MOST, _MOST)), halves, self._odd_half(level)

    def _beyond(self, family: str, point: NDArray[Any]) -> tuple[str, ...]:
        """Say if a family was not measured, or if α or the size is beyond what was."""
        number = self._families.get(family)
        if number is None:
            return (f"no {family} was measured",)
        measured = self._cells.where[self._cells.family == number]
        low, high = measured.min(axis=0) - _BEYOND, measured.max(axis=0) + _BEYOND
        if ((point < low) | (point > high)).any():
            return (f"no {family} as wide or narrow, or as large or small, was measured",)
        return ()

    def _model(self, family: str | None) -> Fit:
        return self._seen if family in self._families else self._unseen

    def _halves(self, deviation: NDArray[Any], level: float, *, is_seen: bool) -> NDArray[Any]:
        """Return half of intervals, from the model's standard deviations.

        They are those of a measurement in as many processes as the calibration had: the scores hold
        what the processes of one cell differ by, and what all cells share is added.
        """
        import numpy as np

        first, second = self._scores if is_seen else reversed(self._scores)
        again = NormalDist().inv_cdf(0.5 + level / 2) * self.mood * 2**0.5 / self._root
        halves = np.hypot(quantile(first or second, level) * deviation, again)
        clipped: NDArray[Any] = np.minimum(halves, _MOST)
        return clipped

    def _odd_half(self, level: float) -> float:
        scores = self._scores.unseen or self._scores.seen
        return min(_ODD * quantile(scores, level) * self._widest, _MOST)

    @property
    def block(self) -> int:
        """How many channels a block of the runtime has on the calibration's machine."""
        machine = self.calibration.machine
        return block_of(machine.architecture, machine.flags)

    @property
    def families(self) -> frozenset[str]:
        """The families of which networks were measured."""
        return frozenset(self._families)

    @property
    def _widest(self) -> float:
        from mncost.predict.model import NOISE, OFFSET, PROCESS

        return float((OFFSET**2 + PROCESS**2 + NOISE**2) ** 0.5)

    @property
    def _root(self) -> float:
        """The square root of the number of processes."""
        return float(fmean(len(cell.seconds) for cell in self.calibration.cells) ** 0.5)

    def plan(self, network: Network) -> Plan:
        """Return the kernels of a network where the calibration was measured."""
        return plan_of(network.graph, rule_of(self.calibration.place), self.block)

    def doubt(self, plan: Plan, shapes: Sequence[Shape], family: str | None) -> Doubt | None:
        """Return which kernel is of a kind or size that was not measured; ``None``: none is.

        Args:
            plan: the kernels.
            shapes: of every node's result.
            family: the network's. In one that was measured, a kind may be as rare as it likes.
        """
        sides, most = self.calibration.kernels, self.calibration.most_macs
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
        few = next((kind for kind in kinds if self._few[self._kinds[kind]]), None)
        if few is not None and family not in self._families:
            return Doubt(f"few networks with {few} kernels were measured", False)
        return None

    def _measured_interval(self, network: Network, level: float) -> Interval | None:
        """Return what was measured of this very network."""
        one = self._measured.get((network.arch, network.alpha, network.resolution))
        if one is None or network.twin is not None:
            return None
        if one.digest != digest(network.graph, network.inputs, network.source):
            return None
        center, n = exp(fmean(map(log, one.seconds))), len(one.seconds)
        if not self.spread:
            return Interval(center, None, None, n, (ONE_PROCESS,))
        # The spread of all cells: that of two or three processes says little by itself.
        factor = exp(NormalDist().inv_cdf(0.5 + level / 2) * self.spread / n**0.5)
        return Interval(center, center / factor, center * factor, n)


def _trimmed(cells: Cells) -> Cells:
    return cells._replace(totals=trimmed(cells.totals))


def _spread(times: Sequence[Sequence[float]]) -> float:
    """Return the standard deviation of logarithms within rows, of those with several."""
    import numpy as np

    variances = [float(np.var(np.log(one), ddof=1)) for one in times if len(one) > 1]
    return float(np.sqrt(np.mean(variances))) if variances else 0.0


def _interval(center: float, half: float, reasons: Sequence[str]) -> Interval:
    """Return the interval of a prediction; without bounds if half of it is not a number."""
    if isnan(half):
        return Interval(center, None, None, 0, (reasons[-1],))
    return Interval(center, center * exp(-half), center * exp(half))


def _family_of(network: Network) -> str:
    return f"{network.arch} {network.twin or ''}".strip()
