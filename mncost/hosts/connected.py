"""The hosts that are connected, from planning a run to its end."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from mncost.errors import NotThereError
from mncost.hosts.check import AT_ONCE
from mncost.hosts.connection import HostLost
from mncost.hosts.file import HostEntry, chosen
from mncost.hosts.host import Host
from mncost.hosts.turns import released
from mncost.measure.records import HostRecord

__all__ = ["connect", "connected", "disconnect", "look_at"]

_connected: dict[str, Host] = {}

_entries: dict[str, HostEntry] = {}
"""What the hosts file said of each: the next run of this process finds it there."""


def connected(name: str, hosts: Path | None = None) -> Host:
    """Return a connected host.

    Args:
        name: in the hosts file.
        hosts: that file; ``None``: the usual one.

    Raises:
        InputError: the file is wrong, or has no such host.
        HostLost: it cannot be reached.
    """
    if name not in _connected:
        if hosts is not None or name not in _entries:
            (_entries[name],) = chosen([name], hosts)
        _connected[name] = Host(_entries[name], released)
    return _connected[name]


def connect(names: Sequence[str], runtimes: Sequence[str], hosts: Path | None = None) -> None:
    """Connect to hosts and ask what they have, at most 16 at once.

    Args:
        names: in the hosts file.
        runtimes: whose execution providers will be asked for.
        hosts: that file; ``None``: the usual one.

    Raises:
        InputError: the file is wrong, or has no such host.
        HostLost: one cannot be reached; or several, and the message says why of each.
    """
    lost: list[str] = []

    def ask(name: str) -> None:
        try:
            host = connected(name, hosts)
            host.look()
            for runtime in runtimes:
                with suppress(NotThereError):
                    host.offer(runtime)
        except HostLost as error:
            lost.append(str(error))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, names))
    if lost:
        raise HostLost("; ".join(sorted(lost)))


def disconnect(*names: str) -> None:
    """End the connections to these hosts; without any name, all."""
    for name in names or [*_connected]:
        if name in _connected:
            _connected.pop(name).close()


def look_at(name: str, hosts: Path | None = None) -> HostRecord:
    """Return what a run keeps of a host.

    Raises:
        InputError: as :func:`connected`.
    """
    host = connected(name, hosts)
    seen = host.look()
    versions = {
        runtime: str(what["version"])
        for runtime, what in seen.runtimes.items()
        if "version" in what
    }
    label = host.entry.label
    return HostRecord(machine=seen.machine, python=seen.python, label=label, versions=versions)
