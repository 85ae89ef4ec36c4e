"""The Python face of choosing: :func:`pick`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mncost.choose.limits import Limits, Rule, Spelling, fitting, rules
from mncost.choose.picked import Pick
from mncost.choose.timing import Timing
from mncost.errors import InputError, Interrupted, MeasureError
from mncost.flags import none_left, taken
from mncost.limits import percentage, seconds, time, whole
from mncost.published.accuracy import Candidate, candidates, candidates_of
from mncost.published.accuracy import with_weights as with_weights_to_load

if TYPE_CHECKING:
    from mncost.choose.latency import Latencies, LatencyLimit
    from mncost.cost.memory import Precision
    from mncost.measure.engine import Progress
    from mncost.network import Network
    from mncost.spec.axis import Numbers

__all__ = ["SHOWN", "choose", "pick"]

SHOWN = 10  # that are printed, unless another number is asked for
MEASURED = 3  # that are looked for by measuring, unless another number is asked for
_MOST = 1_000_000
_SURE = 0.99  # of the intervals that rule a network out without measuring it
_IN_MEMORY = "the run"


def pick(  # noqa: PLR0913  one keyword for each option of the command
    arch: str | Network | Sequence[Network] | Sequence[str] = "all",
    alpha: Numbers | None = None,
    resolution: Numbers | None = None,
    *,
    rho: Numbers | None = None,
    dialect: str | None = None,
    precision: Precision = "fp32",
    with_weights: bool = False,
    top: int | None = None,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    timing: Timing = Timing(),  # noqa: B008 - it is frozen
    **options: Any,
) -> Pick:
    """Return the most accurate published networks within limits.

    Args:
        arch: built-in architectures, by default everything that is published; or networks.
        alpha: only these width multipliers, in the grammar of :func:`mncost.grid`.
        resolution: only these, in pixels.
        rho: only these, as ratios to the native resolution.
        dialect: only networks of this dialect.
        precision: of the network, and of what is measured; networks have their own.
        with_weights: only networks with weights that can be loaded by name, ranked by the accuracy
            of these.
        top: how many to return at most; by default all, or 3 if they are measured.
        limits: on what is counted or published: ``max_macs="150M"``, ``max_params``,
            ``max_size="10MB"`` of the weights, ``max_memory`` of the weights and the peak of one
            image's activations, ``min_top1`` in %. Numbers are counts, bytes and %.
        timing: ``max_latency="8ms"`` of one call with one image, which passes by its whole
            interval; ``percentile``, by default the median; ``runtime`` and ``threads``; a ``run``
            or its file, or ``max_time`` (60 s) to measure now and ``save`` for the run file; which
            ``clock``, as for :func:`mncost.bench`; ``predicted``: do not measure what the
            profile of ``mncost calibrate`` rules out.
        options: the fields of ``limits`` and ``timing``.

    Raises:
        InputError: an argument cannot be used; the message says what would be accepted.
    """
    limits, timing = taken(limits, options), taken(timing, options)
    none_left("pick", options)
    from mncost.network import Network

    given = [arch] if isinstance(arch, str | Network) else [*arch]
    names = [one for one in given if isinstance(one, str)]
    if names and len(names) == len(given):
        published = candidates(
            ",".join(names), alpha, resolution, rho=rho, dialect=dialect, precision=precision
        )
        return choose(_loadable(published, with_weights), limits, timing, top=top)
    described = {"alpha": alpha, "resolution": resolution, "rho": rho, "dialect": dialect}
    for name, value in described.items():
        if value is not None:
            raise InputError(f"{name}: networks in hand have theirs already")
    networks = [one for one in given if isinstance(one, Network)]
    if names:
        raise InputError("accepted are names of architectures, or networks of mncost.load")
    published, notes = candidates_of(networks)
    return choose(_loadable(published, with_weights), limits, timing, top=top, notes=notes)


def _loadable(published: Sequence[Candidate], wanted: bool) -> Sequence[Candidate]:
    return with_weights_to_load(published) if wanted else published


def choose(
    published: Sequence[Candidate],
    limits: Limits,
    timing: Timing,
    *,
    top: int | None = None,
    notes: Sequence[str] = (),
    watch: Callable[[Progress], None] = lambda progress: None,
    spelled: Spelling = str,
) -> Pick:
    """Return the candidates within limits.

    Args:
        published: the candidates, the most accurate first.
        limits: on what is counted or published.
        timing: the limit on latency.
        top: as for :func:`pick`.
        notes: of the result.
        watch: called with the progress of measuring.
        spelled: how messages write the names of limits and of ``timing``.

    Raises:
        InputError: something cannot be used.
        Interrupted: measuring was interrupted; its ``known`` has what is known to fit by then.
    """
    keeps = rules(limits, spelled)
    timing.check(spelled)
    if top is not None:
        whole(spelled("top"), top, _MOST)
    latencies = None
    if timing.max_latency is not None:
        if timing.run is None and top is None:
            top = MEASURED
        latencies = _latencies(published, keeps, timing, top or MEASURED, watch, spelled)
    picked = Pick(published, keeps, latencies, top, notes)
    picked.spelled = spelled
    if latencies is not None and latencies.is_interrupted:
        raise Interrupted("not all that may fit was measured", picked)
    return picked


def _latencies(
    published: Sequence[Candidate],
    keeps: Mapping[str, Rule],
    timing: Timing,
    wanted: int,
    watch: Callable[[Progress], None],
    spelled: Spelling,
) -> Latencies:
    """Look into a run, or measure as few candidates as it takes."""
    from mncost.choose.latency import Latencies

    limit = _limit(timing, spelled)
    fit = fitting(published, keeps)
    if timing.run is not None:
        return _in_run(fit, timing, limit)
    max_time = seconds(spelled("max_time"), timing.max_time)
    if not fit:
        return Latencies(limit, None, [])
    from mncost.choose.search import SECONDS, search
    from mncost.measure.saving import saving

    hopeless = _ruled_out(fit, timing, limit) if timing.predicted else []
    asked, fit = fit, [one for one in fit if one not in hopeless]
    if not fit:
        return Latencies(limit, None, asked, too_slow=hopeless, wanted=wanted)
    most = SECONDS if max_time is None else max_time
    with saving(timing.save) as save:
        latencies = search(
            fit, limit, wanted, max_time=most, clock=timing.clock, watch=watch, save=save
        )
    unsaved = None if save.problem is None else f"{save.problem}; the run is not saved"
    too_slow = [*latencies.too_slow, *hopeless]
    return latencies._replace(asked=asked, too_slow=too_slow, unsaved=unsaved)


def _ruled_out(
    candidates: Sequence[Candidate], timing: Timing, limit: LatencyLimit
) -> list[Candidate]:
    """Return those whose whole predicted interval is above the limit.

    Raises:
        MeasureError: this machine has no profile there.
    """
    from mncost.place import OnePlace
    from mncost.predict.profile import predictor_of

    place = OnePlace(timing.runtime, timing.threads, timing.host, timing.hosts)
    predictor = predictor_of(place, candidates[0].network.precision)
    made = predictor.predict([one.network for one in candidates], level=_SURE)
    return [
        one
        for one, prediction in zip(candidates, made, strict=True)
        if (prediction.latency.lo or 0.0) > limit.most
    ]


def _limit(timing: Timing, spelled: Spelling) -> LatencyLimit:
    from mncost.choose.latency import LatencyLimit
    from mncost.measure.runtime_names import MAX_THREADS

    most = time(spelled("max_latency"), timing.max_latency)
    if timing.threads is not None:
        whole(spelled("threads"), timing.threads, MAX_THREADS)
    percent = 50.0
    if timing.percentile is not None:
        percent = percentage(spelled("percentile"), timing.percentile)
    return LatencyLimit(most, percent, timing)


def _in_run(fit: Sequence[Candidate], timing: Timing, limit: LatencyLimit) -> Latencies:
    """Look latencies up in a run that was given."""
    from msgspec.structs import replace

    from mncost.choose.latency import Latencies, timed
    from mncost.clock import check_clock
    from mncost.measure.cell import HERE
    from mncost.measure.machine import machine, machine_differences
    from mncost.measure.run_file import read_run
    from mncost.results.results import Results

    given = timing.run
    assert given is not None
    if isinstance(given, str | Path):
        origin, run = str(given), read_run(Path(given))
    else:
        origin, run = _IN_MEMORY, given.run
    if timing.clock is not None:
        threads = [limit.place.threads or 1, *(cell.place.threads for cell in run.cells)]
        clock = check_clock(timing.clock, threads[: 1 if limit.place.threads else None])
        run = replace(run, options=replace(run.options, clock=clock))
    results = Results(run)
    try:
        measured = timed(results, fit, limit)
    except MeasureError as error:
        raise InputError(f"{origin}: {error}") from None
    is_here = timing.host in (None, HERE)
    differences = machine_differences(results.run.machine, machine()) if is_here else []
    return Latencies(limit, results, fit, measured, origin=origin, differences=differences)
