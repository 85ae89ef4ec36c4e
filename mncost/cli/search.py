"""``mncost search``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mncost.cli.emit import Out, say
from mncost.cli.options import only_time
from mncost.cli.params import Only
from mncost.cli.streams import tell
from mncost.effort import Effort
from mncost.errors import InputError
from mncost.flags import Flag, given
from mncost.nas.options import Searching
from mncost.place import OnePlace
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.nas.running import Seen
    from mncost.network import Network

__all__ = ["search"]

OK, FAILED, INCONCLUSIVE = 0, 1, 3
_WHICH = Only(
    without=("in_place", "twin", "input", "strict"),
    help={
        "arch": "One architecture, or a design-space file (space.toml), which states everything "
        "except the precision.",
        "precision": "fp32 or int8: the precision of the profile. Default: fp32.",
    },
)


def search(
    which: Annotated[Which, _WHICH],
    searching: Searching,
    place: OnePlace,
    effort: Annotated[Effort, only_time("Measure at most this long, each time. Default: 20 s.")],
    out: Annotated[Out, Only(without=("output",))],
    max_latency: Annotated[
        str,
        Flag(
            "Limit of one call with one image, e.g. 5ms: the whole interval is below it.",
            "TIME",
            panel="Limits",
        ),
    ],
    output: Annotated[
        Path,
        Flag(
            "The architecture file (.toml) of the network that is found; the log goes beside it "
            "(.jsonl).",
            "FILE",
            names=("--output", "-o"),
        ),
    ],
    resume: Annotated[
        Path | None,
        Flag("The log of this search, which was interrupted: go on in it.", "FILE", panel="Search"),
    ] = None,
    measure: Annotated[
        bool,
        Flag(
            "Measure the network that is found, beside the first one. Default: --measure.",
            names=("--measure/--no-measure",),
            panel="Measure",
        ),
    ] = True,
) -> int:
    """Search the network with the largest score whose latency is within a budget.

    mncost search v3-large --max-latency 5ms -o found.toml
    mncost search v3-large --max-latency 5ms --score my.py:score -o found.toml
    mncost search space.toml --max-latency 5ms -o found.toml
    mncost search v3-large --max-latency 5ms --resume found.jsonl -o found.toml

    NetAdapt shrinks a network layer by layer, as in MobileNetV3's paper. Over a
    design space an evolutionary search tries networks. Latencies are predicted from this machine's
    profile (mncost calibrate), and the network that is found is measured. Exit status: 0 it is
    within the budget, 1 it is above, 3 the limit is inside its interval.
    """
    from mncost.cli.progress import watching
    from mncost.nas import search as searches
    from mncost.render.write import check_writable, refuse_overwriting

    if output.suffix.lower() != ".toml":
        raise InputError(f"--output {output}: accepted is a file whose name ends in .toml")
    if not output.stem.isprintable():
        raise InputError(f"--output {output}: cannot be printed: the network gets this name")
    if len(output.stem) > 100:
        raise InputError(f"--output {output}: name too long for a network; accepted: 100 letters")
    of = _what(which, searches.is_space)
    log = resume or output.with_suffix(".jsonl")
    inputs = {"arch": of} if isinstance(of, Path) else {}
    refuse_overwriting({"--output": output, "the log": log}, inputs)
    for path in (output, log):
        check_writable(path)
    rows: dict[str, Any] = {} if out.for_people else {"rows": None}
    shown = out.when_interrupted(columns=out.columns, **rows)
    with _interruptible(log), shown, _watching() as progress, watching(None) as watch:
        made = searches.search(
            of,
            max_latency,
            searching=searching,
            measure=measure,
            max_time=effort.max_time,
            place=place,
            precision=which.precision or "fp32",
            name=output.stem,
            log=None if resume else log,
            resume=resume,
            progress=progress,
            watch=watch,
        )
    made.save(output)
    out.emit(made.table(columns=out.columns, **rows))
    if out.kind == "terminal":
        say(f"{output}: the architecture; {log}: every step")
    drawn = output.with_suffix(".png")
    tell(f"mncost: next: mncost plot {shlex.quote(str(log))} -o {shlex.quote(str(drawn))}")
    if made.log.begin.method == "netadapt" and not given(which).keys() - {"arch", "precision"}:
        first, narrower = shlex.quote(which.arch or ""), shlex.quote(str(output))
        tell(f"mncost: next: mncost diff-models {first} {narrower}")
    return {True: OK, False: FAILED, None: INCONCLUSIVE}[made.is_within]


def _what(which: Which, is_space: Callable[[Path], bool]) -> Path | Network:
    """Return the design-space file, or the network, that is meant."""
    from mncost.cli.options import refuse

    if which.arch is None or not is_space(Path(which.arch)):
        return which.network()
    decided = {k: v for k, v in given(which).items() if k not in ("arch", "precision")}
    refuse(decided, f"does not go with {which.arch}: the design space says it")
    return Path(which.arch)


@contextmanager
def _interruptible(log: Path) -> Iterator[None]:
    """Say how an interrupted search goes on."""
    from mncost.measure.signals import interrupting

    try:
        with interrupting():
            yield
    except KeyboardInterrupt:
        tell(f"mncost: interrupted: the same command with --resume {shlex.quote(str(log))} goes on")
        raise


@contextmanager
def _watching() -> Iterator[Callable[[Seen], None]]:
    """Yield what shows how far the search is: a bar at a terminal, else a line now and then."""
    if sys.stderr is None:
        yield lambda seen: None
        return
    if not sys.stderr.isatty():
        yield lambda seen: tell(f"mncost: {_words(seen)}") if seen.done % 10 == 0 else None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = BarColumn(bar_width=20), TextColumn("{task.description}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("searching", total=None)
        yield lambda seen: bar.update(
            task, description=_words(seen), completed=seen.done, total=seen.total
        )


def _words(seen: Seen) -> str:
    point = seen.point
    of = "step" if seen.total is None else "generation"
    total = "" if seen.total is None else f" of {seen.total}"
    most = "" if point.hi is None else f", at most {point.hi * 1e3:.4g} ms"
    return f"{of} {seen.done}{total}: {point.latency * 1e3:.4g} ms{most}; score {point.score:.5g}"
