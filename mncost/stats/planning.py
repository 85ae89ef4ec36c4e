"""How many processes an interval needs to be narrow enough, before they are measured."""

from __future__ import annotations

from mncost.stats.location import LEVEL, resemblance_by_chance, student

__all__ = ["expected_error", "processes_needed"]

MOST = 200  # processes


def expected_error(sd: float, processes: int) -> float:
    """Return half the width of a median's 95 % interval / the median, to be expected.

    Args:
        sd: standard deviation of the logarithms of the processes' medians, which are independent.
        processes: at least two.
    """
    alike = resemblance_by_chance(processes)
    independent = processes * (1 - alike) / (1 + alike)
    return float(student(0.5 + LEVEL / 2, processes - 1) * sd / independent**0.5)


def processes_needed(sd: float, target: float, least: int = 3) -> int | None:
    """Return how many processes it takes until that is within a target; ``None``: too many."""
    enough = (n for n in range(max(least, 2), MOST + 1) if expected_error(sd, n) <= target)
    return next(enough, None)
