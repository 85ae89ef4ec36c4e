"""The reference workloads: fixed pieces of work that depend on the machine and on nothing else.

They are visited between the models: if they get slower, the machine did. One computes, the other
reads memory, because other programs and a lower clock rate slow these differently.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

__all__ = ["REFERENCES", "REFERENCE_NAMES", "references"]

REFERENCES = ("blake2b/1", "stride/1")
"""Their names; a number changes when its time could."""
REFERENCE_NAMES = ("arithmetic", "memory")
"""What people call them."""

# Each takes 7 to 10 ms on a core of a server: longer than a time slice, as a network's call does,
# so that other programs interrupt it as they interrupt a network. Neither needs a warm-up run: the
# first one fits into any cache, the second one into none. On two cores with ten busy programs,
# their CPU time differed by 0.4 and 1.8 % between processes; a copy of as much memory by 7 to 20 %.
_BLOCK, _BLOCKS = 2**16, 96
_READ, _LINE, _TIMES = 2**26, 64, 2  # one byte of each cache line


def references() -> list[Callable[[], object]]:
    """Return the workloads, in the order of :data:`REFERENCES`."""
    block = bytes(range(256)) * (_BLOCK // 256)
    memory = bytes(range(256)) * (_READ // 256)

    def arithmetic() -> bytes:
        digest = blake2b()
        for _ in range(_BLOCKS):
            digest.update(block)
        return digest.digest()

    def stride() -> int:
        return sum(len(memory[::_LINE]) for _ in range(_TIMES))

    return [arithmetic, stride]
