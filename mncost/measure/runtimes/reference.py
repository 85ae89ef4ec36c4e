"""The reference workload: a fixed piece of work that depends on the machine and on nothing else.

It is visited between the models: if it gets slower, the machine did.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

__all__ = ["REFERENCE", "reference"]

REFERENCE = "blake2b+copy/1"
"""Its name; the number changes with whatever could change its time."""

_HASHED = 3 * 2**19  # bytes: about 2 ms of arithmetic
_COPIED = 24 * 2**20  # bytes: more than a core's own caches hold, about 2 ms of memory traffic


def reference() -> Callable[[], object]:
    """Return the workload: 3 to 5 ms on one core of a server, half arithmetic, half memory."""
    hashed = bytes(range(256)) * (_HASHED // 256)
    source = bytes(range(256)) * (_COPIED // 256)
    target = memoryview(bytearray(source))

    def call() -> bytes:
        target[:] = source
        return blake2b(hashed).digest()

    return call
