"""The model: a sum over kernels, and what is left over as a Gaussian process in each family.

A network's time is a sum over its kernels: each kind has factors that are not negative
(:data:`mncost.predict.features.AMOUNTS`), worked out by non-negative least squares on relative
errors. What is left over is alike among networks of one family: a Gaussian process over (log α, log
resolution) with an offset of the family. The same covariance weighs the least squares, so that
twenty networks of one family do not count as twenty (generalised least squares). Of a family that
was never measured the sum alone is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NOISE", "WIDEST", "Cells", "Fit", "fit"]

OFFSET, PROCESS, NOISE = 0.06, 0.08, 0.015
"""Standard deviations of logarithms: a family's offset, what is smooth in it, the rest."""
WIDEST: float = (OFFSET**2 + PROCESS**2 + NOISE**2) ** 0.5
"""That of a network of a family that was never measured."""
SCALES = (0.3, 1.0)
"""How far the process reaches in log α and in log resolution: widths jump, images grow smoothly."""
_RIDGE = 0.05


class Cells(NamedTuple):
    """Networks as arrays.

    Attributes:
        totals: networks × (kinds × amounts).
        family: a number for each; below 0: of no family (a probe).
        where: networks × (log α, log resolution).
    """

    totals: NDArray[Any]
    family: NDArray[Any]
    where: NDArray[Any]

    def only(self, chosen: NDArray[Any]) -> Cells:
        """Return those that are chosen, by index or mask."""
        return Cells(*(array[chosen] for array in self))


@dataclass(frozen=True)
class Fit:
    """Factors of kernels, and what the cells that were measured leave over."""

    factors: NDArray[Any]  # the last one: of a call
    cells: Cells
    rest: NDArray[Any]  # of each measured cell: log(measured / sum over kernels)
    precision: NDArray[Any]  # the inverse of their covariance
    noise: float = NOISE

    def sums(self, cells: Cells) -> NDArray[Any]:
        """Return the sum over the kernels of each cell, in seconds."""
        seconds: NDArray[Any] = _with_call(cells.totals) @ self.factors
        return seconds

    def predict(self, cells: Cells) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return log seconds of each cell, and the standard deviation of a measurement of it."""
        import numpy as np

        left_over, deviation = self.left_over(cells.family, cells.where)
        return np.log(np.maximum(self.sums(cells), 1e-9)) + left_over, deviation

    def left_over(
        self, family: NDArray[Any], where: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return log(latency / sum over kernels), and its standard deviation.

        Args:
            family: of each cell, as in :class:`Cells`.
            where: likewise.
        """
        import numpy as np

        cross = _covariance(family, where, self.cells)
        weights = cross @ self.precision
        variance = OFFSET**2 + PROCESS**2 + self.noise**2 - (weights * cross).sum(axis=1)
        return weights @ self.rest, np.sqrt(np.maximum(variance, self.noise**2))


def fit(cells: Cells, seconds: NDArray[Any], noise: float = NOISE) -> Fit:
    """Fit the model to measured cells.

    Args:
        cells: that were measured.
        seconds: of each.
        noise: standard deviation of the logarithm of each, of what no model says.
    """
    import numpy as np
    from scipy.optimize import nnls

    own = np.where(cells.family < 0, OFFSET**2 + PROCESS**2, 0.0) + noise**2
    covariance = _covariance(cells.family, cells.where, cells) + np.diag(own)
    root = np.linalg.cholesky(covariance)
    rows = np.linalg.solve(root, _with_call(cells.totals) / seconds[:, None])
    target = np.linalg.solve(root, np.ones(len(seconds)))
    size = np.sqrt((rows**2).mean(axis=0))
    used = np.flatnonzero(size)
    ridge = _RIDGE * np.sqrt(len(rows)) * np.eye(len(used))
    padded = np.concatenate([target, np.zeros(len(used))])
    kept, _ = nnls(
        np.concatenate([rows[:, used] / size[used], ridge]), padded, maxiter=50 * len(used)
    )
    factors = np.zeros(len(size))
    factors[used] = kept / size[used]
    rest = np.log(seconds / np.maximum(_with_call(cells.totals) @ factors, 1e-9))
    return Fit(factors, cells, rest, np.linalg.inv(covariance), noise)


def _with_call(totals: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    return np.concatenate([totals, np.ones((len(totals), 1))], axis=1)


def _covariance(family: NDArray[Any], where: NDArray[Any], other: Cells) -> NDArray[Any]:
    """Return what two sets of cells have in common: nothing between families."""
    import numpy as np

    apart = (where[:, None, :] - other.where[None, :, :]) / np.array(SCALES)
    same = (family[:, None] == other.family[None, :]) & (family >= 0)[:, None]
    near: NDArray[Any] = same * (OFFSET**2 + PROCESS**2 * np.exp(-(apart**2).sum(axis=2) / 2))
    return near
