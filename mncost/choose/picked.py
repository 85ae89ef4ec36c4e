"""The networks that fit, and what is known about those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mncost.choose.limits import Rule, Spelling, costs, fitting
from mncost.published.accuracy import Candidate, is_near_tie
from mncost.render.shown import ShownSequence

if TYPE_CHECKING:
    from mncost.choose.latency import Latencies, Timed
    from mncost.interval import Interval
    from mncost.network import Network
    from mncost.published.figures import Figure
    from mncost.results.results import Results

__all__ = ["Pick", "Picked"]

_LATENCY = "max_latency"


class Picked(NamedTuple):
    """A network that fits.

    Attributes:
        rank: 1 is the most accurate.
        candidate: with all that is published about its accuracy.
        is_near_tie: whether its accuracy and that of the first are too close to be told apart.
        latency: seconds, with the interval that it passed by; ``None`` without a limit on latency.
        runtime: where it passed; the fastest, if there were several.
    """

    rank: int
    candidate: Candidate
    is_near_tie: bool
    latency: Interval | None = None
    runtime: str | None = None

    @property
    def network(self) -> Network:
        """The network itself, with its counts."""
        return self.candidate.network

    @property
    def name(self) -> str:
        """What it is called: ``v2 (timm) α 0.75 at 160 px``."""
        return self.candidate.name

    @property
    def top1(self) -> float:
        """ImageNet top-1 accuracy in %: the highest that is published."""
        return self.candidate.top1

    @property
    def figure(self) -> Figure:
        """The published row of that accuracy."""
        return self.candidate.figure

    @property
    def source(self) -> str:
        """Who published it."""
        return self.candidate.figure.source


class Pick(ShownSequence[Picked]):
    """What :func:`mncost.pick` returns: the networks that fit, the most accurate first.

    If nothing fits, it is empty, and false.

    Attributes:
        top: how many are in the sequence at most; ``None``: all that fit.
        known: how many are known to fit.
        considered: how many published networks there were.
        near_ties: those that fit and are as accurate as the first, as far as 50,000 images tell.
        without: what each limit costs. Beside a limit on latency, only what that one costs: what
            the others cost would take measuring networks that are not wanted.
        latencies: what was measured; ``None`` without a limit on latency.
        notes: what else there is to say, e.g. which networks have no published accuracy.
        spelled: how the table writes the names of limits.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        limits: Mapping[str, Rule],
        latencies: Latencies | None = None,
        top: int | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Rank the candidates within the limits.

        Args:
            candidates: all of them, the most accurate first.
            limits: the rules of exact limits, by their names.
            latencies: what was measured.
            top: how many are in the sequence at most.
            notes: what else there is to say.
        """
        keeps = {**limits, _LATENCY: latencies.rule()} if latencies else limits
        fit = fitting(candidates, keeps)
        timed = latencies.timed if latencies else ()
        measured = {id(one.candidate): (one.interval, one.place.runtime) for one in timed}
        ranked = [
            Picked(rank, one, rank > 1 and is_near_tie(one, fit[0]), *measured.get(id(one), ()))
            for rank, one in enumerate(fit, 1)
        ]
        self.top = top
        self.known = len(fit)
        self.considered = len(candidates)
        self.near_ties = [one for one in ranked if one.is_near_tie]
        self.without = costs(candidates, keeps, [_LATENCY] if latencies else limits)
        self.latencies = latencies
        self.notes = tuple(notes)
        self.spelled: Spelling = str
        super().__init__(ranked[:top])
        if latencies is not None:  # not all were measured
            self.without = [one._replace(more=None) for one in self.without]

    @property
    def undecided(self) -> Sequence[Timed]:
        """Networks that were measured and may fit: the limit lies within their intervals."""
        return self.latencies.undecided if self.latencies else ()

    @property
    def not_measured(self) -> Sequence[Candidate]:
        """Networks that may fit and were not measured."""
        return self.latencies.not_measured if self.latencies else ()

    @property
    def unsaved(self) -> str | None:
        """Why the run could not be saved, if it was to be."""
        return self.latencies.unsaved if self.latencies else None

    @property
    def is_inconclusive(self) -> bool:
        """Whether nothing is known to fit, but more measuring could find something."""
        return not self and self.latencies is not None and self.latencies.is_undecided

    @property
    def run(self) -> Results | None:
        """The run that was measured, or that latencies were looked up in; ``None``: there is none.

        It can be saved, and picked from with other limits.
        """
        return None if self.latencies is None else self.latencies.results

    def __repr__(self) -> str:
        """Return what ``mncost pick`` prints: networks, what limits cost, sources."""
        return str(self)
