"""The rule that ends a run: every interval is narrow enough."""

from __future__ import annotations

from mncost.measure.records import Run
from mncost.results.results import Results

__all__ = ["RelativeErrors"]


class RelativeErrors:
    """Says after each generation how well each cell's latency is known.

    To be handed to the engine, which must not know how intervals are made.
    """

    def __init__(self) -> None:
        """Begin with no run seen."""
        self._results: Results | None = None

    def __call__(self, run: Run) -> dict[int, float]:
        """Return half the width of each cell's interval / its latency, by the cell's id.

        Cells without an interval are left out.
        """
        if self._results is None or self._results.run is not run:
            self._results = Results(run)
        return self._results.update().relative_errors()
