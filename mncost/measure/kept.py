r"""Where runs are kept for which no file was named, and which is the last one.

It is the user's directory for the state of programs, never the current one, which may be someone's
repository: ``$XDG_STATE_HOME/mncost/runs``, by default ``~/.local/state/mncost/runs``; on macOS
``~/Library/Application Support/mncost/runs``, on Windows ``%LOCALAPPDATA%\mncost\runs``. Only the
newest :data:`RUNS` are kept, and no more than :data:`BYTES`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from mncost.errors import RunFileError
from mncost.measure.locks import lock_of

__all__ = ["BYTES", "RUNS", "folder", "last", "new_file", "runs"]

RUNS = 20
BYTES = 200 * 2**20


def folder() -> Path | None:
    """Return the directory of kept runs; ``None`` if the user has no home."""
    if sys.platform == "win32":
        variable, usual = "LOCALAPPDATA", ("AppData", "Local")
    elif sys.platform == "darwin":
        variable, usual = "XDG_STATE_HOME", ("Library", "Application Support")
    else:
        variable, usual = "XDG_STATE_HOME", (".local", "state")
    base = Path(os.environ.get(variable, ""))
    if not base.is_absolute():  # the XDG specification ignores relative paths
        try:
            base = Path.home().joinpath(*usual)
        except RuntimeError:
            return None
    return base / "mncost" / "runs" if base.is_absolute() else None


def new_file() -> Path | None:
    """Make room and return a file for a new run; ``None`` if none can be written there."""
    place = folder()
    if place is None:
        return None
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_room()
    except OSError:
        return None
    if not os.access(place, os.W_OK):
        return None
    started = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}"
    names = (f"{started}{f'-{number}' if number else ''}.json" for number in count())
    with suppress(OSError):
        return next(file for file in map(place.joinpath, names) if _is_free(file))
    return None


def _is_free(file: Path) -> bool:
    """Whether no run has this name, and none that began in the same second takes it now."""
    if file.exists():
        return False
    try:
        lock_of(file).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def last() -> Path:
    """Return the file of the last run that was kept.

    Raises:
        RunFileError: there is none.
    """
    for file in runs():
        return file
    raise RunFileError("missing argument 'RUN': a run file; mncost bench keeps its last runs")


def runs() -> list[Path]:
    """Return the files of the runs that are kept, the newest first."""
    place, times = folder(), {}
    for file in [] if place is None else place.glob("*.json"):
        with suppress(OSError):  # another process makes room too
            times[file] = file.stat().st_mtime_ns
    return sorted(times, key=lambda file: (times[file], file.name), reverse=True)


def _make_room() -> None:
    """Delete the oldest runs beyond the number and the size that are kept."""
    size = 0
    for number, file in enumerate(runs(), start=1):
        with suppress(OSError):
            size += file.stat().st_size
            if number >= RUNS or size > BYTES:
                file.unlink()
