"""``mncost plot``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mncost.cli import options
from mncost.cli.emit import say
from mncost.cli.options import only_time
from mncost.cli.params import Only
from mncost.cli.streams import tell
from mncost.effort import Effort
from mncost.errors import InputError, UnknownNameError
from mncost.flags import Flag, given
from mncost.pictures.look import FORMATS
from mncost.place import OnePlace
from mncost.which import GRAMMAR, Which

if TYPE_CHECKING:
    from mncost.pictures.picture import Picture

__all__ = ["plot"]

_WHICH = Only(
    without=("classes", "output_stride", "in_place"),
    help={
        "arch": "Architectures, groups or checkpoints, with commas or as plain words; where no "
        "accuracy is drawn, files too. Default: all for accuracies, v1,v2,v3-large for --y "
        "latency; of a run, its own.",
        "alpha": f"Width multiplier: {GRAMMAR}. Default: all with accuracies, else 1.0.",
        "resolution": "Side of the image, same grammar. Default: all with accuracies, else native.",
        "dialect": "Which implementation: torchvision, timm ... Default: all with accuracies, else "
        "paper.",
        "twin": "With --kind layers: draw the twin instead: standard, fused or separable.",
    },
    positional=False,
)
_EFFORT = only_time(
    "Measure at most this long, or until intervals are within ± 2 %. Default: 60 s, or 5 s a "
    "network if that is more."
)


def plot(
    which: Annotated[Which, _WHICH],
    place: OnePlace,
    effort: Annotated[Effort, _EFFORT],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN.json] [ARCH]...",
            help="A run file of mncost bench, to draw its times instead of measuring; the log of "
            "mncost search (.jsonl); or architectures or models.",
        ),
    ] = None,
    kind: Annotated[
        str,
        Flag(
            "scatter: networks as points. layers: one network, MACs, time and bytes by layer. "
            "Default: scatter.",
            "NAME",
        ),
    ] = "scatter",
    x: Annotated[
        str | None,
        Flag("macs, params, size, memory, latency. Default: macs.", "NAME"),
    ] = None,
    y: Annotated[
        str | None,
        Flag("top1 (as published), latency. Default: top1.", "NAME"),
    ] = None,
    by: Annotated[
        str | None,
        Flag("With --kind layers: layer, block, stage or kind. Default: layer.", "WHAT"),
    ] = None,
    no_time: Annotated[
        bool,
        Flag("With --kind layers: show MACs and bytes, and measure nothing.", panel="Measure"),
    ] = False,
    predicted: Annotated[
        bool,
        Flag(
            "With latencies: predict them by the profile of mncost calibrate, and measure nothing.",
            panel="Measure",
        ),
    ] = False,
    save: Annotated[
        Path | None,
        Flag("Save the measurements as a run file, which plot can draw again.", "FILE"),
    ] = None,
    format_name: Annotated[
        str | None,
        Flag(
            f"{', '.join(FORMATS)}. Default: by the suffix of --output, else png.",
            "NAME",
            names=("--format", "-f"),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        Flag(
            "A .png, .svg or .pdf file (- for standard output), replaced only once it is "
            "complete. Default: mncost-Y-X.png or mncost-layers.png, here.",
            "FILE",
            names=("--output", "-o"),
        ),
    ] = None,
) -> int:
    """Draw accuracy over cost, measured latency over cost, or what each layer costs.

    Accuracies are published ones, with their Pareto front. Latencies have intervals and a fitted
    power of the cost; they are measured now unless you give a RUN. Needs matplotlib (the extra
    plot).

    mncost plot v1 v2 v3 v4 --x macs --y top1 -o front.svg
    mncost plot v2 v3 --x latency --y top1 --save run.json
    mncost plot run.json --x macs --y latency -o fit.pdf
    mncost plot v2 v3 --x latency --predicted
    mncost plot v2 --kind layers
    mncost plot found.jsonl
    mncost plot v3-large --kind layers --no-time --by block
    """
    from mncost.cli.plot_options import Asked, check, layers, scatter
    from mncost.pictures.plot import KINDS, check_axes

    if kind not in KINDS:
        raise UnknownNameError("--kind", kind, KINDS)
    if any(word.endswith(".jsonl") for word in words or []):
        others = {"x": x, "y": y, "by": by, "no_time": no_time or None, "save": save}
        others |= {"kind": None if kind == KINDS[0] else kind, "predicted": predicted or None}
        others |= {**given(effort), **given(which), **given(place)}
        options.refuse(others, "does not go with the log of a search, which is drawn as it is")
        wanted, target = _target(format_name, output, "mncost-search")
        _write(_of_search(words or [], target), wanted, target)
        return 0
    which, run_file = _split(which, words or [])
    asked = Asked(which, place, run_file, effort.max_time, save)
    if kind == "layers":
        options.refuse(
            {"x": x, "y": y, "predicted": predicted or None}, "does not go with --kind layers"
        )
        wanted, target = _target(format_name, output, "mncost-layers")
        check(asked, target)
        picture, status = layers(asked, by or "layer", has_time=not no_time)
    else:
        of_layers = {"by": by, "twin": which.twin, "no_time": no_time or None}
        options.refuse(of_layers, "goes with --kind layers")
        x, y = x or "macs", y or "top1"
        check_axes(x, y)
        wanted, target = _target(format_name, output, f"mncost-{y}-{x}")
        check(asked, target)
        picture, status = scatter(asked, x, y, is_predicted=predicted)
    _write(picture, wanted, target)
    return status


def _of_search(words: Sequence[str], target: Path) -> Picture:
    """Return the picture of the log of a search."""
    from mncost.extras import require
    from mncost.nas.log import Log
    from mncost.pictures.search import search_picture
    from mncost.render.write import check_writable

    if len(words) > 1:
        raise InputError(f"{words[0]} and {words[1]}: the log of one search is drawn")
    require("plot")
    if str(target) != "-":
        check_writable(target)
    return search_picture(Log.read(Path(words[0])))


def _split(which: Which, words: Sequence[str]) -> tuple[Which, Path | None]:
    """Return the plain words as architectures and a run file."""
    files = [word for word in words if word == "-" or word.endswith(".json")]
    if len(files) > 1:
        raise InputError(f"{files[0]} and {files[1]}: one run file is drawn")
    arch = ",".join([*(word for word in words if word not in files), *filter(None, [which.arch])])
    return replace(which, arch=arch or None), Path(files[0]) if files else None


def _target(name: str | None, output: Path | None, stem: str) -> tuple[str, Path]:
    """Return the format, and the file to write."""
    if output is not None and str(output) == "-" and name is None:
        raise InputError(f"--output - needs --format: {', '.join(FORMATS)}")
    wanted = name
    if wanted is None:
        wanted = "png" if output is None else output.suffix.lower().removeprefix(".")
    if wanted not in FORMATS:
        raise UnknownNameError("format of a picture", wanted or str(output), FORMATS)
    return wanted, Path(f"{stem}.{wanted}") if output is None else output


def _write(picture: Picture, wanted: str, target: Path) -> None:
    """Draw, write, and say what there is to see."""
    from mncost.cli.emit import emit_bytes

    emit_bytes(picture.draw(wanted), target)
    if str(target) != "-":
        say(f"{target}: {picture.finding}")
    for note in picture.notes:
        tell(f"mncost: note: {note}")
