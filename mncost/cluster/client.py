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

__all__ = ["connected", "results", "workers_of"]

_CONNECT_SECONDS = 10
_LOOK_SECONDS = 5  # how often it is looked whether there still are workers
_FETCH_SECONDS = 60.0  # that a result may take from a worker to here
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

    # Dask gives each a level of its own; tornado tells of Dask's own slip on Ctrl-C.
    for name in ("distributed", "distributed.client", "tornado.application"):
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


def results(client: Client, futures: Collection[Future]) -> Iterator[Any]:
    """Yield what tasks return, as they end.

    A result may be lost with its worker. Dask runs the task again, and it is waited for.

    Raises:
        InputError: a task failed, the scheduler is gone, or has had no worker for a minute.
    """
    from distributed import TimeoutError as Late
    from distributed import wait

    left, alone = set(futures), 0.0
    while left:
        try:
            ended = wait([*left], timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED").done
        except Late:
            ended = set()
        for future in ended:
            if (result := _result(client, future)) is not None:
                alone = 0.0
                left.remove(future)
                future.release()
                yield result
        if ended:
            continue
        if client.status != "running":
            raise _gone(client)
        alone = 0.0 if client.scheduler_info(n_workers=-1)["workers"] else alone + _LOOK_SECONDS
        if alone >= _WITHOUT_WORKERS:
            raise InputError(
                f"--cluster {client.scheduler.address}: all workers are gone, and none has come "
                f"back for {_WITHOUT_WORKERS:g} s"
            )


def _result(client: Client, future: Future) -> Any:
    """Return what a task returned; ``None`` if that was lost with its worker."""
    from distributed import TimeoutError as Late

    if future.status == "error":
        reason = one_line(str(future.exception()))[:300]
        raise InputError(f"--cluster {client.scheduler.address}: a task failed: {reason}")
    if future.status == "cancelled":
        raise _gone(client)
    if future.status != "finished":
        return None
    try:
        return future.result(timeout=_FETCH_SECONDS)
    except Late:
        return None


def _gone(client: Client) -> InputError:
    return InputError(f"--cluster {client.scheduler.address}: the scheduler is gone")


def _versions() -> str:
    """Return what must be alike here and on a worker: tasks are pickled."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"mncost {version('mncost')} on Python {python}"
