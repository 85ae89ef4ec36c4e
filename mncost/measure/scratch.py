"""The directory in which a run keeps its models, and those that killed runs have left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mncost.measure.locks import try_lock

__all__ = ["remove_left", "scratch_directory"]

_PREFIX, _LOCK = "mncost-", "lock"


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Make a directory that is removed in the end, or by the next run if this one is killed.

    As long as this process lives it holds a lock in it. The next run removes the directories of
    the same user whose lock no process holds.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        remove_left(path)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        new = Path(name, "new")
        lock = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try_lock(lock)
            new.rename(Path(name, _LOCK))  # with its lock: there is no moment without
            yield Path(name)
        finally:
            os.close(lock)


def remove_left(path: Path) -> None:
    """Remove a directory whose lock is free and that belongs to this user."""
    with suppress(OSError):  # it is not ours, or has gone in the meantime
        if os.name != "posix" or path.is_symlink() or path.stat().st_uid != os.geteuid():
            return
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        try:
            if try_lock(lock):
                shutil.rmtree(path)
        finally:
            os.close(lock)
