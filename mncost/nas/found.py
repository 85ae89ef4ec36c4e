"""What a search found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mncost.interval import Interval
from mncost.nas.log import Generation, Log, Point, Step
from mncost.render.shown import Shown

if TYPE_CHECKING:
    from mncost.network import Network

__all__ = ["Search"]


class Search(Shown):
    """The network that a search found, and how it came there.

    Attributes:
        network: the one that was found; ``first``: the one that the search began with.
        file: the architecture file of ``network``.
        point: what is predicted and counted of ``network``, and its score.
        log: all records: what it began with, every step or generation, what was measured.
        notes: what a reader has to know.
    """

    _in_frames = (("rows", None),)

    def __init__(
        self,
        network: Network,
        first: Network,
        file: str,
        point: Point,
        log: Log,
        notes: Sequence[str] = (),
        *,
        is_measured: bool = True,
    ) -> None:
        """Use :func:`mncost.search`."""
        self._is_measured = is_measured
        self.network, self.first, self.file, self.log = network, first, file, log
        self.point, self.notes = point, tuple(notes)

    def __repr__(self) -> str:
        """Say what was found."""
        shown = self.measured or self.predicted
        what = "measured" if self.measured else "predicted"
        return (
            f"<mncost.Search of {self.log.begin.of}: {len(self.steps)} {self.unit}, {what} "
            f"{shown.center * 1e3:.4g} ms of at most {self.max_latency * 1e3:.4g} ms>"
        )

    @property
    def steps(self) -> list[Step | Generation]:
        """The steps of NetAdapt, or the generations."""
        return [one for one in self.log.records if isinstance(one, Step | Generation)]

    @property
    def unit(self) -> str:
        """What the search is counted in."""
        return "steps" if self.log.begin.method == "netadapt" else "generations"

    @property
    def max_latency(self) -> float:
        """The budget, in seconds."""
        return self.log.begin.max_latency

    @property
    def predicted(self) -> Interval:
        """The predicted latency of the network that was found."""
        return self.point.interval

    @property
    def measured(self) -> Interval | None:
        """The measured latency of the network that was found."""
        record = self.log.measured if self._is_measured else None
        return None if record is None else Interval(*record.found)

    @property
    def first_measured(self) -> Interval | None:
        """The measured latency of the first network."""
        record = self.log.measured
        return None if record is None else Interval(*record.first)

    @property
    def is_within(self) -> bool | None:
        """Whether the whole interval is within the budget; ``None``: only a part of it is."""
        shown = self.measured or self.predicted
        if shown.hi is not None and shown.hi <= self.max_latency:
            return True
        return False if shown.lo is not None and shown.lo > self.max_latency else None

    def save(self, path: Path | str) -> None:
        """Write the architecture file.

        Raises:
            OutputError: it cannot be written.
        """
        from mncost.render.write import write_atomically

        write_atomically(Path(path), self.file.encode())
