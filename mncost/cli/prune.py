"""``mncost prune``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from mncost.cli.emit import Out, say
from mncost.cli.params import Only
from mncost.cli.streams import tell
from mncost.errors import InputError
from mncost.flags import Flag
from mncost.models.given_weights import GivenWeights
from mncost.which import Which

__all__ = ["prune"]

_PANEL = "Prune"
_WEIGHTS = (
    "A checkpoint of torchvision's, timm's or our model: its filters with the largest L1 norm "
    "survive. Default: random weights."
)


def prune(
    which: Annotated[Which, Only(without=("precision", "in_place", "twin"))],
    given_weights: Annotated[GivenWeights, Only(help={"weights": _WEIGHTS})],
    out: Annotated[Out, Only(without=("output",))],
    output: Annotated[
        Path,
        Flag(
            "The architecture file (.toml); the surviving weights go beside it (.safetensors).",
            "FILE",
            names=("--output", "-o"),
        ),
    ],
    channels: Annotated[
        str,
        Flag(
            "The share of channels to keep (0.5), channels of rows (row3=16, row8.expanded=480), "
            "or both with commas.",
            "SHARE|ROW=N",
            panel=_PANEL,
        ),
    ],
    multiple: Annotated[
        int,
        Flag(
            "Widths by a share are multiples of it. Default: 8.",
            "N",
            names=("--round",),
            panel=_PANEL,
        ),
    ] = 8,
) -> None:
    """Remove the channels with the smallest filters: a narrower network, and its weights.

    mncost prune v2 --channels 0.5 -o pruned.toml
    mncost prune v2 --channels 0.75 --round 16 --weights mobilenet_v2.pth -o pruned.toml
    mncost prune v2 --channels row8=160,row6=64 -o pruned.toml

    Channels that a residual sum joins stay or go together. Layers whose channels cannot be removed
    one by one (groups, shuffles, attention) stay whole, and are named. Accuracy is not
    estimated.
    """
    if output.suffix.lower() != ".toml":
        raise InputError(f"--output {output}: accepted is a file whose name ends in .toml")
    from mncost.extras import require
    from mncost.pruning.prune import prune, weights_of
    from mncost.render.write import check_writable, refuse_overwriting, write_atomically
    from mncost.tables.pruning import alike, pruned_table

    beside = output.with_suffix(".safetensors")
    refuse_overwriting({"--output": beside}, {"--weights": given_weights.weights})
    require("models")
    network = which.network()
    for path in (output, beside):
        check_writable(path)
    given, note = weights_of(
        network, given_weights.weights, given_weights.weights_key, given_weights.seed or 0
    )
    pruned = prune(network, channels, round=multiple, weights=given, name=output.stem)
    same = alike(which, pruned.network.macs)
    table = pruned_table(pruned, same, columns=out.columns, notes=[note] if note else [])
    write_atomically(output, pruned.file.encode())
    write_atomically(beside, pruned.safetensors())
    out.emit(table)
    if out.kind == "terminal":
        say(f"{output}: the architecture; {beside}: its weights")
    file, typed = shlex.quote(str(output)), shlex.quote(which.arch or "")
    size = which.resolution if which.rho is None else network.resolution
    named = {"dialect": which.dialect, "resolution": size, "classes": which.classes}
    named |= {"in-channels": which.in_channels, "output-stride": which.output_stride}
    flags = "".join(f" --{name} {value}" for name, value in named.items() if value is not None)
    if same is not None:
        beside = output.with_name(f"{output.stem}-alpha.toml")
        narrow = shlex.quote(str(beside))
        tell(f"mncost: next: mncost export {typed} --alpha {same.alpha:g}{flags} -o {narrow}")
        file = f"{file} {narrow}"
    original = "" if flags or which.alpha is not None else f"{typed} "  # else it is another network
    tell(f"mncost: next: mncost bench {original}{file} --no-twin")
