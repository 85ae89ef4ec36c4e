"""The CPU quota of this process' control group: how many cores' time it may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

__all__ = ["Quota", "groups", "limits", "quota"]


class Quota(NamedTuple):
    """A share of time: in each period the group may use so much of it, and is stopped then.

    Attributes:
        cores: CPU time in a period / the period.
        period: seconds.
    """

    cores: float
    period: float


def quota(root: Path = Path("/")) -> Quota | None:
    """Return the tightest quota of the groups that hold this process; ``None``: there is none.

    Args:
        root: where ``/proc`` and ``/sys`` are.
    """
    quotas = [one for group in groups(root) for one in _quotas(group)]
    return min(quotas, default=None)


def limits(quota: Quota | None, threads: int) -> bool:
    """Whether the quota would stop this many busy threads."""
    return quota is not None and quota.cores < threads


def groups(root: Path) -> Iterator[Path]:
    """Yield the directories that may hold limits of this process, the likeliest first."""
    mount = root / "sys/fs/cgroup"
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text("utf-8", "replace").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", "cpu", "cpu,cpuacct"):
                inside = mount / controllers / path.lstrip("/")
                yield inside
                yield from (one for one in inside.parents if one.is_relative_to(mount))
    yield from (mount, mount / "cpu")  # inside a container, its own group is the root


def _quotas(group: Path) -> Iterator[Quota]:
    """Yield the quota of one group, by either version of control groups."""
    with suppress(OSError, ValueError):
        most, period = (group / "cpu.max").read_text("ascii").split()
        yield Quota(int(most) / int(period), int(period) / 1e6)  # "max": none
    with suppress(OSError, ValueError):
        limit, length = (
            int((group / f"cpu.cfs_{name}_us").read_text("ascii")) for name in ("quota", "period")
        )
        if limit > 0:  # -1: none
            yield Quota(limit / length, length / 1e6)
