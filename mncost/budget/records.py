"""Limits and verdicts, as values.

A budget file has budgets; each has one or more limits, and each limit gets one verdict.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

from mncost.stats.verdict import Verdict

__all__ = [
    "EXACT_METRICS",
    "Baseline",
    "Bounds",
    "Exact",
    "Latency",
    "Limit",
    "Model",
    "Outcome",
    "Place",
    "Ratio",
    "Regression",
]

EXACT_METRICS = ("macs", "params", "weight_bytes", "peak_activation_bytes")
"""Metrics that are counted: names of properties of :class:`mncost.network.Network`."""


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which network: ``model = { ... }``; what is left out is as in :func:`mncost.load`."""

    arch: str
    alpha: float | None = None
    resolution: int | None = None
    dialect: str | None = None
    classes: int | None = None
    twin: str | None = None


class Place(NamedTuple):
    """Where and how a latency is measured."""

    runtime: str = "onnxruntime"
    provider: str | None = None
    threads: int = 1
    batch: int = 1


class Exact(NamedTuple):
    """A limit on something that is counted; whole units, and at least one of the two."""

    metric: str
    max: int | None
    min: int | None


class Latency(NamedTuple):
    """A limit on a percentile of the latency of one call, on a machine that is known."""

    percent: float  # 50 is the median
    max_ns: float


class Ratio(NamedTuple):
    """A limit on the latency / that of another network in the same run."""

    to: Model
    max_ratio: float


class Regression(NamedTuple):
    """A limit on how much slower than the baseline it may be: 0.03 is 3 %."""

    share: float


class Limit(NamedTuple):
    """One limit of one budget.

    Attributes:
        budget: the number of the budget in its file, from 1.
        line: where it begins in the file, from 1; ``None`` if it is from no file.
        name: what the file calls the budget, or which network it is.
        metric: ``macs``, ``latency p99``, ``latency ratio to v1``, ``latency regression``.
        bound: what may not be exceeded.
    """

    budget: int
    line: int | None
    name: str
    model: Model
    precision: str
    place: Place
    metric: str
    bound: Bounds

    @property
    def is_exact(self) -> bool:
        """Whether it is on something that is counted, and not measured."""
        return isinstance(self.bound, Exact)


Bounds: TypeAlias = Exact | Latency | Ratio | Regression


class Baseline(NamedTuple):
    """What ``against = "baseline"`` means: at most one of these.

    Attributes:
        run: the file of a saved run.
        python: another interpreter, measured beside this one.
        arch: an older version of the architecture file, measured beside the new one.
        other_machine: accept a saved run of another machine; nothing is decided by it.
    """

    run: Path | None = None
    python: str | None = None
    arch: Path | None = None
    other_machine: bool = False


class Outcome(NamedTuple):
    """A limit, what was found, and what follows.

    Attributes:
        value, lo, hi: in the unit of the limit (units, bytes, nanoseconds, a ratio); that of an
            exact value has no width. ``None``: nothing was found.
        limit: the largest value that is allowed (for a least value: the smallest).
        unit: ``count``, ``bytes``, ``ns`` or ``ratio``.
        why: why it is inconclusive, or what else there is to say; else empty.
    """

    of: Limit
    verdict: Verdict
    value: float | None
    lo: float | None
    hi: float | None
    limit: float
    unit: Literal["count", "bytes", "ns", "ratio"]
    why: str = ""

    @property
    def headroom(self) -> float | None:
        """How far within the (closer) limit the value is, as a share of it; below 0: beyond it."""
        if self.value is None:
            return None
        bound = self.of.bound
        most = bound.max if isinstance(bound, Exact) else self.limit
        least = bound.min if isinstance(bound, Exact) else None
        rooms = [(most - self.value) / most] if most else []
        rooms += [(self.value - least) / least] if least else []
        return min(rooms, default=None)
