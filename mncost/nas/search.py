"""Searching a network within a budget of latency: :func:`search`."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mncost.api import load
from mncost.errors import InputError, Interrupted, OutputError
from mncost.extras import require
from mncost.flags import given, none_left, taken
from mncost.limits import whole
from mncost.nas.found import Search
from mncost.nas.log import Generation, Log, Step
from mncost.nas.options import Searching, budget
from mncost.nas.running import GENERATIONS, POPULATION, ROUND, Running, Searched, Seen, or_default
from mncost.nas.score import Function, score_of
from mncost.network import Network, network_of
from mncost.place import OnePlace
from mncost.predict.predictor import Predictor
from mncost.predict.profile import predictor_of
from mncost.space.space import Space, read_space
from mncost.spec.axis import size_of_image
from mncost.spec.resolve import resolve

if TYPE_CHECKING:
    from mncost.measure.engine import Progress

__all__ = ["is_space", "search"]

SECONDS = 20.0
MEASURED = 5  # networks that are found, at most: each corrects the predictions
_MOST_STEPS, _MOST_POPULATION = 100_000, 100_000
_MOST_SEED = 1 << 32  # of numpy
_OF_STEPS = ("step", "round")
_OF_GENERATIONS = ("population", "generations")


def search(  # noqa: PLR0913 - what the options of mncost search are
    of: Network | Space | str | Path,
    max_latency: str | float,
    *,
    score: str | Function | None = None,
    searching: Searching = Searching(),  # noqa: B008 - it is frozen
    place: OnePlace = OnePlace(),  # noqa: B008 - it is frozen
    precision: str = "fp32",
    predictor: Predictor | None = None,
    measure: bool = True,
    max_time: float | None = None,
    name: str | None = None,
    log: Path | str | None = None,
    resume: Path | str | None = None,
    progress: Callable[[Seen], None] = lambda seen: None,
    watch: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> Search:
    """Search a network whose latency is within a budget, with the largest score.

    Of a network NetAdapt makes it narrower step by step; over a design space an evolutionary search
    tries networks. Latencies are predicted from this machine's profile; the first network is
    measured, which corrects the predictions, and so is the one that was found. If that is above the
    budget, the search goes on, up to five times. If it is within, networks of earlier steps may fit
    by what was measured: up to three are measured too. Nothing is trained, unless ``score`` does.

    Args:
        of: a network, or its name; a design space, or its file.
        max_latency: of one call: ``"5ms"``, or seconds. The whole interval is within it.
        score: a function from a :class:`mncost.Network` to a number, the larger the better, or
            where it is: ``"my.py:score"``. By default the share of MACs that is kept.
        searching: how it goes.
        place: the runtime and its threads.
        precision: ``"fp32"`` or ``"int8"``: of the profile.
        predictor: predicts latencies; by default from the profile of the place.
        measure: whether the first network and what was found are measured.
        max_time: seconds to measure at most, each time; by default 20.
        name: of the network that is found; by default the first one's with ``-found``.
        log: a file of JSON lines for every step.
        resume: the log of the same search, which goes on.
        progress: is told after each step or generation.
        watch: called with the progress of measuring.
        options: the fields of ``searching`` and ``place``: ``seed=1``.

    Raises:
        InputError: an argument cannot be used, there is no profile, or no network is within the
            budget.
        OutputError: the log cannot be written; ``known`` has what was found by then.
        Interrupted: the search was interrupted; the log has the steps so far, and ``known`` what
            was found by then. Before the first step, it is a plain KeyboardInterrupt.
    """
    require("bench")
    searching, place = taken(searching, options), taken(place, options)
    none_left("search", options)
    if not measure and max_time is not None:
        raise InputError("--max-time does not go with --no-measure: nothing is measured")
    most = budget("--max-latency", max_latency)
    if predictor is None:
        predictor = predictor_of(place, precision)
    what = _searched(of, precision)
    _check(searching, what.space)
    scored = score_of(score or searching.score, what.first.macs, searching.seed or 0)
    made = Running(what, predictor, scored, most, searching, name)
    if resume is not None:
        if log is not None:
            raise InputError(
                "log and resume exclude each other: a resumed search goes on in its own log"
            )
        made.resume(Log.read(Path(resume)))
    else:
        made.begin(Log(None if log is None else Path(log)))
    try:
        if measure:
            _in_turns(made, progress, lambda: _measure(made, max_time, watch))
        else:
            made.run(progress)
    except OutputError as error:
        error.known = _so_far(made)
        raise
    except KeyboardInterrupt as error:
        if (known := _so_far(made)) is None:
            raise
        raise Interrupted(str(error), known) from None
    return made.result()


def _in_turns(made: Running, progress: Callable[[Seen], None], measure: Callable[[], None]) -> None:
    """Search and measure, until a network is measured within the budget; then try wider ones."""
    for _ in range(MEASURED + 1):
        if not made.is_new and (made.what.space is not None or not made.fitting):
            made.run(progress)
        if not made.is_measured:
            measure()
        if made.is_done:
            break
    while (number := made.wider()) is not None:
        made.go_back(number)
        measure()
    made.settle()


def is_space(path: Path) -> bool:
    """Whether a file is a design space: it names an architecture, and has no rows of its own."""
    from mncost.toml import load_toml, read_limited

    if path.suffix != ".toml":
        return False
    try:
        raw = load_toml(read_limited(path), "file")
    except (ValueError, InputError):
        return False  # what reads architectures says what is wrong
    return "arch" in raw and "rows" not in raw


def _searched(of: Network | Space | str | Path, precision: str) -> Searched:
    from mncost.cost.memory import as_precision

    kind = as_precision(precision)
    if isinstance(of, str | Path) and is_space(Path(of)):
        of = read_space(of)
    if isinstance(of, Space):
        return Searched(_standing(of, kind), of)
    network = of if isinstance(of, Network) else load(str(of), precision=kind)
    return Searched(network, None)


def _standing(space: Space, precision: Any) -> Network:
    """Return the architecture of a space as it stands, at its largest α and resolution."""
    design = space.design
    alphas, sizes = (axis.values for axis in design.axes[:2])
    architecture = resolve(
        design.spec,
        max(alphas),
        classes=design.classes,
        in_channels=design.in_channels,
        output_stride=design.output_stride,
    )
    largest = max(sizes, key=lambda size: prod(size_of_image(size)))
    return network_of(replace(architecture, dialect=design.dialect), largest, precision)


def _check(searching: Searching, space: Space | None) -> None:
    """Refuse options of the other kind of search, and values that are out of range."""
    others = _OF_STEPS if space is not None else _OF_GENERATIONS
    for name in others:
        if name in given(searching):
            what = "a network" if space is not None else "a design space"
            raise InputError(f"--{name} is only for the search of {what}")
    whole("--round", or_default(searching.round, ROUND), 1024)
    whole("--population", or_default(searching.population, POPULATION), _MOST_POPULATION)
    whole("--generations", or_default(searching.generations, GENERATIONS), _MOST_STEPS)
    if searching.step is not None and not 0 < searching.step < 1:
        raise InputError(f"--step {searching.step:g}: accepted is more than 0 and less than 100 %")
    if searching.seed is not None and not 0 <= searching.seed < _MOST_SEED:
        raise InputError(f"--seed {searching.seed}: accepted is 0 or more, below {_MOST_SEED:,}")


def _so_far(made: Running) -> Search | None:
    """Return what was found so far; ``None``: no step or generation is done."""
    if not any(isinstance(one, Step | Generation) for one in made.log.records):
        return None
    try:
        return made.result()
    except InputError:  # nothing that was tried is within the budget
        return None


def _measure(made: Running, max_time: float | None, watch: Callable[[Progress], None]) -> None:
    """Measure what is found so far beside the first network."""
    from mncost.results.bench import measure_networks

    first, (found, _) = made.what.first, made.found()
    networks = [first] if made.is_new else [first, found]
    place = made.predictor.calibration.place
    results = measure_networks(networks, place, max_time=max_time or SECONDS, watch=watch)
    intervals = [results.interval(cell) for cell in range(len(networks))]
    one, other = intervals[0], intervals[-1]
    if one is None or other is None:
        failures = "; ".join(one.reason for one in results.run.failures) or "too little time"
        raise InputError(f"nothing was measured ({failures}): --no-measure, or a longer --max-time")
    made.measured(other, one)
