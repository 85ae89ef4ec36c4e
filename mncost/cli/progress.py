"""How far a run is, on standard error: a bar at a terminal, a line every 10 s elsewhere.

It is drawn between two bursts, never during one: a display that refreshed itself would take time
from what is measured.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mncost.measure.engine import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from mncost.results.forecast import Forecast

__all__ = ["tell", "watching"]

_EVERY, _LINE_EVERY = 0.25, 10.0  # seconds


@contextmanager
def watching(target_error: float | None) -> Iterator[Callable[[Progress], None]]:
    """Yield what :func:`mncost.measure.engine.measure` shall tell its progress."""
    if sys.stderr is None:
        yield lambda progress: None
        return
    if not sys.stderr.isatty():
        yield _lines(target_error)
        return
    with _bar() as bar:
        task = bar.add_task("starting", total=1)
        drawn = 0.0

        def watch(progress: Progress) -> None:
            nonlocal drawn
            if time.monotonic() - drawn < _EVERY:
                return
            bar.update(
                task,
                description=_words(progress, target_error),
                completed=progress.now,
                total=max(progress.deadline, progress.now),
            )
            bar.refresh()
            drawn = time.monotonic()

        yield watch


def _lines(target_error: float | None) -> Callable[[Progress], None]:
    """Return what prints a line now and then, for a log."""
    printed = time.monotonic()

    def watch(progress: Progress) -> None:
        nonlocal printed
        if time.monotonic() - printed >= _LINE_EVERY:
            printed = time.monotonic()
            words = _words(progress, target_error)
            limit = f"{progress.now:.0f} of at most {progress.deadline:.0f} s"
            print(f"mncost: {limit}: {words}", file=sys.stderr, flush=True)

    return watch


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        BarColumn(bar_width=20),
        TextColumn("{task.completed:.0f} of at most {task.total:.0f} s"),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )


def tell(forecast: Forecast) -> None:
    """Say how long a run will take."""
    if sys.stderr is not None:
        print(f"mncost: {_forecast(forecast)}", file=sys.stderr, flush=True)


def _forecast(said: Forecast) -> str:
    cells = "1 cell" if said.cells == 1 else f"{said.cells} cells"
    limit = f"--max-time {_time(said.max_time)}"
    by_then = f"gives about ± {said.error:.1%}" if said.error else "is too short for an interval"
    if said.target is None:
        return f"{cells}: {limit} {by_then}"
    target = f"for ± {said.target:.3g}" if said.target < 0.001 else f"for ± {100 * said.target:g} %"
    if said.seconds is None:
        return f"{cells}: too noisy {target}; {limit} {by_then}"
    takes = f"{cells}: about {_time(said.seconds)} {target}"
    return takes if said.seconds <= said.max_time else f"{takes}; {limit} {by_then}"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 100 else f"{seconds:.0f} s"


def _words(progress: Progress, target_error: float | None) -> str:
    number, cells = progress.done + 1, progress.cells
    words = {
        "build": f"building model {number} of {progress.total}",
        "memory": f"memory of network {number} of {progress.total}",
        "load": f"process {number}: loading {cells} cells",
        "pilot": f"{cells} cells, pilot visit {number} of {progress.total}",
        "measure": f"process {number}, {cells} cells, round {progress.rounds + 1}",
        "profile": f"process {number}, {cells} cells, layers",
    }[progress.phase]
    if progress.error is not None and target_error is not None:
        words += f", ±{progress.error:.1%} (target ±{target_error:.1%})"
    return words
