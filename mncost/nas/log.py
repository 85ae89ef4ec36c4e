"""The log of a search: JSON lines, from which it goes on and is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import Struct

from mncost.errors import InputError, OutputError, one_line
from mncost.files import read_whole
from mncost.interval import Interval

__all__ = ["Back", "Begin", "Generation", "Log", "Measured", "Point", "Proposal", "Record", "Step"]

FORMAT = 1
MAX_BYTES = 256 << 20
Bounds: TypeAlias = tuple[float, float | None, float | None]
"""Center, low and high end of an interval, in seconds."""


class Point(Struct, frozen=True, kw_only=True):
    """What is known of one network: seconds (predicted), counts, and its score.

    The latency has no bounds if the network has a kind of kernel that was never measured.
    """

    latency: float
    lo: float | None
    hi: float | None
    macs: int
    params: int
    score: float

    @property
    def interval(self) -> Interval:
        """The predicted latency."""
        return Interval(self.latency, self.lo, self.hi)


class Proposal(Struct, frozen=True, kw_only=True):
    """A network that a step of NetAdapt could take: which widths shrink, to how many channels."""

    changed: dict[str, int]
    point: Point


class Begin(Struct, frozen=True, kw_only=True, tag_field="record", tag="begin"):
    """What is searched: a log goes on only with the same.

    Attributes:
        method: ``netadapt`` or ``evolution``.
        of: the name of the network, or of the design space's file.
        digest: of the network's graph, or of the design space.
        place: where latencies are those of; ``calibration``: of the profile.
        max_latency: seconds.
        score: its name.
        settings: what else decides: the step, the seed, ...
        start: the network that it starts with.
    """

    format: int = FORMAT
    method: str
    of: str
    digest: str
    place: str
    calibration: str
    max_latency: float
    score: str
    settings: dict[str, float]
    start: Point


class Step(Struct, frozen=True, kw_only=True, tag_field="record", tag="step"):
    """A step of NetAdapt: what was proposed, and which proposal was taken."""

    number: int
    taken: int
    proposals: list[Proposal]

    @property
    def proposal(self) -> Proposal:
        """The one that was taken."""
        return self.proposals[self.taken]

    @property
    def point(self) -> Point:
        """The network after the step."""
        return self.proposal.point


class Generation(Struct, frozen=True, kw_only=True, tag_field="record", tag="generation"):
    """A generation: the networks of a space that were tried, with their scores, and the best."""

    number: int
    tried: list[int]
    scores: list[float]
    best: int
    point: Point


class Measured(Struct, frozen=True, kw_only=True, tag_field="record", tag="measured"):
    """The latency of the network that was found, and of the first one, in seconds."""

    found: Bounds
    first: Bounds


class Back(Struct, frozen=True, kw_only=True, tag_field="record", tag="back"):
    """After how many steps NetAdapt had the network that it went back to."""

    number: int


Record: TypeAlias = Begin | Step | Generation | Measured | Back


class Log:
    """Records of one search, written as they come.

    Attributes:
        records: all of them.
        path: the file; ``None``: nothing is written.
    """

    def __init__(self, path: Path | None, records: Sequence[Record] = ()) -> None:
        """Begin, or go on with the records of a file."""
        self.path, self.records = path, [*records]

    @classmethod
    def read(cls, path: Path) -> Log:
        """Return the log in a file. A last line that is cut off is left out, in the file too.

        Raises:
            InputError: it cannot be read, or is no log of a search.
        """
        lines = read_whole(path, MAX_BYTES).splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        records: list[Record] = []
        for number, line in enumerate(lines, 1):
            try:
                records.append(msgspec.json.decode(line, type=Record))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                said = one_line(str(error))
                raise InputError(f"{path}: line {number}: no log of a search ({said})") from None
        _check(path, records)
        return cls(path, records)

    @property
    def begin(self) -> Begin:
        """The first record."""
        first = self.records[0]
        assert isinstance(first, Begin)
        return first

    @property
    def gone_back(self) -> int | None:
        """To which step the search went back last; ``None``: it did not."""
        return next((one.number for one in self.records[::-1] if isinstance(one, Back)), None)

    @property
    def measured(self) -> Measured | None:
        """The last measurement, if nothing was searched after it."""
        last = self.records[-1]
        return last if isinstance(last, Measured) else None

    def append(self, record: Record) -> None:
        """Add a record, and write it.

        Raises:
            OutputError: it cannot be written.
        """
        self.records.append(record)
        if self.path is None:
            return
        try:
            with self.path.open("wb" if len(self.records) == 1 else "ab") as file:
                file.write(msgspec.json.encode(record) + b"\n")
        except OSError as error:
            raise OutputError(f"{self.path}: {error.strerror or error}") from None

    def rewrite(self) -> None:
        """Write all records: a line that was cut off is gone.

        Raises:
            OutputError: it cannot be written.
        """
        from mncost.render.write import write_atomically

        if self.path is not None:
            lines = [msgspec.json.encode(record) + b"\n" for record in self.records]
            write_atomically(self.path, b"".join(lines))


def _check(path: Path, records: Sequence[Record]) -> None:
    """Refuse records that are no search."""
    first = records[0] if records else None
    if not isinstance(first, Begin):
        raise InputError(
            f"{path}: no log of a search: its first line does not say what was searched"
        )
    if first.format != FORMAT:
        raise InputError(f"{path}: format {first.format}: accepted is {FORMAT}")
    kind = Step if first.method == "netadapt" else Generation
    counted, gone_back = 0, False
    for line, record in enumerate(records[1:], 2):
        if isinstance(record, Measured):
            continue
        if isinstance(record, Back):
            gone_back = True
            if kind is not Step or not 0 <= record.number <= counted:
                raise InputError(f"{path}: line {line}: no network of this search")
            continue
        is_next = isinstance(record, kind) and record.number == counted + 1 and not gone_back
        if not is_next or not _is_whole(record):
            raise InputError(f"{path}: line {line}: not the next record of this search")
        counted += 1


def _is_whole(record: Record) -> bool:
    if isinstance(record, Step):
        return 0 <= record.taken < len(record.proposals)
    if isinstance(record, Generation):
        return len(record.tried) == len(record.scores) and record.number > 0
    return False
