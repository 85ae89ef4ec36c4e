"""Files that are read whole."""

from __future__ import annotations

import errno
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from mncost.errors import InputError

__all__ = ["read_whole", "size_of"]


def size_of(path: Path) -> int:
    """Return the size of a file in bytes.

    Raises:
        OSError: there is none, or it is a pipe or a device, which may have no end.
    """
    seen = path.stat()
    if not S_ISREG(seen.st_mode) and not S_ISDIR(seen.st_mode):
        raise OSError(errno.EINVAL, "a pipe or a device: accepted is a file", str(path))
    return seen.st_size


def read_whole(path: Path, most: int) -> bytes:
    """Return the content of a file of at most ``most`` bytes.

    Raises:
        InputError: it cannot be read, or is larger.
    """
    try:
        if size_of(path) > most:
            raise InputError(f"{path}: larger than {most:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
