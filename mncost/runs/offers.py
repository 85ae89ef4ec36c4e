"""The execution providers of runtimes, here and on other machines."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mncost.measure.private import with_home

__all__ = ["disconnecting", "offer"]


def offer(
    runtime: str, python: str | None, *, host: str | None = None, hosts: Path | None = None
) -> Sequence[str | None]:
    """Return the execution providers of a runtime in an interpreter, or on a host.

    Args:
        runtime: its name.
        python: path of the interpreter; ``None`` is this one.
        host: another machine; ``None`` is this one.
        hosts: the file that says where it is.

    Raises:
        MeasureError: the interpreter cannot be used, or lacks a package.
    """
    if host is not None:
        from mncost.hosts.connected import connected

        return connected(host, hosts).offer(runtime)
    from mncost.measure.workers.process import describe

    return describe(runtime, None if python is None else with_home(python))


@contextmanager
def disconnecting() -> Iterator[None]:
    """End the connections to hosts if a run cannot be planned."""
    try:
        yield
    except BaseException:
        if "mncost.hosts.connected" in sys.modules:
            sys.modules["mncost.hosts.connected"].disconnect()
        raise
