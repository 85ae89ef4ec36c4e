"""The models that a host keeps, by the hash of their content. It runs there, in Python 3.9."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

__all__ = ["MOST_BYTES", "ModelCache"]

MOST_BYTES = 2 << 30


class ModelCache:
    """Folders of model files below ``~/.cache/mncost/models``; the oldest ones make room."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._used: set[str] = set()
        self._new: Path | None = None

    def get(self, model: str, files: Mapping[str, int]) -> str | None:
        """Return the folder of a model if it has exactly these files, of these sizes."""
        folder = _base() / model
        with suppress(OSError):
            if all((folder / name).stat().st_size == size for name, size in files.items()):
                os.utime(folder)
                self._used.add(model)
                return str(folder)
        return None

    def incoming(self, model: str, name: str) -> Path:
        """Return the file that a part of a model is received in."""
        if self._new is None:
            _base().mkdir(parents=True, exist_ok=True, mode=0o700)
            self._new = Path(tempfile.mkdtemp(prefix=".new-", dir=_base()))
        file = self._new / model / name
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    def keep(self, model: str) -> str:
        """Take the received files of a model in, and make room for them."""
        folder = _base() / model
        assert self._new is not None
        shutil.rmtree(folder, ignore_errors=True)  # it was not whole
        (self._new / model).rename(folder)
        self._used.add(model)
        self._make_room()
        return str(folder)

    def close(self) -> None:
        """Remove what was not received as a whole."""
        if self._new is not None:
            shutil.rmtree(self._new, ignore_errors=True)
            self._new = None

    def _make_room(self) -> None:
        """Remove what this run does not use, the oldest first, until the rest is small enough."""
        times = {path: path.stat().st_mtime for path in _base().iterdir()}
        size = 0
        for folder in sorted(times, key=lambda path: -times[path]):
            size += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            if size > self._most and folder.name not in self._used and folder != self._new:
                shutil.rmtree(folder, ignore_errors=True)


def _base() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return Path(cache or Path.home() / ".cache") / "mncost" / "models"
