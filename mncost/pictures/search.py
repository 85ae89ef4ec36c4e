"""A search as a picture: score over latency step by step, or the scores of each generation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from mncost.interval import Interval
from mncost.nas.log import Generation, Log, Point, Step
from mncost.pictures.look import COLOURS, DARK, LIGHT, canvas, headed, saved
from mncost.pictures.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["search_picture"]

_INCHES_HIGH = 4.2
_BEST, _MEASURED = COLOURS[0], COLOURS[1]


def search_picture(log: Log) -> Picture:
    """Return the picture of a search, finished or not.

    Args:
        log: its log.
    """
    begin = log.begin
    steps = [one for one in log.records if isinstance(one, Step)]
    generations = [one for one in log.records if isinstance(one, Generation)]
    limit = f"{begin.max_latency * 1e3:.4g} ms"
    title = f"{begin.of}: a search within {limit}"
    points = [one.point for one in steps] + [one.point for one in generations]
    last = _found(log)
    count = f"{len(points)} {'steps' if begin.method == 'netadapt' else 'generations'}"
    finding = (
        f"{count}: {last.latency * 1e3:.4g} ms predicted, score {begin.start.score:.4g} → "
        f"{last.score:.4g}"
    )
    if log.measured is not None:
        finding += f", {log.measured.found[0] * 1e3:.4g} ms measured"
    caption = f"predicted latencies: {begin.place}; score: {begin.score}"
    return Picture(partial(_draw, log, title, finding, caption), title, finding)


def _found(log: Log) -> Point:
    """Return what is predicted of the network that a log ends with."""
    steps = [one.point for one in log.records if isinstance(one, Step | Generation)]
    if log.gone_back is not None:
        return [log.begin.start, *steps][log.gone_back]
    return steps[-1] if steps else log.begin.start


def _draw(log: Log, title: str, finding: str, caption: str, format: str) -> bytes:
    with canvas(_INCHES_HIGH) as figure:
        axes = figure.add_subplot()
        steps = [one for one in log.records if isinstance(one, Step)]
        generations = [one for one in log.records if isinstance(one, Generation)]
        if log.begin.method == "netadapt":
            _steps(axes, log, steps)
        else:
            _generations(axes, generations)
        axes.set_ylabel("score")
        figure.legend(loc="outside right upper")  # intervals are as wide as the axes
        headed(figure, title, finding, caption)
        return saved(figure, format)


def _steps(axes: Axes, log: Log, steps: Sequence[Step]) -> None:
    """Draw score over latency: what was proposed, the way that was taken, what was measured."""
    begin = log.begin
    proposed = [one.point for step in steps for one in step.proposals]
    taken = [begin.start, *(step.point for step in steps)]
    axes.plot(
        [one.latency * 1e3 for one in proposed],
        [one.score for one in proposed],
        ".",
        color=LIGHT,
        markersize=3,
        label="proposed",
    )
    ends = [taken[0], _found(log)]
    axes.errorbar(
        [one.latency * 1e3 for one in ends],
        [one.score for one in ends],
        xerr=_errors([one.interval for one in ends]),
        fmt="none",
        ecolor=_BEST,
        elinewidth=0.8,
    )
    axes.plot(
        [one.latency * 1e3 for one in taken],
        [one.score for one in taken],
        "o-",
        color=_BEST,
        markersize=3,
        linewidth=1,
        label="taken (predicted)",
    )
    if log.measured is not None:
        both = [Interval(*log.measured.first), Interval(*log.measured.found)]
        axes.errorbar(
            [one.center * 1e3 for one in both],
            [one.score for one in ends],
            xerr=_errors(both),
            fmt="D",
            color=_MEASURED,
            elinewidth=0.8,
            label="measured",
        )
    axes.axvline(begin.max_latency * 1e3, color=DARK, linestyle="--", linewidth=0.8, label="budget")
    axes.set_xlabel("latency, ms")


def _generations(axes: Axes, generations: Sequence[Generation]) -> None:
    """Draw the scores of what each generation tried, and the best so far."""
    from matplotlib.ticker import MaxNLocator

    tried = [(one.number, score) for one in generations for score in one.scores]
    if tried:
        axes.plot(*zip(*tried, strict=True), ".", color=LIGHT, markersize=3, label="tried")
    axes.plot(
        [one.number for one in generations],
        [one.point.score for one in generations],
        "o-",
        color=_BEST,
        markersize=3,
        linewidth=1,
        label="best so far",
    )
    axes.set_xlabel("generation")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _errors(intervals: Sequence[Interval]) -> list[list[float]]:
    """Return how far intervals reach to both sides, in ms."""
    return [
        [(one.center - (one.center if one.lo is None else one.lo)) * 1e3 for one in intervals],
        [((one.center if one.hi is None else one.hi) - one.center) * 1e3 for one in intervals],
    ]
