"""How much the processes of a calibration differ, as shares of a latency."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from mncost.predict.calibration import Calibrated
from mncost.predict.model import NOISE

__all__ = ["Spread"]

_MOOD, _MOODS = 0.01, 2  # of processes, before any was measured, and how much that counts


class Spread:
    """Standard deviations between processes, as shares of what was measured.

    Attributes:
        root: the square root of the number of processes.
        median: of a network's median.
        noise: of what the model is fitted to.
        mood: of the part that all networks of a process share, which no comparison of networks
            shows. Two or three processes say little about it: 1 % counts as two more.
    """

    def __init__(self, cells: Sequence[Calibrated]) -> None:
        """Take the measured networks."""
        self.root = float(fmean(len(one.seconds) for one in cells) ** 0.5)
        self.median = _within([one.seconds for one in cells])
        self.noise = max(NOISE, _within([one.calm for one in cells]) / self.root)
        self.mood = _mood(cells)


def _mood(cells: Sequence[Calibrated]) -> float:
    import numpy as np

    most = max(len(one.seconds) for one in cells)
    logs = np.log([one.seconds for one in cells if len(one.seconds) == most])
    shared = np.median(logs - logs.mean(axis=1, keepdims=True), axis=0)
    squares = float((shared**2).sum()) + _MOODS * _MOOD**2
    return float(np.sqrt(squares / (most - 1 + _MOODS)))


def _within(times: Sequence[Sequence[float]]) -> float:
    """Return the standard deviation of logarithms within rows, of those with several."""
    import numpy as np

    variances = [float(np.var(np.log(one), ddof=1)) for one in times if len(one) > 1]
    return float(np.sqrt(np.mean(variances))) if variances else 0.0
