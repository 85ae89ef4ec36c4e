"""Where a cluster's scheduler is, and whether it may be used without TLS."""

from __future__ import annotations

from mncost.errors import InputError
from mncost.flags import Flags, flag

__all__ = ["Scheduler", "check_alone", "checked"]

_ACCEPTED = "accepted is tls://HOST:PORT, and tcp://HOST:PORT on this machine or with --insecure"


class Scheduler(Flags):
    """The Dask scheduler of a cluster."""

    panel = "Cluster"

    cluster: str | None = flag(
        "Let the workers of this Dask scheduler do it: tls://HOST:8786. See docs/cluster.md.",
        metavar="ADDRESS",
    )
    insecure: bool = flag(
        "Use a scheduler without TLS that is not on this machine. Everybody on the network can "
        "run code as you then.",
        default=False,
    )


def check_alone(scheduler: Scheduler) -> None:
    """Refuse what is said of a scheduler that is not given.

    Raises:
        InputError: it is.
    """
    if scheduler.insecure and scheduler.cluster is None:
        raise InputError("--insecure needs --cluster")


def checked(scheduler: Scheduler) -> str:
    """Return the address of a scheduler that may be used.

    Raises:
        InputError: it is no address, or has no TLS.
    """
    from urllib.parse import urlsplit  # the help of a command needs none of it

    text = scheduler.cluster or ""
    address = text if "://" in text else f"tcp://{text}"
    try:
        parts = urlsplit(address)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if not host or not port or address != f"{scheme}://{parts.netloc}" or "@" in address:
        raise InputError(f"--cluster {text!r}: not the address of a scheduler; {_ACCEPTED}")
    if scheme not in ("tls", "tcp"):
        raise InputError(f"--cluster {text!r}: unknown protocol {scheme!r}; {_ACCEPTED}")
    if scheme == "tcp" and not scheduler.insecure and not _is_loopback(host):
        raise InputError(
            f"--cluster {text}: refused without TLS: its tasks are code, which anybody on the "
            f"network could replace; {_ACCEPTED}"
        )
    return address


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
