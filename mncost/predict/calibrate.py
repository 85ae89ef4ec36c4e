"""Measuring what predictions rest on: probes, and a few designed networks of each family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from mncost.errors import InputError, Interrupted, MeasureError
from mncost.measure.cell import Place
from mncost.measure.records import Options, Run
from mncost.place import OnePlace
from mncost.predict.calibration import Calibrated, Calibration, calibration_of, where_of, why_not
from mncost.predict.features import AMOUNTS
from mncost.predict.predictions import Prediction, Predictions
from mncost.predict.predictor import Predictor
from mncost.predict.probes import probes
from mncost.results.bench import measure
from mncost.results.results import Results
from mncost.runs.begin import empty_run
from mncost.runs.networks import cells_of, one_place

if TYPE_CHECKING:
    from mncost.counted import Counted
    from mncost.measure.engine import Progress
    from mncost.network import Network

__all__ = [
    "CELLS",
    "SECONDS",
    "Checked",
    "calibrate",
    "check",
    "designed",
    "designed_points",
    "merged",
    "refine",
]

SECONDS, PROCESSES = 120.0, 3
CELLS = 7
CHECKED = 8  # networks that a check measures
AT_ONCE = 6  # that are measured before all are predicted anew
_WANTED = ((0, 0), (1, 1), (0, 1), (1, 0), (0.55, 0.55), (0.55, 0), (0.55, 1), (0, 0.55), (1, 0.55))


def designed(networks: Sequence[Network], count: int = CELLS) -> list[Network]:
    """Return those networks of each family that tell most: corners of α × resolution, the middle.

    Args:
        networks: of any families.
        count: how many of each family.
    """
    families: dict[str, list[Network]] = {}
    for network in networks:
        families.setdefault(network.arch, []).append(network)
    return [one for family in families.values() for one in _designed(family, count)]


def _designed(family: Sequence[Network], count: int) -> list[Network]:
    points = [where_of(network.alpha, network.inputs) for network in family]
    return [family[index] for index in designed_points(points, count)]


def designed_points(points: Sequence[tuple[float, float]], count: int) -> list[int]:
    """Return which of the points (log α, log resolution) of a family tell most."""
    if not points:
        return []
    ends = [(min(axis), max(axis)) for axis in zip(*points, strict=True)]
    lows, spans = [low for low, _ in ends], [high - low or 1.0 for low, high in ends]
    chosen: list[int] = []
    for wanted in _WANTED[:count]:
        aims = [low + share * span for low, share, span in zip(lows, wanted, spans, strict=True)]
        far = {
            index: sum(
                ((one - aim) / span) ** 2 for one, aim, span in zip(point, aims, spans, strict=True)
            )
            for index, point in enumerate(points)
            if index not in chosen
        }
        if far:
            chosen.append(min(far, key=far.__getitem__))
    return chosen


def calibrate(
    networks: Sequence[Network],
    place: OnePlace = OnePlace(),  # noqa: B008 - it is frozen
    precision: str = "fp32",
    *,
    cells: int = CELLS,
    max_time: float = SECONDS,
    watch: Callable[[Progress], None] = lambda progress: None,
    save: Callable[[Run], None] = lambda run: None,
) -> Predictor:
    """Measure the probes and some networks of each family; return what predicts the others.

    Args:
        networks: those that will be asked about; a few of each family are measured.
        place: the runtime and its threads.
        precision: that is measured.
        cells: of each family.
        max_time: seconds.
        watch: called with the progress.
        save: is given the run as it goes.

    Raises:
        InputError: an argument is not accepted, or a package is not installed.
        Interrupted: measuring was interrupted; its ``known`` predicts from what was measured. If
            that is too little, it is a plain KeyboardInterrupt.
    """
    chosen = [*probes(), *designed(networks, cells)]
    results = _measured(chosen, one_place(place, precision), max_time, watch, save)
    if results.run.stopped != "interrupted":
        return Predictor(calibration_of(results))
    said = "there is no profile"
    try:
        known = Predictor(calibration_of(results))
    except InputError:  # too little was measured
        raise KeyboardInterrupt(said) from None
    raise Interrupted(said, known)


def _measured(
    networks: Sequence[Counted],
    place: Place,
    max_time: float,
    watch: Callable[[Progress], None],
    save: Callable[[Run], None] = lambda run: None,
) -> Results:
    cells = cells_of(networks, place)
    options = Options(target_error=0.005, max_time=max_time, processes=PROCESSES, seed=0)
    run = empty_run(cells, options)
    return measure(run, save=save, watch=watch)


class Checked(NamedTuple):
    """How many of the networks that were checked were predicted how well."""

    networks: int
    within_5: int
    within_10: int
    inside: int  # the interval
    unknown: int = 0  # without an interval: they are not inside

    def words(self, level: float) -> str:
        """Return it as a sentence."""
        have = "has" if self.unknown == 1 else "have"
        without = f"; {self.unknown} {have} no interval" if self.unknown else ""
        return (
            f"checked {self.networks} networks: {self.within_5} within 5 %, {self.within_10} "
            f"within 10 %, {self.inside} inside the {level:.0%} interval{without}"
        )


def check(
    predictions: Predictions,
    *,
    max_time: float = 60.0,
    count: int = CHECKED,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Predictions, Checked]:
    """Measure some of the networks that were predicted; return all, and how well it went.

    Raises:
        MeasureError: all of them were measured before, or none of them can be run.
        Interrupted: measuring was interrupted; its ``known`` has the predictions with the
            measurements of that time.
    """
    order = sorted(
        (index for index, one in enumerate(predictions) if not one.is_measured),
        key=lambda index: predictions[index].latency.center,
    )
    if not order:
        raise MeasureError("nothing to check: the calibration measured all of these networks")
    steps = min(count, len(order))
    chosen = [order[(2 * step + 1) * len(order) // (2 * steps)] for step in range(steps)]
    networks = [predictions[index].network for index in chosen]
    results = _measured(networks, predictions.place, max_time, watch)
    made, listed = list(predictions), []
    for cell, index in enumerate(chosen):
        interval = results.interval(cell)
        if interval is not None:
            made[index] = made[index]._replace(measured=interval)
            listed.append(made[index])
    is_whole = results.run.stopped != "interrupted"
    if is_whole and not listed:
        raise MeasureError(f"nothing was measured: {why_not(results.run)}")
    said = Checked(
        len(listed),
        sum(abs(one.error or 0) <= 0.05 for one in listed),
        sum(abs(one.error or 0) <= 0.10 for one in listed),
        sum(_is_inside(one) for one in listed),
        sum(one.latency.relative_error is None for one in listed),
    )
    notes = [*predictions.notes, said.words(predictions.level)]
    if results.run.failures:
        notes.append(f"not all could be measured: {why_not(results.run)}")
    checked = Predictions(made, predictions.place, predictions.level, notes)
    if not is_whole:
        raise Interrupted("the check is not complete", checked)
    return checked, said


def _is_inside(one: Prediction) -> bool:
    low, high, measured = one.latency.lo, one.latency.hi, one.measured
    return bool(low and high and measured and low <= measured.center <= high)


def refine(
    predictor: Predictor,
    networks: Sequence[Network],
    target_error: float,
    *,
    max_time: float = SECONDS,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Predictor:
    """Measure the networks with the widest intervals, until all are within the target.

    Args:
        predictor: of now.
        networks: that are asked about.
        target_error: half of an interval / the latency.
        max_time: seconds, for all of it.
        watch: called with the progress.

    Returns:
        What predicts better, or the same.

    Raises:
        MeasureError: none of the networks can be run; it says why.
        Interrupted: measuring was interrupted; its ``known`` has the predictions before it.
    """
    networks, first = list(networks), predictor
    spent, failed, why = 0.0, set[int](), ""
    while True:
        wide = [
            one
            for one in predictor.predict(networks)
            if not one.is_measured and one.half > target_error and id(one.network) not in failed
        ]
        if not wide or spent >= max_time:
            if why and predictor is first:
                raise MeasureError(f"nothing was measured: {why}")
            return predictor
        wide.sort(key=lambda one: -one.half)  # those that are not known first
        chosen = [one.network for one in wide[:AT_ONCE]]
        seconds = min(max_time - spent, 5.0 * len(chosen))
        results = _measured(chosen, predictor.calibration.place, seconds, watch)
        if results.run.stopped == "interrupted":
            raise Interrupted("the profile is as it was", predictor.predict(networks))
        spent += max(results.run.seconds, 0.2)
        if results.run.failures:
            failed |= {id(chosen[one.cell]) for one in results.run.failures}
            why = why_not(results.run)
        if any(results.medians(cell.id) for cell in results.run.cells):
            predictor = Predictor(merged(predictor.calibration, calibration_of(results)))


def merged(old: Calibration, new: Calibration) -> Calibration:
    """Return one calibration of two at one place."""
    kinds = [*old.kinds, *(kind for kind in new.kinds if kind not in old.kinds)]
    fresh = {(cell.digest, cell.family) for cell in new.cells}
    kept = [cell for cell in old.cells if (cell.digest, cell.family) not in fresh]
    cells = [
        *(_widened(cell, old.kinds, kinds) for cell in kept),
        *(_widened(cell, new.kinds, kinds) for cell in new.cells),
    ]
    sides = {
        kind: sorted({*old.kernels.get(kind, []), *new.kernels.get(kind, [])}) for kind in kinds
    }
    most = {kind: max(old.most_macs.get(kind, 0.0), new.most_macs.get(kind, 0.0)) for kind in kinds}
    return replace(old, kinds=kinds, kernels=sides, most_macs=most, cells=cells, seen=[], unseen=[])


def _widened(cell: Calibrated, own: Sequence[str], kinds: Sequence[str]) -> Calibrated:
    """Return a cell with its amounts at the places of more kinds."""
    each = len(AMOUNTS)
    rows = {kind: cell.totals[i * each : (i + 1) * each] for i, kind in enumerate(own)}
    totals = [value for kind in kinds for value in rows.get(kind, [0.0] * each)]
    return replace(cell, totals=totals)
