"""Whether hosts can be measured on: all of them are asked at once."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from mncost.hosts.connection import HostLost
from mncost.hosts.file import HostEntry
from mncost.hosts.host import Host, Seen

__all__ = ["Checked", "check_hosts"]

AT_ONCE = 16


class Checked(NamedTuple):
    """A host, and what it said of itself, or why it said nothing.

    Attributes:
        entry: of the hosts file.
        seen: what it said; ``None``: it cannot be measured on.
        reason: why not.
    """

    entry: HostEntry
    seen: Seen | None
    reason: str = ""


def check_hosts(entries: Iterable[HostEntry]) -> list[Checked]:
    """Connect to hosts, at most 16 at once, and return what each says."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(_checked, entries))


def _checked(entry: HostEntry) -> Checked:
    try:
        host = Host(entry)
    except HostLost as error:
        return Checked(entry, None, _without_name(error, entry))
    try:
        return Checked(entry, host.look())
    except HostLost as error:
        return Checked(entry, None, _without_name(error, entry))
    finally:
        host.close()


def _without_name(error: HostLost, entry: HostEntry) -> str:
    return str(error).removeprefix(f"{entry.name}: ")
