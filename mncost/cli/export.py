"""``mncost export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mncost.cli.emit import say
from mncost.cli.params import Only
from mncost.cli.streams import tell
from mncost.errors import InputError, OutputError, UnknownNameError
from mncost.flags import Flag
from mncost.models.given_weights import GivenWeights
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.models.export import FileKind

__all__ = ["export"]

_PANEL = "Output"
_PRECISION = (
    "int8 quantises an .onnx, .tflite, .xml or .pte file, calibrated with images of noise: for its "
    "size and speed. Default: fp32."
)


def export(
    which: Annotated[Which, Only(without=("rho", "in_place"), help={"precision": _PRECISION})],
    given_weights: GivenWeights,
    output: Annotated[
        Path,
        Flag(
            "File to write. Its suffix chooses the kind: .onnx, .pt (state dict), .pt2 "
            "(torch.export), .tflite (LiteRT), .xml (OpenVINO; and .bin), .param (ncnn; and "
            ".bin), .pte (ExecuTorch), .mlpackage (Core ML), .toml (architecture file at α = 1). "
            "Replaced only when complete.",
            "FILE",
            names=("--output", "-o"),
        ),
    ],
    features: Annotated[
        bool,
        Flag("Leave the classifier out: the output is embeddings."),
    ] = False,
    dynamic_batch: Annotated[
        bool,
        Flag("Leave the number of images open (always so in .pt2)."),
    ] = False,
    static_batch: Annotated[
        int | None,
        Flag("Images in each call of an .onnx or .xml file. Default: 1.", "N", least=1),
    ] = None,
    qat: Annotated[
        bool,
        Flag(
            "With --precision int8, of an .onnx or .xml file: train it with rounded numbers "
            "first, for 12 steps on noise, to give the logits that it gives without."
        ),
    ] = False,
    opset: Annotated[
        int | None,
        Flag(
            "Opset of an .onnx file, 13 or more. Default: 20; runtimes of the last two years read "
            "it.",
            "N",
        ),
    ] = None,
) -> None:
    """Write one network as a model file that runs, or as an architecture file.

    mncost export v2 --alpha 0.5 --resolution 160 -o net.onnx
    mncost export v2 --opset 17 --static-batch 8 -o net.onnx
    mncost export v2 --precision int8 -o net.tflite
    mncost export v2 --dialect torchvision --weights mobilenet_v2.pth -o net.onnx
    mncost export v3-large --alpha 0.75 --dialect torchvision -o net.toml
    """
    from mncost.models.export import FILES, Choices, checkpoint
    from mncost.render.write import write_atomically, write_folder
    from mncost.titles import title

    kind = FILES.get(output.suffix.lower())
    if kind is None:
        raise UnknownNameError("suffix", output.suffix, FILES)
    if features and which.classes is not None:
        raise InputError("--classes and --features do not go together: no classifier is left")
    if dynamic_batch and static_batch is not None:
        raise InputError("--dynamic-batch and --static-batch do not go together")
    weights, seed = given_weights.weights, given_weights.seed
    given: dict[str, Any] = {
        "resolution": which.resolution,
        "precision": which.precision,
        "twin": which.twin,
        "features": features or None,
        "dynamic-batch": dynamic_batch or None,
        "static-batch": static_batch,
        "qat": qat or None,
        "opset": opset,
        "weights": weights,
        "weights-key": given_weights.weights_key,
        "seed": seed,
    }
    for name, value in given.items():
        if value is not None and name not in kind.options:
            accepted = ", ".join(f"--{other}" for other in given if other in kind.options)
            raise InputError(
                f"--{name} means nothing to a {output.suffix} file; accepted beside the "
                f"network: {accepted}"
            )
    _check_beside(output, kind)
    precision = _precision(which.precision, static_batch)
    if qat and precision != "int8":
        raise InputError("--qat makes an int8 model: accepted with --precision int8")
    network = which.network()
    trained = None if weights is None else checkpoint(weights, given_weights.weights_key)
    if trained is not None and trained.note:
        tell(f"mncost: {trained.note}")
    if network.source is not None:
        raise InputError(
            f"{network.arch} is a model as it is; accepted is an architecture, or --twin standard: "
            "its twin, with random weights"
        )
    choices = Choices(None, features, seed or 0, trained, dynamic_batch)
    choices = choices._replace(opset=opset, static_batch=static_batch, precision=precision, qat=qat)
    made = kind.export(network, choices)
    said = ""
    if made.closeness is not None:
        close = made.closeness
        said = (
            f"; int8, calibrated with noise: logits {close.error:.1%} off, the largest one the "
            f"same for {close.same_top1} of {close.images} images of noise"
        )
    for suffix, content in made.beside.items():  # first: the file itself is then complete
        write_atomically(output.with_suffix(suffix), content)
    if made.inside:
        write_folder(output, made.inside)
    else:
        write_atomically(output, made.content)
    also = "".join(f" and {output.with_suffix(suffix)}" for suffix in made.beside)
    size = sum(map(len, (made.content, *made.beside.values(), *made.inside.values())))
    say(f"{output}{also}: {title(network)}, {size:,} bytes{said}")


def _check_beside(output: Path, kind: FileKind) -> None:
    """Refuse to overwrite a file that belongs to a model of another kind."""
    from mncost.models.export import FILES

    for suffix in kind.beside:
        for other, its in FILES.items():
            if its is not kind and suffix in its.beside and output.with_suffix(other).exists():
                raise OutputError(
                    f"{output.with_suffix(suffix)} belongs to {output.with_suffix(other)}: choose "
                    f"another name than {output}"
                )


def _precision(precision: str | None, static_batch: int | None) -> str:
    """Return the precision that is written."""
    if precision in (None, "fp32"):
        return "fp32"
    if precision != "int8":
        raise InputError(f"--precision {precision}: files are written in fp32 or int8")
    if static_batch not in (None, 1):
        raise InputError("--precision int8 and --static-batch do not go together")
    return precision
