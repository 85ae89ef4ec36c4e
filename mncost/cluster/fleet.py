"""The machines of a cluster that measure, and their workers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from mncost.cluster.client import workers_of
from mncost.cluster.tasks import describe, offer
from mncost.errors import InputError, NotThereError, one_line
from mncost.measure.machine import machine_differences
from mncost.measure.records import HostRecord, Machine

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["RESOURCE", "Fleet", "Member"]

RESOURCE = "MEASURE"


class Member(NamedTuple):
    """A machine of the cluster: its name in the run, what tells it from others, its fingerprint."""

    name: str
    key: str
    record: HostRecord


class Fleet:
    """The machines of a cluster that measure, and their workers.

    Attributes:
        members: the machines, by name.
    """

    def __init__(self, client: Client) -> None:
        """Ask all workers with the resource ``MEASURE`` what they are.

        Raises:
            InputError: there is none, or two workers of one machine are not alike.
        """
        self.client = client
        self.members: dict[str, Member] = {}
        self._workers: dict[str, str] = {}  # by address: the name of its machine
        workers_of(client)
        self.look()
        if not self.members:
            raise InputError(
                f"--cluster {client.scheduler.address}: no worker has the resource {RESOURCE}: "
                f'start those that measure with --resources "{RESOURCE}=1"; see docs/cluster.md'
            )

    def look(self) -> None:
        """Look which workers there are now."""
        info = self.client.scheduler_info(n_workers=-1)["workers"]
        there = [one for one, said in info.items() if said["resources"].get(RESOURCE)]
        self._workers = {one: name for one, name in self._workers.items() if one in there}
        if new := [one for one in there if one not in self._workers]:
            for address, said in self.client.run(describe, workers=new, on_error="ignore").items():
                self._workers[address] = self._member(said).name

    def workers(self, name: str) -> list[str]:
        """Return the present workers of a machine."""
        return sorted(address for address, of in self._workers.items() if of == name)

    def offer(self, runtime: str, python: str | None, *, host: str) -> Sequence[str | None]:
        """Return the execution providers of a runtime on a machine.

        Raises:
            NotThereError: it is not installed there.
        """
        future = self.client.submit(
            offer, runtime, workers=self.workers(host), allow_other_workers=False, pure=False
        )
        said = future.result()
        if isinstance(said, str):
            raise NotThereError(f"{host}: {one_line(said)[:300]}")
        return list(said)

    def _member(self, said: Mapping[str, Any]) -> Member:
        """Return the machine that a worker describes: one that is known, or a new one."""
        record = HostRecord(
            machine=msgspec.convert(said["machine"], Machine), python=str(said["python"])
        )
        key = str(said["key"])
        for member in self.members.values():
            alike = not machine_differences(member.record.machine, record.machine)
            if member.key == key and alike and member.record.python == record.python:
                return member
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", str(said["name"]))[:60] or "machine"
        names = (name, *(f"{name}-{number}" for number in range(2, 10_000)))
        made = Member(next(one for one in names if one not in self.members), key, record)
        self.members[made.name] = made
        return made
