"""The samples of a run: the visits of one process to one cell, as columns.

A run can have 15 million samples. A column is an array of machine numbers: 8 bytes each instead of
40, and numpy reads it as a whole. In the file it is a plain list.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from math import inf
from operator import ge
from typing import Any, NamedTuple, Self, cast

from msgspec import Struct, field

from mncost.label import Positive
from mncost.measure.cell import Natural

__all__ = ["Burst", "Bursts", "Counts", "Times", "decoded", "encodable", "schema_of"]


class Counts(array):  # type: ignore[type-arg]  # array[int] needs Python 3.12
    """Whole numbers from 0."""

    def __new__(cls, values: Sequence[int] = ()) -> Self:
        """Take the numbers."""
        return cast("Self", super().__new__(cls, "Q", values))

    def __reduce__(self) -> Any:
        """Copy and pickle as a list."""
        return Counts, (self.tolist(),)


class Times(array):  # type: ignore[type-arg]
    """Seconds since the run began."""

    def __new__(cls, values: Sequence[float] = ()) -> Self:
        """Take the numbers."""
        return cast("Self", super().__new__(cls, "d", values))

    def __reduce__(self) -> Any:
        """Copy and pickle as a list."""
        return Times, (self.tolist(),)


class Burst(NamedTuple):
    """One visit to one cell: runs right after one another. ``cell`` is ``None`` for a reference.

    Times are nanoseconds, but for ``at``: seconds since the run began. CPU times are empty, and
    the counts at the end ``None``, where the system does not count them.
    """

    round: int  # within the generation, from 0; a round visits every cell of every worker once
    cell: int | None
    at: float
    warmup_ns: Sequence[int]
    ns: Sequence[int]  # in order; each is one call, whatever the batch
    warmup_cpu_ns: Sequence[int] = ()
    cpu_ns: Sequence[int] = ()
    switches: int | None = None
    waits: int | None = None
    faults: int | None = None
    stolen_us: int | None = None
    stalled_us: int | None = None
    throttled_us: int | None = None
    workload: int = 0  # of the reference workloads, which one

    def by_workload(self, runs: int) -> Iterator[Burst]:
        """Split a visit to the reference workloads, which ran one after the other.

        Args:
            runs: timed ones of each.
        """
        count = len(self.ns) // runs
        for n in range(count):
            parts: dict[str, Any] = {name: _part(getattr(self, name), n, count) for name in _TIMED}
            yield self._replace(workload=n, **parts)


def _part(values: Sequence[int], n: int, count: int) -> Sequence[int]:
    """Return one of some equal parts."""
    size = len(values) // count
    return values[n * size : (n + 1) * size]


_TIMED = ("warmup_ns", "ns", "warmup_cpu_ns", "cpu_ns")
# Of a whole visit.
_COUNTED = ("switches", "waits", "faults", "stolen_us", "stalled_us", "throttled_us")


class Bursts(Struct, kw_only=True):
    """The visits of one process to one cell (``None``: a reference workload), in order.

    All of them have the same number of runs: entry ``i`` of ``rounds`` and ``at`` is about the
    samples from ``i·runs`` to ``(i + 1)·runs``.
    """

    cell: Natural | None
    workload: Natural = 0  # of the reference workloads, which one
    warmups: Natural  # untimed runs of each visit
    runs: Positive  # timed runs of each visit
    rounds: Counts = field(default_factory=Counts)
    at: Times = field(default_factory=Times)
    warmup_ns: Counts = field(default_factory=Counts)
    ns: Counts = field(default_factory=Counts)
    # CPU time of the same runs: of the thread, or of the process where several threads work. Empty
    # where the system does not count it.
    warmup_cpu_ns: Counts = field(default_factory=Counts)
    cpu_ns: Counts = field(default_factory=Counts)
    switches: Counts = field(default_factory=Counts)  # how often another program got the core
    waits: Counts = field(default_factory=Counts)  # how often it gave the core away by itself
    faults: Counts = field(default_factory=Counts)  # pages of memory that were not there
    stolen_us: Counts = field(default_factory=Counts)  # CPU time that the hypervisor gave to others
    stalled_us: Counts = field(default_factory=Counts)  # while some program waited for a core
    throttled_us: Counts = field(default_factory=Counts)  # while a quota kept this group waiting

    @classmethod
    def of(cls, burst: Burst) -> Bursts:
        """Return bursts like a first one, which they do not hold yet."""
        return cls(
            cell=burst.cell,
            workload=burst.workload,
            warmups=len(burst.warmup_ns),
            runs=len(burst.ns),
        )

    def append(self, burst: Burst) -> None:
        """Take one more visit in, of as many runs as the others."""
        assert (len(burst.warmup_ns), len(burst.ns)) == (self.warmups, self.runs), burst
        self.warmup_ns.extend(burst.warmup_ns)
        self.ns.extend(burst.ns)
        self._extend("warmup_cpu_ns", burst.warmup_cpu_ns)
        self._extend("cpu_ns", burst.cpu_ns)
        for name in _COUNTED:
            value = getattr(burst, name)
            self._extend(name, [] if value is None else [value])
        self.rounds.append(burst.round)
        self.at.append(round(burst.at, 6))

    def _extend(self, name: str, values: Sequence[int]) -> None:
        """Extend a column that some systems do not have; with a gap it would say nothing."""
        column: Counts = getattr(self, name)
        if len(column) == len(self.rounds) * len(values):
            column.extend(values)
        else:
            del column[:]

    def __len__(self) -> int:
        """Return the number of visits."""
        return len(self.rounds)

    def __iter__(self) -> Iterator[Burst]:
        """Yield the visits one by one. Statistics take the columns instead."""
        counted = [getattr(self, name) for name in _COUNTED]
        for i, (number, at) in enumerate(zip(self.rounds, self.at, strict=True)):
            warm, timed = slice(i * self.warmups, (i + 1) * self.warmups), self._timed(i)
            counts: list[Any] = [column[i] if column else None for column in counted]
            yield Burst(
                number,
                self.cell,
                at,
                self.warmup_ns[warm],
                self.ns[timed],
                self.warmup_cpu_ns[warm],
                self.cpu_ns[timed],
                *counts,
            )._replace(workload=self.workload)

    def problems(self) -> Iterator[str]:
        """Yield what does not fit together, each with the name of the column."""
        visits, warmups, runs = len(self), len(self) * self.warmups, len(self) * self.runs
        lengths = {"at": visits, "warmup_ns": warmups, "ns": runs}
        maybe = {"warmup_cpu_ns": warmups, "cpu_ns": runs, **dict.fromkeys(_COUNTED, visits)}
        for name, length in (lengths | maybe).items():
            given = len(getattr(self, name))
            if given != length and (given or name in lengths):
                yield f"{name}: {given} values; {visits} visits need {length}"
        if any(map(ge, self.rounds, self.rounds[1:])):
            yield "rounds: not one after the other"
        if self.at and not 0 <= min(self.at) <= max(self.at) < inf:
            yield "at: accepted are seconds from 0"

    def _timed(self, visit: int) -> slice:
        return slice(visit * self.runs, (visit + 1) * self.runs)


def decoded(kind: type, value: Any) -> Any:
    """Return a column from the list that a file has: the ``dec_hook`` of msgspec.

    Raises:
        ValueError: it is no list of such numbers.
    """
    assert kind in (Counts, Times), kind
    words = "whole numbers from 0" if kind is Counts else "numbers"
    try:
        if isinstance(value, list):
            return kind(value)
    except (TypeError, OverflowError):
        pass
    raise ValueError(f"Expected a list of {words}")


def encodable(value: Any) -> Any:
    """Return a column as a list: the ``enc_hook`` of msgspec."""
    assert isinstance(value, array), value
    return value.tolist()


def schema_of(kind: type) -> dict[str, Any]:
    """Return the JSON Schema of a column: the ``schema_hook`` of msgspec."""
    item = {"type": "integer", "minimum": 0} if kind is Counts else {"type": "number"}
    return {"type": "array", "items": item}
