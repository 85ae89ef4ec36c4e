"""How far a run is: in words, and for Python as a bar in a notebook or as lines of a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from html import escape
from typing import Any, TypeAlias

from mncost.measure.engine import Progress

__all__ = ["Watch", "in_words", "watcher"]

Watch: TypeAlias = Callable[[Progress], None]

_EVERY, _LINE_EVERY = 0.25, 10.0  # seconds


def watcher(progress: bool | Watch | None, target_error: float | None) -> Watch:
    """Return the function that shows the progress of a run.

    Args:
        progress: a function; ``True``: a bar in a notebook, elsewhere a line on standard error
            every 10 s; ``None``: a bar in a notebook, elsewhere nothing; ``False``: nothing.
        target_error: of the run.
    """
    if callable(progress):
        return progress
    if progress is not False and _in_notebook():
        return _bar(target_error)
    return _lines(target_error) if progress else lambda _: None


def in_words(progress: Progress, target_error: float | None) -> str:
    """Say what a run is doing, and how wide its widest interval is."""
    number, cells = progress.done + 1, progress.cells
    words = {
        "wait": f"waiting for {progress.holder}",
        "build": f"building model {number} of {progress.total}",
        "memory": f"memory of network {number} of {progress.total}",
        "load": f"process {number}: loading {cells} cells",
        "pilot": f"{cells} cells, pilot visit {number} of {progress.total}",
        "measure": f"process {number}, {cells} cells, round {progress.rounds + 1}",
        "profile": f"process {number}, {cells} cells, layers",
    }[progress.phase]
    words = words if progress.host is None else f"{progress.host}: {words}"
    if progress.error is not None and target_error is not None:
        wide = f"±{progress.error:.1%}" if progress.error < 1 else "no interval yet"
        words += f", {wide} (target ±{target_error:.1%})"
    return words


def _limit(progress: Progress) -> str:
    return f"{progress.now:.0f} of at most {max(progress.deadline, progress.now):.0f} s"


def _in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this; nothing is imported to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


def _bar(target_error: float | None) -> Watch:
    """Return what draws a bar below the cell of a notebook, between two bursts."""
    from importlib import import_module

    shown: Any = import_module("IPython.display")  # no dependency of ours: a notebook has it
    handle = shown.display(shown.HTML("starting"), display_id=True)
    drawn = 0.0

    def watch(progress: Progress) -> None:
        nonlocal drawn
        if time.monotonic() - drawn < _EVERY and progress.now < progress.deadline:
            return
        drawn = time.monotonic()
        whole = max(progress.deadline, progress.now)
        words = escape(f"{_limit(progress)}: {in_words(progress, target_error)}")
        bar = f'<progress value="{progress.now:.1f}" max="{whole:.1f}"></progress>'
        handle.update(shown.HTML(f"{bar} {words}"))

    return watch


def _lines(target_error: float | None) -> Watch:
    """Return what writes a line to standard error now and then."""
    written = time.monotonic()

    def watch(progress: Progress) -> None:
        nonlocal written
        if time.monotonic() - written >= _LINE_EVERY and sys.stderr is not None:
            written = time.monotonic()
            words = in_words(progress, target_error)
            sys.stderr.write(f"mncost: {_limit(progress)}: {words}\n")
            sys.stderr.flush()

    return watch
