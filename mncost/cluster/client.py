"""A connection to a cluster, and what its workers are."""

from __future__ import annotations

import logging
import platform
import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mncost.cluster.address import Scheduler, checked
from mncost.errors import InputError, one_line
from mncost.extras import require

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["connected", "finished", "workers_of"]

_CONNECT_SECONDS = 10
_LOOK_SECONDS = 5  # how often it is looked whether there still are workers
_WITHOUT_WORKERS = 60.0  # seconds that a cluster may have no worker


@contextmanager
def connected(scheduler: Scheduler) -> Iterator[Client]:
    """Connect to a scheduler; what was asked of it and is not done is cancelled in the end.

    Certificates are those of Dask's configuration.

    Raises:
        InputError: ``distributed`` is not installed, the address is refused, or nobody answers.
    """
    require("cluster")
    address = checked(scheduler)
    from distributed import Client
    from distributed.security import Security

    for name in ("distributed", "distributed.client"):  # Dask gives each a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)
    security = Security()
    if address.startswith("tls://") and not security.tls_client_cert:
        raise InputError(
            f"--cluster {address}: no certificate of this client: Dask's configuration has no "
            "distributed.comm.tls.client.cert; docs/cluster.md says how to make one"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other versions of packages that are not used here
        try:
            client = Client(address, security=security, timeout=_CONNECT_SECONDS)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            reason = re.sub(r"^in <.*?>: (\w+: )?", "", one_line(str(error.__cause__ or "")))
            raise InputError(
                f"--cluster {address}: no scheduler answers within {_CONNECT_SECONDS} s"
                + (f": {reason[:300]}" if reason else "")
            ) from None
    try:
        yield client
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.close(timeout=_CONNECT_SECONDS)


def workers_of(client: Client) -> dict[str, dict[str, Any]]:
    """Return what the scheduler says of its workers, by their addresses.

    Raises:
        InputError: there is none, or one has another mncost or Python.
    """
    workers: dict[str, dict[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    if not workers:
        raise InputError(
            f"--cluster {client.scheduler.address}: the scheduler has no workers; docs/cluster.md "
            "says how to start them"
        )
    own = _versions()
    for address, said in client.run(_versions, on_error="return").items():
        if said != own:
            there = said if isinstance(said, str) else f"no mncost ({one_line(str(said))[:200]})"
            raise InputError(
                f"worker {address}: it has {there}; this machine has {own}: both must be the same"
            )
    return workers


def finished(client: Client, futures: Collection[Future]) -> Iterator[Future]:
    """Yield futures as they end, failed ones too.

    Raises:
        InputError: the scheduler is gone, or has had no worker for a minute.
    """
    from distributed import TimeoutError as Late
    from distributed import wait

    left, alone = set(futures), 0.0
    while left:
        try:
            done, left = wait(left, timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED")
        except Late:
            done = set()
        yield from done
        if done:
            alone = 0.0
            continue
        if client.status != "running":
            raise InputError(f"--cluster {client.scheduler.address}: the scheduler is gone")
        alone = 0.0 if client.scheduler_info(n_workers=-1)["workers"] else alone + _LOOK_SECONDS
        if alone >= _WITHOUT_WORKERS:
            raise InputError(
                f"--cluster {client.scheduler.address}: all workers are gone, and none has come "
                f"back for {_WITHOUT_WORKERS:g} s"
            )


def _versions() -> str:
    """Return what must be alike here and on a worker: tasks are pickled."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"mncost {version('mncost')} on Python {python}"
