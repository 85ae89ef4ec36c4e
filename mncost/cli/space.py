"""``mncost space``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mncost.choose.limits import Limits
from mncost.cli.emit import Out, emit_bytes, emit_text, is_standard_output
from mncost.cli.options import refuse
from mncost.cli.params import Only
from mncost.cluster.address import Scheduler, check_alone
from mncost.errors import InputError
from mncost.flags import Flag, given
from mncost.limits import time
from mncost.place import OnePlace
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.space.parts import Executor
    from mncost.space.space import Space

__all__ = ["space"]

_WHICH = Only(
    without=(
        "arch",
        "alpha",
        "resolution",
        "rho",
        "dialect",
        "classes",
        "input",
        "in_channels",
        "output_stride",
        "twin",
        "strict",
    )
)
_MOST_LISTED = 100_000
_FEW = 2_000_000
SHOWN = 20
OK, FAILED = 0, 1


def space(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A design-space file.", show_default=False)
    ],
    limits: Annotated[Limits, Only(without=("min_top1",))],
    which: Annotated[Which, _WHICH],
    place: OnePlace,
    scheduler: Scheduler,
    out: Out,
    max_latency: Annotated[
        str | None,
        Flag(
            "As predicted from this machine's profile (mncost calibrate): the whole interval is "
            "within it. E.g. 5ms.",
            "TIME",
            panel="Limits",
        ),
    ] = None,
    predicted: Annotated[
        bool,
        Flag("Predict latencies, from this machine's profile.", panel="Measure"),
    ] = False,
    pareto: Annotated[
        str | None,
        Flag(
            "Only networks that no other one beats in these: macs, params, weight_bytes, "
            "peak_activation_bytes, latency (predicted), top1 (as published); the smallest is the "
            "best, macs:max the largest.",
            "METRICS",
            panel="Limits",
        ),
    ] = None,
    sample: Annotated[
        int | None,
        Flag("Count this many networks, drawn at random.", "N", panel="Model", least=1),
    ] = None,
    seed: Annotated[int, Flag("Seed of the sample. Default: 0.", "N", panel="Model", least=0)] = 0,
    jobs: Annotated[
        int | None,
        Flag(
            "Processes that count. Default: as many as there are cores, if there are more than 2 "
            "million networks.",
            "N",
            panel="Measure",
            least=1,
            most=1024,
        ),
    ] = None,
    network: Annotated[
        int | None,
        Flag("Print the architecture file of network N.", "N", panel="Model", least=0),
    ] = None,
    sort: Annotated[
        str | None,
        Flag("The order of the rows: macs, or macs:max for the largest first.", "METRIC"),
    ] = None,
    rows: Annotated[
        int | None,
        Flag("How many to show at most. Default: 20 for people, all for programs.", "N", least=1),
    ] = None,
) -> int:
    """Count all networks of a design space, and keep those within limits or on a front.

    mncost space examples/space.toml --sample 100000 --max-macs 300M
    mncost space examples/space.toml --pareto macs:max,params
    mncost space examples/space.toml --network 12345 -o found.toml
    mncost space examples/space.toml --cluster tls://scheduler:8786 --pareto macs:max,params

    A design space is an architecture and what its rows may be: kernels, expansions, repeats, any
    key. Counts are exact. A file that ends in .csv or .parquet gets all networks that are kept.
    Exit status: 0 a network is kept, 1 none is within the limits.
    """
    from mncost.cli.progress import counting
    from mncost.space.goals import goals_of
    from mncost.space.space import read_space

    made = read_space(file)
    if network is not None:
        others = {"pareto": pareto, "sample": sample, "sort": sort, "rows": rows, "jobs": jobs}
        others |= {"columns": out.columns, "format": out.format, "max-latency": max_latency}
        others |= {"predicted": predicted or None, **given(limits), **given(which), **given(place)}
        others |= given(scheduler)
        refuse({**others, "seed": seed or None}, "does not go with --network")
        _write_architecture(made, network, out)
        return OK
    if seed and sample is None:
        raise InputError("--seed is of --sample, which is not given")
    suffix = "" if out.output is None else out.output.suffix.lower()
    is_parquet = out.format is None and suffix == ".parquet"
    if is_parquet:
        refuse({"columns": out.columns}, "does not go with a Parquet file, which has all of them")
    if out.output is not None and not is_standard_output(out.output):
        from mncost.render.write import check_writable

        check_writable(out.output)
    order = None if sort is None else goals_of(sort, "--sort")[0]
    goals = goals_of(pareto, "--pareto") if pareto else ()
    bounds = _bounds(limits)
    if max_latency is not None:
        bounds["latency_hi",] = time("--max-latency", max_latency)
    if max_latency is not None or any(one and one.metric == "latency" for one in (*goals, order)):
        predicted = True
    if not predicted and given(place):
        raise InputError("--runtime and --threads are of predicted latencies: add --predicted")
    check_alone(scheduler)
    refuse({"jobs": jobs if scheduler.cluster else None}, "does not go with --cluster")
    total = min(sample or made.size, made.size)
    predictor = None
    if predicted:
        from mncost.predict.profile import predictor_of

        predictor = predictor_of(place, which.precision or "fp32")
    with _executor(scheduler) as executor, counting(total, "counting") as progress:
        survey = made.survey(
            goals,
            sample=sample,
            seed=seed,
            bounds=bounds,
            predictor=predictor,
            precision=which.precision or "fp32",
            in_place=which.in_place or "none",
            keep=rows or (SHOWN if out.for_people and not is_parquet else None),
            order=order,
            jobs=jobs or _jobs(total),
            executor=executor,
            progress=progress,
        )
    if is_parquet:
        from mncost.space.files import as_parquet

        emit_bytes(as_parquet(survey), out.output)
    elif out.kind == "csv" and out.columns is None:
        from mncost.space.files import as_csv

        emit_bytes(as_csv(survey), out.output)
    elif not out.for_people and len(survey) > _MOST_LISTED:
        raise InputError(
            f"{len(survey):,} networks are too many for {out.kind} with these options: use --rows, "
            "a limit, --pareto, or a plain .csv or .parquet file"
        )
    else:
        out.emit(
            survey.table(rows=rows or (SHOWN if out.for_people else None), columns=out.columns)
        )
    return OK if len(survey) else FAILED


@contextmanager
def _executor(scheduler: Scheduler) -> Iterator[Executor | None]:
    """Yield the executor of the cluster, if one is given."""
    if scheduler.cluster is None:
        yield None
        return
    from mncost.cluster.client import connected
    from mncost.cluster.space import on_cluster

    with connected(scheduler) as client:
        yield on_cluster(client)


def _jobs(networks: int) -> int:
    """Return how many processes count: one, where others would take longer to start."""
    from mncost.space.processes import usable_cores

    return usable_cores() if networks > _FEW else 1


def _write_architecture(made: Space, network: int, out: Out) -> None:
    from mncost.spec.resolved import resolved_file

    size = made.choices(network)["resolution"]
    emit_text(resolved_file(made.architecture(network), size), out.output)


def _bounds(limits: Limits) -> dict[tuple[str, ...], float]:
    from mncost.choose.limits import bound

    metrics = {
        "max_macs": ("macs",),
        "max_params": ("params",),
        "max_size": ("weight_bytes",),
        "max_memory": ("weight_bytes", "peak_activation_bytes"),
    }
    return {
        metrics[name]: bound(name, f"--{name.replace('_', '-')}", amount)
        for name, amount in given(limits).items()
    }
