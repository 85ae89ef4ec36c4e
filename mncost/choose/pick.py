"""The Python face of choosing: :func:`pick`, and the :class:`Pick` that it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mncost.choose.limits import Amount, Spelling, Timing, rules, whole
from mncost.choose.picked import Fitting
from mncost.published.accuracy import Candidate, candidates

if TYPE_CHECKING:
    import pandas

    from mncost.cost.memory import Precision
    from mncost.measure.bench import Measurement
    from mncost.measure.engine import Progress
    from mncost.spec.axis import Numbers

__all__ = ["SHOWN", "Pick", "choose", "pick"]

SHOWN = 10  # that are printed, unless another number is asked for
MEASURED = 3  # that are looked for by measuring, unless another number is asked for
_MOST = 1_000_000


class Pick(Fitting):
    """What :func:`pick` returns: the networks that fit, the most accurate first.

    Its attributes are those of :class:`mncost.choose.picked.Fitting`.
    """

    @property
    def run(self) -> Measurement | None:
        """The run that was measured, or that latencies were looked up in; ``None``: there is none.

        It can be saved, and picked from with other limits.
        """
        if self.latencies is None or self.latencies.run is None:
            return None
        from mncost.measure.bench import Measurement

        return Measurement(self.latencies.run)

    def to_frame(self) -> pandas.DataFrame:
        """Return one row for each network. Needs pandas."""
        from mncost.choose.columns import frame_columns
        from mncost.render.table import tabulate

        columns = frame_columns(is_measured=self.latencies is not None)
        return tabulate("pick", columns, self).to_frame()

    def __repr__(self) -> str:
        """Return what ``mncost pick`` prints: networks, what limits cost, sources."""
        from mncost.choose.tables import people_table
        from mncost.render.plain import render

        return render(people_table(self, most=SHOWN)).rstrip("\n")


def pick(  # noqa: PLR0913  one keyword for each option of the command
    arch: str = "all",
    alpha: Numbers | None = None,
    resolution: Numbers | None = None,
    *,
    rho: Numbers | None = None,
    dialect: str | None = None,
    precision: Precision = "fp32",
    max_macs: Amount | None = None,
    max_params: Amount | None = None,
    max_size: Amount | None = None,
    max_memory: Amount | None = None,
    min_top1: Amount | None = None,
    max_latency: str | None = None,
    percentile: Amount | None = None,
    runtime: str | None = None,
    threads: int | None = None,
    run: Measurement | Path | str | None = None,
    max_time: Amount | None = None,
    top: int | None = None,
    save: Path | str | None = None,
) -> Pick:
    """Return the most accurate published networks that keep within limits.

    Args:
        arch: as for :func:`mncost.grid`, and so are the next five; built-in architectures only,
            and by default everything that is published.
        alpha: only these width multipliers.
        resolution: only these, in pixels.
        rho: only these, as ratios to the native resolution.
        dialect: only networks of this dialect.
        precision: of the network, and of what is measured.
        max_macs: ``"150M"``, or a number.
        max_params: likewise.
        max_size: of the weights: ``"10MB"``, or bytes.
        max_memory: of the weights and the peak of one image's activations, likewise.
        min_top1: ImageNet top-1 accuracy in %.
        max_latency: of one call with one image: ``"8ms"``. It passes by its whole interval.
        percentile: of the latency, which is by default the median.
        runtime: where the latency is meant; by default ONNX Runtime, or that of the run.
        threads: likewise; by default 1, or those of the run.
        run: a run, or the file of one, to look latencies up in instead of measuring them.
        max_time: how long to measure at most: ``"2 min"``, or seconds; by default 60.
        top: how many to return at most; by default all, or 3 if they are measured.
        save: a run file for what is measured, written as it goes.

    Raises:
        InputError: an argument cannot be used; the message says what would be accepted.
    """
    limits = {
        "max_macs": max_macs,
        "max_params": max_params,
        "max_size": max_size,
        "max_memory": max_memory,
        "min_top1": min_top1,
    }
    timing = Timing(max_latency, percentile, runtime, threads, run, max_time, save)
    found = candidates(arch, alpha, resolution, rho=rho, dialect=dialect, precision=precision)
    return choose(found, limits, timing, top=top)


def choose(
    found: Sequence[Candidate],
    limits: Mapping[str, Amount | None],
    timing: Timing,
    *,
    top: int | None = None,
    watch: Callable[[Progress], None] | None = None,
    spelled: Spelling = str,
) -> Pick:
    """Return those of the candidates that keep within limits.

    Args:
        found: the most accurate first.
        limits: on what is counted or published, by the names of :func:`pick`.
        timing: the limit on latency.
        top: as for :func:`pick`.
        watch: is told how far the measuring is.
        spelled: how messages write the names of limits and of ``timing``.

    Raises:
        InputError: something cannot be used.
        KeyboardInterrupt: the measuring was interrupted.
    """
    keeps = rules(limits, spelled)
    timing.check(spelled)
    if top is not None:
        whole(spelled("top"), top, _MOST)
    if timing.max_latency is None:
        return Pick(found, keeps, top=top)
    from mncost.choose.measured import latencies

    if timing.run is None and top is None:
        top = MEASURED
    measured = latencies(
        found,
        keeps,
        timing,
        wanted=top or MEASURED,
        watch=watch or (lambda progress: None),
        spelled=spelled,
    )
    return Pick(found, {**keeps, "max_latency": measured.rule()}, measured, top)
