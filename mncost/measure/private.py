"""Run files and reports are passed on: what only concerns this account stays out of them."""

from __future__ import annotations

import os
import re

__all__ = ["with_home", "without_home"]


def without_home(text: str) -> str:
    """Return a text with ``~`` for the home directory, and without paths of temporary files."""
    import tempfile  # the help of a command does not need it

    scratch = re.escape(tempfile.gettempdir()) + r"[/\\]mncost-\w+[/\\]?"
    text = re.sub(scratch, "", text)
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises if there is none
    if len(home) < 2:  # "/", as in some containers
        return text
    # Not within other paths (/export/home/al, /home/al-2), but after options (-I/home/al/include).
    before, after = r"(?:(?<![\w.~-])|(?<=[\s'\"]-\w)|(?<=\\n))", r"(?![\w-]|\.\w)"
    return re.sub(f"{before}{re.escape(home)}{after}", "~", text)


def with_home(path: str) -> str:
    """Return a path with the home directory in place of its ``~``."""
    return os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser raises without a home
