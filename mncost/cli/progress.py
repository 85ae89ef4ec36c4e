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
from mncost.results.progress import in_words, watcher

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from mncost.results.forecast import Forecast

__all__ = ["counting", "tell", "watching"]

_EVERY = 0.25  # seconds


@contextmanager
def watching(target_error: float | None) -> Iterator[Callable[[Progress], None]]:
    """Yield what :func:`mncost.measure.engine.measure` shall tell its progress."""
    if sys.stderr is None:
        yield lambda progress: None
        return
    if not sys.stderr.isatty():
        yield watcher(True, target_error)
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
                description=in_words(progress, target_error),
                completed=progress.now,
                total=max(progress.deadline, progress.now),
            )
            bar.refresh()
            drawn = time.monotonic()

        yield watch


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


@contextmanager
def counting(total: int, what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield what draws a bar of how many networks are done; ``None``: it is not a terminal.

    Args:
        total: of all networks.
        what: is done with them: ``counting``.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    words = TextColumn("{task.description} {task.completed:,.0f} of {task.total:,.0f} networks")
    columns = words, BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, _: bar.update(task, completed=done)


def tell(forecast: Forecast) -> None:
    """Say how long a run will take."""
    if sys.stderr is not None:
        print(f"mncost: {_forecast(forecast)}", file=sys.stderr, flush=True)


def _forecast(said: Forecast) -> str:
    cells = "1 cell" if said.cells == 1 else f"{said.cells} cells"
    if not said.cells:
        return (
            f"building and starting the models took all of --max-time {said.max_time:g} s; each "
            "is visited once in each of up to three processes"
        )
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
    if seconds >= 100:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.2g} s"
