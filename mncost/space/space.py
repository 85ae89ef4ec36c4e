"""A design space: an architecture, and all networks that its choices lead to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mncost.cost.memory import InPlace, Precision
from mncost.extras import require
from mncost.space.counting import Counter
from mncost.space.file import design_of, read_design
from mncost.space.networks import Networks
from mncost.space.segments import METRICS, Metric

if TYPE_CHECKING:
    from mncost.predict.predictor import Predictor
    from mncost.space.goals import Goal
    from mncost.space.survey import Survey

__all__ = ["Space", "read_space"]


class Space(Networks):
    """A design space. Use :func:`read_space`, or :meth:`of`."""

    @classmethod
    def of(cls, **keys: Any) -> Space:
        """Return the space that a file with these keys and values describes.

        Raises:
            InputError: it describes none.
        """
        return cls(design_of(keys, "space"))

    def __repr__(self) -> str:
        """Say how many networks there are."""
        return f"<mncost.Space of {self.size:,} networks from {self.design.spec.name}>"

    def counter(
        self,
        metrics: Sequence[Metric] = METRICS,
        precision: Precision = "fp32",
        in_place: InPlace = "none",
        predictor: Predictor | None = None,
    ) -> Counter:
        """Return what counts networks by arrays of their numbers. Needs numpy.

        Args:
            metrics: what is counted.
            precision: what bytes are counted for.
            in_place: what writes over its input.
            predictor: predicts latencies too.

        Raises:
            InputError: numpy is not installed, or the architecture cannot be built.
        """
        require("space")
        return Counter(self.design, metrics, precision, in_place, predictor)

    def survey(
        self, goals: str | Sequence[Goal] = (), *, sample: int | None = None, **options: Any
    ) -> Survey:
        """Count networks and keep those within limits, or those on the Pareto front.

        Args:
            goals: of the front, e.g. ``"macs:max,params"``; without them all are kept.
            sample: how many networks are counted, drawn at random; ``None`` is all.
            options: those of :func:`mncost.space.survey.survey`.

        Raises:
            InputError: an option cannot be used.
        """
        from mncost.space.survey import survey

        return survey(self, goals, sample=sample, **options)


def read_space(path: str | Path) -> Space:
    """Read a design-space file.

    Raises:
        InputError: it cannot be used; the message says what would be accepted.
    """
    return Space(read_design(Path(path)))
