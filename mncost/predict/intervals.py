"""Intervals that hold: how wrong the model was about cells that it had not seen.

CV+ over cells (Barber, Candès, Ramdas, Tibshirani, *Predictive inference with the jackknife+*,
2021): a fold leaves out one cell of each family, and predicts it; the score is the error / the
model's own standard deviation. Cells of a family that was never seen are predicted from the probes
alone, so these scores say how wrong such predictions are. The quantile of the scores times the
standard deviation is half an interval.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.predict.model import NOISE, Cells, fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scores", "quantile", "scores_of"]

LEAST = 8  # scores for a quantile; of fewer twice the largest is taken


class Scores(NamedTuple):
    """|log error| / standard deviation of cells that were left out.

    Attributes:
        seen: of cells of families of which other cells were measured.
        unseen: of cells whose family was left out, or of probes.
    """

    seen: tuple[float, ...]
    unseen: tuple[float, ...]


def quantile(scores: tuple[float, ...], level: float) -> float:
    """Return the conformal quantile: of n scores the ⌈(n + 1) level⌉-th smallest.

    With too few scores for that it is the largest, and twice that of fewer than :data:`LEAST`.
    """
    if not scores:
        return 4.0
    ordered = sorted(scores)
    place = ceil((len(ordered) + 1) * level)
    largest = ordered[min(place, len(ordered)) - 1]
    return largest if len(ordered) >= LEAST else 2 * largest


def scores_of(cells: Cells, seconds: NDArray[Any], noise: float = NOISE) -> Scores:
    """Leave cells out and predict them.

    Args:
        cells: that were measured.
        seconds: of each.
        noise: as of :func:`mncost.predict.model.fit`.
    """
    import numpy as np

    logs, seen, inner = np.log(seconds), [], []
    families = [np.flatnonzero(cells.family == one) for one in sorted({*cells.family} - {-1})]
    families = [family for family in families if len(family) > 1]
    for fold in range(max(map(len, families), default=0)):
        left_out = np.array([family[fold] for family in families if fold < len(family)])
        kept = np.setdiff1d(np.arange(len(seconds)), left_out)
        center, deviation = fit(cells.only(kept), seconds[kept], noise).predict(
            cells.only(left_out)
        )
        scores = np.abs(logs[left_out] - center) / deviation
        seen += [float(one) for one in scores]
        inner += [float(one) for one in scores[~_corners(cells, left_out)]]
    if len(inner) >= LEAST:  # what is predicted lies between the corners of its family
        seen = inner
    return Scores(tuple(seen), tuple(_unseen(cells, seconds, noise)))


def _corners(cells: Cells, chosen: NDArray[Any]) -> NDArray[Any]:
    """Return which cells have the smallest or largest α and size of their family, both."""
    import numpy as np

    ends = []
    for index in chosen:
        where = cells.where[cells.family == cells.family[index]]
        own = cells.where[index]
        ends.append(bool(((own == where.min(axis=0)) | (own == where.max(axis=0))).all()))
    return np.array(ends, bool)


def _unseen(cells: Cells, seconds: NDArray[Any], noise: float) -> list[float]:
    """Return the scores of cells by the probes alone; without families, of each probe."""
    import numpy as np

    probes, others = np.flatnonzero(cells.family < 0), np.flatnonzero(cells.family >= 0)
    if len(others) and len(probes) > 1:
        groups = [(others, probes)]
    elif len(others):
        numbers = set(cells.family[others])
        groups = [
            (np.flatnonzero(cells.family == one), np.flatnonzero(cells.family != one))
            for one in numbers
            if len(numbers) > 1
        ]
    else:
        groups = [(np.array([one]), probes[probes != one]) for one in probes if len(probes) > 1]
    scores = []
    for left_out, kept in groups:
        center, deviation = fit(cells.only(kept), seconds[kept], noise).predict(
            cells.only(left_out)
        )
        scores += list(np.abs(np.log(seconds[left_out]) - center) / deviation)
    return [float(one) for one in scores]
