"""The standard streams: open, whatever the caller has closed, and able to take any text."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

__all__ = ["prepare", "tell"]


def prepare() -> None:
    """Make the standard streams safe to use. To be called once, before anything is opened."""
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None:
            # Else the next file that is opened would be the standard stream of our workers.
            opened = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(opened, True)
            assert opened == number
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def tell(line: str) -> None:
    """Print a line to standard error; errors of the stream are ignored."""
    from mncost.render.escape import plain

    with suppress(OSError, ValueError):  # full, or closed
        print(plain(line), file=sys.stderr, flush=True)
