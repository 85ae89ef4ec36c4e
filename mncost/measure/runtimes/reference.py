"""The reference workload: a fixed piece of work that depends on the machine and on nothing else.

It is visited between the models: if it gets slower, the machine did.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

__all__ = ["REFERENCE", "reference"]

REFERENCE = "blake2b+copy/2"
"""Its name; the number changes when its time could."""

# As much memory traffic in a millisecond as a MobileNet has (V2: 14 MB of weights in 7 to 10 ms).
# With ten times as much, the reference would depend on where in memory a process happens to be,
# which networks hardly do: by up to 14 % from one process to another, in every generation the same.
_HASHED = 5 * 2**19  # bytes: about 4 ms of arithmetic
_COPIED = 4 * 2**20  # bytes: more than a core's own caches hold, with as much that is written


def reference() -> Callable[[], object]:
    """Return the workload: 4 to 6 ms on one core of a server, most of it arithmetic."""
    hashed = bytes(range(256)) * (_HASHED // 256)
    source = bytes(range(256)) * (_COPIED // 256)
    target = memoryview(bytearray(source))

    def call() -> bytes:
        target[:] = source
        return blake2b(hashed).digest()

    return call
