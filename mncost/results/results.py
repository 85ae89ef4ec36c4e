"""A run with all that follows from it: everybody takes this."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mncost.interval import Interval
from mncost.measure.records import LayerShare
from mncost.measure.run_file import read_run, write_run
from mncost.render.shown import Shown, maker
from mncost.results.statistics import Statistics

if TYPE_CHECKING:
    from mncost.results.layer_times import GroupTime, LayerTime
    from mncost.results.roofline import Roofline
    from mncost.results.savings import Savings

__all__ = ["Results"]


class Results(Statistics, Shown):
    """A run, its statistics, and what they say about layers and savings."""

    @classmethod
    def read(cls, path: Path | str) -> Results:
        """Read a run file.

        Raises:
            RunFileError: it cannot be used.
        """
        return cls(read_run(Path(path)))

    def save(self, path: Path | str) -> None:
        """Write the run file.

        Raises:
            OutputError: it cannot be written.
        """
        write_run(self.run, Path(path))

    def report(self, path: Path | str | None = None, **options: Any) -> str:
        """Return the run as one HTML page that needs no network.

        Args:
            path: an .html file to write it to.
            options: ``title``, ``percentiles``: see :func:`mncost.page.report.report`.

        Raises:
            InputError: a package is missing, or the file cannot be written.
        """
        html: str = maker(type(self), "REPORTS")(self, path, **options)
        return html

    # --------------------------------------------------------------------------- inside a network

    def layers(self, cell: int) -> list[LayerTime]:
        """Return the layers of a profiled cell; empty if it was not profiled."""
        from mncost.results.layer_times import layer_times

        return layer_times(self, cell)

    def layer_groups(
        self, cell: int, group_of: Callable[[LayerShare], str]
    ) -> dict[str, GroupTime]:
        """Return the layers of a profiled cell added up by the group that each belongs to."""
        from mncost.results.layer_times import group_times

        return group_times(self, cell, group_of)

    def profiler_step(self, cell: int) -> float:
        """Return the seconds that its runtime's profiler counts a cell's kernels in; 0: exactly."""
        return max((1e-9 * one.step_ns for one in self.run.profiles if one.cell == cell), default=0)

    def profiler_overhead(self, cell: int) -> Interval | None:
        """Return how many times as long a run takes under the profiler; ``None``: not profiled."""
        from mncost.results.layer_times import overhead

        return overhead(self, cell)

    def roofline(self, cell: int) -> Roofline | None:
        """Return the ceilings where a cell was measured; ``None`` if they were not measured."""
        from mncost.results.roofline import roofline

        return roofline(self, cell)

    @cached_property
    def savings(self) -> Savings:
        """What each network saves against its twin, and each pair of layers if measured."""
        from mncost.results.savings import Savings

        return Savings(self)

    def __repr__(self) -> str:
        """Say how much was measured."""
        return f"<Results of {len(self.run.cells)} cells, stopped: {self.run.stopped}>"
