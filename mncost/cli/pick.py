"""``mncost pick``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mncost.choose.limits import Limits
from mncost.choose.timing import Timing
from mncost.cli import options
from mncost.cli.emit import Out
from mncost.cli.params import Only
from mncost.errors import OutputError
from mncost.flags import Flag
from mncost.which import GRAMMAR, Which

if TYPE_CHECKING:
    from mncost.measure.engine import Progress

__all__ = ["pick"]

FAILED, INCONCLUSIVE = 1, 3
_WHICH = Only(
    without=("classes", "in_channels", "twin", "input", "strict", "output_stride", "in_place"),
    help={
        "arch": "Built-in architectures, groups or checkpoints, with commas or as plain words. "
        "Default: all.",
        "alpha": f"Only these width multipliers: {GRAMMAR}. Default: all.",
        "resolution": "Only these sides of the image. Default: all.",
        "rho": "Only these ratios to the native resolution.",
        "dialect": "Only this implementation: paper, timm, keras ... Default: all.",
    },
)


def pick(
    which: Annotated[Which, _WHICH],
    limits: Limits,
    timing: Timing,
    out: Out,
    with_weights: Annotated[
        bool,
        Flag(
            "Only networks whose weights timm, torchvision or Keras can load by name.",
            panel="Limits",
        ),
    ] = False,
    top: Annotated[
        int | None,
        Flag("Show at most this many. Default: 10; 3 if latencies are measured.", least=1),
    ] = None,
    verbose: options.Verbose = False,
) -> int:
    """Print the most accurate published networks within limits.

    mncost pick v1 v2 v3 --max-macs 150M --min-top1 68
    mncost pick --max-size 10MB --resolution 224
    mncost pick --precision int8 --max-size 4MB --format csv
    mncost pick --max-latency 8ms --max-size 10MB
    mncost pick --run run.json --max-latency 8ms
    mncost pick --max-latency 8ms --predicted

    Candidates are the networks whose ImageNet accuracy is published; the table names the source. A
    latency passes if its whole confidence interval is below the limit. Exit status: 0 a network
    fits, 1 none fits, 3 none fits but some latencies are inconclusive.
    """
    from mncost.choose.pick import SHOWN, choose
    from mncost.published.accuracy import published_of
    from mncost.published.accuracy import with_weights as loadable
    from mncost.render.write import refuse_overwriting

    run = None if timing.run is None else Path(timing.run)
    save = None if timing.save is None else Path(timing.save)
    refuse_overwriting({"--save": save, "--output": out.output}, {"--run": run})
    published = published_of(which)
    if with_weights:
        published = loadable(published)
    is_search = timing.max_latency is not None and timing.run is None
    if timing.max_latency is None:
        options.refuse({"verbose": verbose or None}, "needs --max-latency: nothing is measured")
    most = SHOWN if top is None and not is_search else top
    shown = out.when_interrupted(columns=out.columns, in_full=verbose)
    with shown, _progress(is_search) as watch:
        picked = choose(published, limits, timing, top=most, watch=watch, spelled=_option)
    out.emit(picked.table(columns=out.columns), in_full=verbose)
    if picked.unsaved is not None:
        raise OutputError(picked.unsaved)
    if picked:
        return 0
    return INCONCLUSIVE if picked.is_inconclusive else FAILED


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _progress(is_search: bool, /) -> AbstractContextManager[Callable[[Progress], None]]:
    """Return what shows how far the measuring is, if there is any."""
    if not is_search:
        return nullcontext(lambda progress: None)
    from mncost.cli.progress import watching

    return watching(None)
