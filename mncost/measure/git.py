"""The git commit of the working directory, found out without running anything that it configures.

A repository can name programs that git runs: hooks, a file system monitor, filters, transports.
Somebody who measures inside a foreign repository has not asked for these.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mncost.measure.records import Commit

__all__ = ["commit"]

SECONDS = 5.0
_OFF = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}")
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",  # none: a partial clone would fetch what it lacks
    "GIT_TERMINAL_PROMPT": "0",
}


def commit(directory: Path | None = None) -> Commit | None:
    """Return the git commit of a directory (the current one), if it has one and git is there.

    It is dirty if a file that git knows was changed.
    """
    name = _git(directory, "rev-parse", "--verify", "HEAD")
    if name is None:
        return None
    filters = _git(directory, "config", "--name-only", "--get-regexp", r"^filter\.") or ""
    off = [*_OFF, *(f"{key}=" for key in filters.split("\n") if key and not _is_flag(key))]
    off += [f"{key}=false" for key in filters.split("\n") if _is_flag(key)]
    words = ("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
    changes = _git(directory, *(word for key in off for word in ("-c", key)), *words)
    return None if changes is None else Commit(id=name.strip(), dirty=bool(changes.strip()))


def _is_flag(key: str) -> bool:
    return key.endswith(".required")


def _git(directory: Path | None, *words: str) -> str | None:
    """Return what git prints; ``None`` if it fails or is not there."""
    try:
        return subprocess.run(
            ["git", *words],
            cwd=directory,
            env=os.environ | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        ).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
