"""Saving a run as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mncost.errors import OutputError
from mncost.measure.locks import locked
from mncost.measure.records import Run
from mncost.measure.run_file import write_run
from mncost.render.write import check_writable

__all__ = ["Saver", "saving"]


class Saver:
    """Writes a run to a file, as often as it is called.

    A file that cannot be written does not end a run: measuring goes on, and the next call tries
    again.

    Attributes:
        problem: why the last call failed; ``None`` if it did not.
    """

    def __init__(self, path: Path | None) -> None:
        """Take the file; ``None``: save nowhere."""
        self._path = path
        self.problem: OutputError | None = None

    def __call__(self, run: Run) -> None:
        """Write the run."""
        if self._path is None:
            return
        try:
            write_run(run, self._path)
        except OutputError as error:
            self.problem = error
        else:
            self.problem = None

    def check(self) -> None:
        """Say that the run was not saved, when everything else has been said.

        Raises:
            OutputError: the last call failed.
        """
        if self.problem is not None:
            raise OutputError(f"{self.problem}; the run is not saved")


@contextmanager
def saving(path: Path | str | None) -> Iterator[Saver]:
    """Find out that a file can be written, and keep others from writing it meanwhile.

    Raises:
        OutputError: it cannot be written, or another process writes it.
    """
    if path is None:
        yield Saver(None)
        return
    if str(path) == "-":
        raise OutputError("-: accepted is the name of a run file; only mncost bench prints a run")
    file = Path(path)
    check_writable(file)
    with locked(file):
        yield Saver(file)
