"""The networks that fit, and what is known about those that do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, overload

from mncost.choose.limits import Rule, costs, fitting
from mncost.published.accuracy import Candidate, is_near_tie

if TYPE_CHECKING:
    from mncost.choose.latency import Timed
    from mncost.choose.measured import Latencies
    from mncost.interval import Interval
    from mncost.network import Network
    from mncost.published.figures import Figure

__all__ = ["Fitting", "Picked"]


class Picked(NamedTuple):
    """A network that fits.

    Attributes:
        rank: 1 is the most accurate.
        candidate: with all that is published about its accuracy.
        is_near_tie: whether its accuracy and that of the first are too close to be told apart.
        latency: ns, with the interval that it passed by; ``None`` without a limit on latency.
    """

    rank: int
    candidate: Candidate
    is_near_tie: bool
    latency: Interval | None = None

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


class Fitting(Sequence[Picked]):
    """The networks that fit, the most accurate first; nothing fits: it is empty, and false.

    Attributes:
        known: how many are known to fit; at most ``top`` of them are in the sequence.
        considered: how many published networks there were.
        near_ties: those that fit and are as accurate as the first, as far as 50,000 images tell.
        without: what each limit costs, as far as that is known. Candidates that are measured for
            this are first of all those that keep to the limits; what the limits cost is found out
            if there is time left.
        latencies: what was measured; ``None`` without a limit on latency.
    """

    def __init__(
        self,
        found: Sequence[Candidate],
        limits: Mapping[str, Rule],
        latencies: Latencies | None = None,
        top: int | None = None,
    ) -> None:
        """Rank the candidates that keep to the limits.

        Args:
            found: all candidates, the most accurate first.
            limits: the rules, by their names.
            latencies: what was measured.
            top: how many are in the sequence at most.
        """
        fit = fitting(found, limits)
        timed = latencies.timed if latencies else ()
        intervals = {id(one.candidate): one.interval for one in timed}
        ranked = [
            Picked(rank, one, rank > 1 and is_near_tie(one, fit[0]), intervals.get(id(one)))
            for rank, one in enumerate(fit, 1)
        ]
        is_searched = latencies is not None and latencies.origin is None
        self.known = len(fit)
        self.considered = len(found)
        self.near_ties = [one for one in ranked if one.is_near_tie]
        unsure = latencies.unpriced if latencies else ()
        self.without = costs(found, limits, limits, is_counted=not is_searched, unsure=unsure)
        self.latencies = latencies
        self._picked = tuple(ranked[:top])

    @property
    def undecided(self) -> Sequence[Timed]:
        """Those that may fit, and were measured, but the limit lies within their intervals."""
        return self.latencies.undecided if self.latencies else ()

    @property
    def not_measured(self) -> Sequence[Candidate]:
        """Those that may fit, but the time was over, or they are not in the run."""
        return self.latencies.not_measured if self.latencies else ()

    @property
    def is_inconclusive(self) -> bool:
        """Whether nothing is known to fit, but more measuring could find something."""
        return not self and self.latencies is not None and self.latencies.is_undecided

    def __len__(self) -> int:
        """Return the number of networks."""
        return len(self._picked)

    def __iter__(self) -> Iterator[Picked]:
        """Iterate over the networks, the most accurate first."""
        return iter(self._picked)

    @overload
    def __getitem__(self, index: int) -> Picked: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Picked]: ...
    def __getitem__(self, index: int | slice) -> Picked | Sequence[Picked]:
        """Return one network, or several."""
        return self._picked[index]
