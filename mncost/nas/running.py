"""A search that goes on: its state, and its log."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from mncost.errors import InputError
from mncost.interval import Interval
from mncost.measure.cells import digest
from mncost.nas.back import Tried, may_fit
from mncost.nas.clock import Clock, Correction
from mncost.nas.evolution import Evolution
from mncost.nas.found import Search
from mncost.nas.log import Back, Begin, Generation, Log, Measured, Point, Step
from mncost.nas.netadapt import NetAdapt
from mncost.nas.options import Searching
from mncost.nas.score import Score
from mncost.network import Network, network_of
from mncost.predict.predictor import Predictor
from mncost.space.space import Space
from mncost.spec.resolved import resolved_file

__all__ = [
    "GENERATIONS",
    "POPULATION",
    "ROUND",
    "STEP",
    "Running",
    "Searched",
    "Seen",
    "or_default",
]

STEP, ROUND, POPULATION, GENERATIONS = 0.01, 8, 64, 30
GONE_BACK = 3  # networks of earlier steps that are measured, at most


class Seen(NamedTuple):
    """How far a search is.

    Attributes:
        done: steps or generations.
        total: generations; ``None`` of NetAdapt.
        point: the network of now, or the best one.
    """

    done: int
    total: int | None
    point: Point


class Searched(NamedTuple):
    """What is searched: a network, or a design space and its architecture as it stands."""

    first: Network
    space: Space | None


class Running:
    """One search: its state, and its log."""

    def __init__(
        self,
        what: Searched,
        predictor: Predictor,
        score: Score,
        most: float,
        searching: Searching,
        name: str | None,
    ) -> None:
        self.what, self.score, self.most = what, score, most
        self.predictor, self.searching = predictor, searching
        self.name = name or f"{what.first.arch}-found"
        self.seed = searching.seed or 0
        self.state: NetAdapt | Evolution
        self._measured: tuple[int, Interval] | None = None  # of what number, and its latency
        self._seen: dict[int, Measured] = {}  # all that was measured
        if what.space is None:
            clock = Clock(predictor, what.first, what.first.arch)
            step = or_default(searching.round, ROUND)
            self.state = NetAdapt(what.first, clock, score, round=step, name=self.name)
            self.start = self.state.point
        else:
            self.state = Evolution(
                what.space,
                predictor,
                score,
                budget=most,
                population=or_default(searching.population, POPULATION),
                seed=self.seed,
                precision=what.first.precision,
            )
            first, timer = what.first, self.state.counter.timer
            family = None if timer is None else timer.family
            self.start = Clock(predictor, first, family).point(first, score(first))

    @property
    def heading(self) -> Begin:
        """What the log begins with."""
        space, first, searching = self.what.space, self.what.first, self.searching
        settings: dict[str, float] = {"seed": float(self.seed)}
        if space is None:
            settings |= {
                "step": STEP if searching.step is None else searching.step,
                "round": float(or_default(searching.round, ROUND)),
            }
            of, known = first.arch, digest(first.graph, first.inputs, first.source)
        else:
            settings["population"] = float(or_default(searching.population, POPULATION))
            of = Path(space.design.origin).name
            nameless = space.design._replace(origin="")  # the path, as it was typed
            known = sha256(repr(nameless).encode()).hexdigest()
        calibration = self.predictor.calibration
        return Begin(
            method="netadapt" if space is None else "evolution",
            of=of,
            digest=known,
            place=calibration.place.words(),
            calibration=sha256(msgspec.json.encode(calibration)).hexdigest(),
            max_latency=self.most,
            score=self.score.name,
            settings=settings,
            start=self.start,
        )

    def begin(self, log: Log) -> None:
        """Begin a log."""
        self.log = log
        log.append(self.heading)

    def resume(self, log: Log) -> None:
        """Go on where a log ends.

        Raises:
            InputError: it is of another search.
        """
        ours, its = self.heading, log.begin
        for name in ("method", "of", "digest", "place", "max_latency", "score", "settings"):
            one, other = getattr(ours, name), getattr(its, name)
            if one != other:
                raise InputError(
                    f"{log.path}: the log of another search: {name.replace('_', ' ')} {other}, "
                    f"and this is {one}"
                )
        if ours.calibration != its.calibration:
            raise InputError(
                f"{log.path}: the profile was measured again since then: start a new search"
            )
        self.log = Log(log.path, log.records[:1])
        for record in log.records[1:]:
            if isinstance(record, Measured):
                self._correct(record)
            elif isinstance(record, Back):
                assert isinstance(self.state, NetAdapt)  # as the log was checked
                self.state.back(record.number)
            else:
                self._measured = None
                self.state.take(record)  # type: ignore[arg-type]
            self.log.records.append(record)
        self.log.rewrite()

    def run(self, progress: Callable[[Seen], None]) -> None:
        """Search until the predicted latency is within the budget, or all generations are done."""
        if self.log.gone_back is not None:
            return
        if isinstance(self.state, NetAdapt):
            self._steps(self.state, progress)
        else:
            self._generations(self.state, progress)

    def _steps(self, state: NetAdapt, progress: Callable[[Seen], None]) -> None:
        step, start = self.log.begin.settings["step"], state.start
        done = sum(isinstance(one, Step) for one in self.log.records)
        while (high := state.high) > self.most:
            # The last step saves no more than is needed.
            goal = self.most * state.point.latency / high
            least = min(step * start, state.point.latency - goal)
            done += 1
            self.log.append(state.step(done, least))
            progress(Seen(done, None, state.point))

    def _generations(self, state: Evolution, progress: Callable[[Seen], None]) -> None:
        done = sum(isinstance(one, Generation) for one in self.log.records)
        total = or_default(self.searching.generations, GENERATIONS)
        while done < total:
            done += 1
            made = state.next(done)
            if made is None:
                return
            self._measured = None  # what is found may be another one now
            self.log.append(made)
            progress(Seen(done, total, made.point))

    @property
    def _number(self) -> int:
        """What is found so far: the number of steps, or of the network; -1: nothing was tried."""
        if isinstance(self.state, NetAdapt):
            return self.state.number
        fitting, scores = self.fitting, self.state.scores
        if self._measured is not None and self._measured[0] in fitting:
            return self._measured[0]
        best = self.state.best()
        # What fits as measured does so whatever is predicted of it since then.
        known = fitting if best is None else [*fitting, best]
        return min(known, key=lambda one: (-scores[one], one), default=-1)

    @property
    def is_new(self) -> bool:
        """Whether nothing was searched yet."""
        return len(self.log.records) == 1

    @property
    def is_measured(self) -> bool:
        """Whether what is found so far was measured."""
        return self._measured is not None and self._measured[0] == self._number

    @property
    def is_done(self) -> bool:
        """Whether a network was measured within the budget: over a space, the one that is found."""
        has_way_back = isinstance(self.state, NetAdapt)
        return bool(self.fitting) and (has_way_back or self.is_measured)

    @property
    def fitting(self) -> list[int]:
        """The numbers of those that were measured within the budget, the widest network first."""
        return sorted(n for n, one in self._seen.items() if self._fits(one) and n >= 0)

    def wider(self) -> int | None:
        """Return an earlier step whose network may fit by what was measured; ``None``: none may."""
        gone_back = sum(isinstance(one, Back) for one in self.log.records)
        state = self.state
        if not self.fitting or gone_back >= GONE_BACK or not isinstance(state, NetAdapt):
            return None
        good = self.fitting[0]
        others = [number for number, one in self._seen.items() if not self._fits(one)]
        predicted = [state.seconds(number) for number in range(good + 1)]
        fits, *above = (
            Tried(Interval(*self._seen[number].found), predicted[number])
            for number in (good, *[number for number in others if number < good][-1:])
        )
        new = [number for number in range(good) if number not in self._seen]
        return may_fit(new, predicted, fits, above, self.most)

    def go_back(self, number: int) -> None:
        """Go back to an earlier step, or forth again."""
        assert isinstance(self.state, NetAdapt)
        self.state.back(number)
        self.log.append(Back(number=number))

    def settle(self) -> None:
        """Go to the widest network that fits, if one does, and another was measured last."""
        if isinstance(self.state, NetAdapt) and self.fitting and self.fitting[0] != self._number:
            self.go_back(self.fitting[0])
            known = self._seen[self._number]
            self._correct(known)
            self.log.append(known)

    def _fits(self, measured: Measured) -> bool:
        high = measured.found[2]
        return high is not None and high <= self.most

    def found(self) -> tuple[Network, Point]:
        """Return the network that is found so far, and what is known of it.

        Raises:
            InputError: no network of the space is within the budget.
        """
        state = self.state
        if isinstance(state, NetAdapt):
            return state.now.network, state.point
        if not state.scores:
            return self.what.first, self.start
        number = self._number
        if number < 0:
            raise InputError(
                f"{state.space.design.origin}: as measured, no network that was tried is within "
                "the budget: accepted is a longer --max-latency, or more --generations"
            )
        return state.network(number), state.point(number)

    def measured(self, found: Interval, first: Interval) -> None:
        """Enter what was measured; it corrects the predictions."""
        bounds = [(one.center, one.lo, one.hi) for one in (found, first)]
        made = Measured(found=bounds[0], first=bounds[1])
        self._correct(made)
        self.log.append(made)

    def _correct(self, measured: Measured) -> None:
        found = Interval(*measured.found)
        number = self._number
        self._measured = number, found
        self._seen.pop(number, None)
        self._seen[number] = measured
        _, point = self.found()
        before = self.state.clock if isinstance(self.state, NetAdapt) else self.state
        before.correction = Correction.of(found, point.latency / before.correction.factor)
        if isinstance(self.state, NetAdapt):
            self.state.corrected()

    def result(self) -> Search:
        """Return what was found."""
        network, point = self.found()
        comment = f"Found by mncost search in {self.log.begin.of}; score: {self.score.name}."
        if isinstance(self.state, NetAdapt):
            file = self.state.file(comment)
        else:
            assert network.architecture is not None
            assert network.resolution is not None
            named = msgspec.structs.replace(network.architecture, name=self.name)
            network = network_of(named, network.resolution, network.precision)
            file = f"# {comment}\n{resolved_file(named, network.resolution or 1)}"
        notes = []
        if self.score.is_default:
            notes.append("score: the share of MACs that is kept, which is no accuracy: --score")
        return Search(
            network, self.what.first, file, point, self.log, notes, is_measured=self.is_measured
        )


def or_default(value: int | None, default: int) -> int:
    """Return a value; ``None`` stands for the default."""
    return default if value is None else value
