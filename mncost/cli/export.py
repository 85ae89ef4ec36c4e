"""``mncost export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mncost.api import grid, title, twin_of
from mncost.cli import options
from mncost.errors import InputError, UnknownNameError
from mncost.models.export import FILES, Choices
from mncost.render.write import write_atomically

__all__ = ["export"]


def export(
    arch: options.Arch,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="What to write; the suffix says as what: .onnx, .pt (state dict), .pt2 "
            "(torch.export), .toml (architecture file at α = 1). Replaced only once complete.",
        ),
    ],
    alpha: options.Alpha = None,
    resolution: options.Resolution = None,
    dialect: options.Dialect = None,
    classes: options.Classes = None,
    twin: options.Twin = None,
    features: Annotated[
        bool, typer.Option("--features", help="Leave the classifier out: the output is embeddings.")
    ] = False,
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="Leave the number of images open (.pt2 always).")
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="A state dict of torchvision's, timm's or our model: .pth, .pt or .safetensors. "
            "Default: random weights.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of the random weights. Default: 0.")
    ] = None,
) -> None:
    """Write one network as a running model, or as an architecture file of its own.

    mncost export --arch v2 --alpha 0.5 --resolution 160 -o net.onnx
    mncost export --arch v2 --dialect torchvision --weights mobilenet_v2.pth -o net.onnx
    mncost export --arch v3-large --alpha 0.75 --dialect torchvision -o net.toml
    """
    kind = FILES.get(output.suffix.lower())
    if kind is None:
        raise UnknownNameError("suffix", output.suffix, FILES)
    if features and classes is not None:
        raise InputError("--classes and --features do not go together: no classifier is left")
    if weights is not None and seed is not None:
        raise InputError("--weights and --seed do not go together: nothing is random")
    given: dict[str, Any] = {
        "resolution": resolution,
        "twin": twin,
        "features": features,
        "dynamic-batch": dynamic_batch,
        "weights": weights,
        "seed": seed,
    }
    for name, value in given.items():
        if value is not None and value is not False and name not in kind.options:
            accepted = ", ".join(f"--{other}" for other in given if other in kind.options)
            raise InputError(
                f"--{name} means nothing to a {output.suffix} file; accepted beside the "
                f"network: {accepted}"
            )
    networks = grid(",".join(arch), alpha, resolution, dialect=dialect, classes=classes)
    network = twin_of(networks.single(), twin)
    choices = Choices(None, features, seed or 0, weights, dynamic_batch)
    content = kind.content(network, choices)
    write_atomically(output, content)
    print(f"{output}: {title(network)}, {len(content):,} bytes")
