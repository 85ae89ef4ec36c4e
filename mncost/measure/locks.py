"""Locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mncost.errors import OutputError

__all__ = ["lock_of", "locked", "try_lock"]


def try_lock(file: int) -> bool:
    """Lock an open file for this process, if no other process has; nothing is locked on Windows."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def lock_of(path: Path) -> Path:
    """Return the file that is locked while another is written."""
    target = path.resolve()
    return target.with_name(f".{target.name[:100]}.lock")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other runs of mncost from writing a file meanwhile.

    The lock is a file beside it, ``.NAME.lock``, that holds the number of this process. A killed
    process leaves the file there, without the lock.

    Raises:
        OutputError: another process writes it; the message says which.
    """
    if os.name != "posix" or (path.exists() and not path.is_file()):
        yield  # what is no regular file, e.g. a pipe, takes several writers
        return
    lock = lock_of(path)
    file = _held(lock, path)
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()
        os.close(file)


def _held(lock: Path, path: Path) -> int:
    """Open and lock a file; again if its holder removed it in between."""
    while True:
        try:
            file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None
        if not try_lock(file):
            holder = os.read(file, 20).decode("ascii", "replace").strip()
            os.close(file)
            raise OutputError(f"{path}: process {holder or '?'} writes it; wait, or end that first")
        with suppress(OSError):
            if os.path.samestat(os.fstat(file), lock.stat()):
                os.ftruncate(file, 0)
                os.write(file, f"{os.getpid()}\n".encode())
                return file
        os.close(file)
