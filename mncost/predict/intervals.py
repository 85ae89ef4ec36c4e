"""Intervals that hold: how wrong the model was about cells that it had not seen.

CV+ over cells (Barber, Candès, Ramdas, Tibshirani, *Predictive inference with the jackknife+*,
2021): a fold leaves cells out and predicts them; the score is the error / the model's own standard
deviation. A whole family is left out too: its scores say how wrong predictions are of a family that
was never seen. The quantile of the scores times the
standard deviation is half an interval. Of few scores it is not their order statistic, which is then
the largest or next to it, and changes much from run to run, but Student's t times their size.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.predict.features import AMOUNTS
from mncost.predict.model import NOISE, Cells, fit
from mncost.stats.location import student

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scores", "quantile", "scores_of"]

LEAST = 8  # networks between the corners
FOLDS = 30
BEYOND = 5  # scores that are larger than an order statistic that counts
PRIOR = 2  # scores that the model's own standard deviation counts as


class Scores(NamedTuple):
    """|log error| / standard deviation of cells that were left out.

    Attributes:
        seen: of cells of families of which other cells were measured.
        unseen: of cells whose whole family was left out; without families, of probes.
    """

    seen: tuple[float, ...]
    unseen: tuple[float, ...]


def quantile(scores: tuple[float, ...], level: float) -> float:
    """Return what a score exceeds with a probability of 1 - level.

    Of many scores it is the conformal quantile: the ⌈(n + 1) level⌉-th smallest of n. If fewer than
    :data:`BEYOND` are larger, it is Student's quantile times the scores' root mean square,
    in which the model's own standard deviation counts as :data:`PRIOR` more scores.
    """
    count = len(scores)
    place = ceil((count + 1) * level)
    if count - place >= BEYOND:
        return sorted(scores)[place - 1]
    size = sqrt((PRIOR + sum(score**2 for score in scores)) / (PRIOR + count))
    return size * student(0.5 + level / 2, PRIOR + count)


def scores_of(
    cells: Cells, seconds: NDArray[Any], noise: float = NOISE, *, truth: NDArray[Any] | None = None
) -> Scores:
    """Leave cells out and predict them.

    Args:
        cells: that were measured.
        seconds: of each, that the model is fitted to.
        noise: as of :func:`mncost.predict.model.fit`.
        truth: seconds that predictions are held against; ``None``: the same.
    """
    import numpy as np

    logs, seen = np.log(seconds if truth is None else truth), list[float]()
    for left_out in _folds(cells):
        kept = np.setdiff1d(np.arange(len(seconds)), left_out)
        center, deviation = fit(cells.only(kept), seconds[kept], noise).predict(
            cells.only(left_out)
        )
        seen += [float(one) for one in np.abs(logs[left_out] - center) / deviation]
    return Scores(tuple(seen), tuple(_unseen(cells, seconds, noise, logs)))


def _folds(cells: Cells) -> list[NDArray[Any]]:
    """Return which cells are left out together.

    They are those between the corners of their families, where most networks lie that are asked
    about, each by itself or in :data:`FOLDS` groups. Of fewer than :data:`LEAST` nothing can be
    said; then the corners are left out too, one of each family at a time.
    """
    import numpy as np

    families = [np.flatnonzero(cells.family == one) for one in sorted({*cells.family} - {-1})]
    families = [family for family in families if len(family) > 1]
    inner = np.array([i for family in families for i in _between_corners(cells, family)], int)
    if len(inner) >= LEAST:
        count = min(len(inner), FOLDS)
        return [inner[first::count] for first in range(count)]
    return [
        np.array([family[fold] for family in families if fold < len(family)])
        for fold in range(max(map(len, families), default=0))
    ]


def _between_corners(cells: Cells, family: NDArray[Any]) -> list[int]:
    """Return those whose α and size are not both the smallest or largest of their family."""
    where = cells.where[family]
    ends = (where == where.min(axis=0)) | (where == where.max(axis=0))
    return [int(index) for index in family[~ends.all(axis=1)]]


def _unseen(cells: Cells, seconds: NDArray[Any], noise: float, logs: NDArray[Any]) -> list[float]:
    """Return the scores of each family by all others; without families, of each probe."""
    import numpy as np

    families = [np.flatnonzero(cells.family == one) for one in sorted({*cells.family} - {-1})]
    scores = list[float]()
    for left_out in families or [np.array([one]) for one in range(len(seconds))]:
        kept = np.setdiff1d(np.arange(len(seconds)), left_out)
        if not len(kept):
            continue
        like = left_out[~_has_more(cells.totals[left_out], cells.totals[kept])]
        center, deviation = fit(cells.only(kept), seconds[kept], noise).predict(cells.only(like))
        scores += [float(one) for one in np.abs(logs[like] - center) / deviation]
    return scores


def _has_more(totals: NDArray[Any], known: NDArray[Any]) -> NDArray[Any]:
    """Return which networks have a kind of kernel that none of the known ones has."""
    calls = slice(None, None, len(AMOUNTS))
    missing = known[:, calls].sum(axis=0) == 0
    more: NDArray[Any] = totals[:, calls][:, missing].sum(axis=1) > 0
    return more
