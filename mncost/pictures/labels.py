"""Words beside points, where there is room for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

__all__ = ["Labels", "Side"]

_MARK, _LINE = 3.0, 0.5  # what a mark and a line keep free on each side, in points


class Side(NamedTuple):
    """Where words stand beside their point: how far away, in points, and which end is there."""

    dx: float
    dy: float
    ha: str
    va: str


class Labels:
    """Words in one picture. They stand on nothing, not on each other, and within the axes."""

    def __init__(
        self,
        axes: Axes,
        marks: Iterable[tuple[float, float]],
        lines: Iterable[Sequence[tuple[float, float]]] = (),
    ) -> None:
        """Begin, once everything else is drawn.

        Args:
            axes: where.
            marks: points that must stay visible, in the units of the axes.
            lines: corners of lines that must, likewise; taken to be level, upright or short from
                one corner to the next.
        """
        axes.figure.draw_without_rendering()  # type: ignore[union-attr]  # decides the limits
        self._axes = axes
        self._inside: Bbox = axes.get_window_extent()
        self._taken = [self._box([mark], _MARK) for mark in marks]
        for line in lines:
            self._taken += [self._box(ends, _LINE) for ends in pairwise(line)]

    def add(
        self, text: str, point: tuple[float, float], sides: Sequence[Side], **style: Any
    ) -> Annotation | None:
        """Write words at the first side of a point that is free; return ``None`` if none is."""
        for side in sides:
            written = self._axes.annotate(
                text,
                point,
                xytext=(side.dx, side.dy),
                textcoords="offset points",
                ha=side.ha,
                va=side.va,
                **style,
            )
            box = written.get_window_extent()
            if self._is_free(box):
                self._taken.append(box)
                return written
            written.remove()
        return None

    def _box(self, corners: Sequence[tuple[float, float]], points: float) -> Bbox:
        """Return what corners need in pixels, with this many points around them."""
        from matplotlib.transforms import Bbox

        around = points * self._axes.figure.dpi / 72
        places = self._axes.transData.transform(list(corners))
        return Bbox([places.min(axis=0) - around, places.max(axis=0) + around])

    def _is_free(self, box: Bbox) -> bool:
        inside = self._inside
        return (
            inside.x0 <= box.x0
            and box.x1 <= inside.x1
            and inside.y0 <= box.y0
            and box.y1 <= inside.y1
            and not any(box.overlaps(taken) for taken in self._taken)
        )
