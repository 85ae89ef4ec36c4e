"""The Python face: :func:`load` one network, :func:`grid` a family of them, ask about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mncost.cost.memory import Precision, as_in_place, as_precision
from mncost.errors import GridError, InputError, NothingPublishedError
from mncost.graph.graph import Graph
from mncost.grids import Grid
from mncost.network import Network, network_of
from mncost.selection import Selection
from mncost.spec.axis import Numbers, Resolution, size_of_image, two_squares
from mncost.spec.catalog import Choice
from mncost.spec.finding import find
from mncost.spec.resolve import OUTPUT_STRIDES, Architecture, resolve

if TYPE_CHECKING:
    from mncost.readers.given import GivenInputs

__all__ = [
    "grid",
    "load",
]

MAX_BLOCKS = 50_000  # in all graphs of a grid together: one graph an α. Some 300 MB
MAX_SIZED_BLOCKS = 1_200_000  # likewise, each as often as there are resolutions. Some 600 MB


def load(  # noqa: PLR0913 - what the flags of mncost.which are
    arch: str,
    alpha: float | None = None,
    resolution: Resolution | None = None,
    dialect: str | None = None,
    classes: int | None = None,
    precision: Precision | None = None,
    in_channels: int | None = None,
    *,
    input: GivenInputs = None,
    output_stride: int | None = None,
    in_place: str | None = None,
) -> Network:
    """Return one network.

    Args:
        arch: an architecture (``"v2"``), an architecture file (``"my_net.toml"``) or a checkpoint
            (``"mobilenet_v2_0.75_160"``). Or a model as it is: an ONNX file (``"net.onnx"``), or
            what makes a torch module (``"timm:resnet18"``, ``"package.module:factory"``).
        alpha: width multiplier; 1.0 unless the checkpoint says otherwise.
        resolution: side of the square image in pixels, or ``"224x320"``: height × width; by
            default the native one.
        dialect: which implementation (``"timm"`` ...); by default the paper's.
        classes: outputs of the classifier; by default those of the dialect. 0 leaves it out.
        precision: ``"fp32"``, ``"fp16"`` or ``"int8"``, for the bytes; by default fp32, or what the
            weights of a model are stored in.
        in_channels: of the image; by default those of the architecture.
        input: of a model, the shapes of its inputs with their batch, as far as they are open:
            ``"1x3x224x224"`` or ``{"image": (1, 3, 224, 224)}``.
        output_stride: 8, 16 or 32: strides beyond it become dilations.
        in_place: which layers overwrite their input, for the peak: ``"none"`` (the default)
            or ``"depthwise"``.

    Raises:
        InputError: an argument cannot be used; the message says what would be accepted.
    """
    from mncost.boundary import check_one, check_text

    check_text("arch", arch, "v2")
    check_text("dialect", dialect, "torchvision")
    check_one(alpha, resolution)
    which: dict[str, Any] = {"dialect": dialect, "classes": classes, "in_channels": in_channels}
    which |= {"input": input, "output_stride": output_stride, "in_place": in_place}
    return grid(arch, alpha, resolution, precision=precision, **which).single()


def grid(  # noqa: PLR0913 - what the flags of mncost.which are
    arch: str | Sequence[str],
    alpha: Numbers | None = None,
    resolution: Numbers | None = None,
    *,
    rho: Numbers | None = None,
    dialect: str | None = None,
    classes: int | None = None,
    in_channels: int | None = None,
    output_stride: int | None = None,
    precision: str | None = None,
    in_place: str | None = None,
    input: GivenInputs = None,
) -> Grid:
    """Return the networks of an α × resolution grid.

    Args:
        arch: architectures, groups (``"v3"``, ``"all"``), files or checkpoints: a list, or a
            text with commas.
        alpha: e.g. ``1.0``, ``[0.35, 0.5]``, ``"0.35:1.0"`` (the published values in that closed
            range) or ``"0.35:1.0:0.05"``; by default 1.0.
        resolution: the same grammar, in pixels, or ``"224x320"`` (height × width); by default the
            native one.
        rho: the same grammar, as a ratio of the native resolution; not with ``resolution``.
        dialect: which implementation (``"timm"`` ...); by default the paper's.
        classes: outputs of the classifier; by default those of the dialect. 0 leaves it out.
        in_channels: of the images; by default those of the architecture.
        output_stride: 8, 16 or 32: strides beyond it become dilations.
        precision: ``"fp32"``, ``"fp16"`` or ``"int8"``, for the bytes; by default fp32, or what the
            weights of a model are stored in.
        in_place: which layers overwrite their input, for the peak: ``"none"`` (the default)
            or ``"depthwise"``.
        input: of models (:func:`load`), the shapes of their inputs.

    Raises:
        InputError: an argument cannot be used; the message says what would be accepted.
    """
    sizes_of = as_precision(precision)
    if classes is not None and not 0 <= classes <= 1_000_000:
        raise GridError(f"classes {classes}: accepted are 0 (no classifier) to 1000000")
    if in_channels is not None and not 1 <= in_channels <= 1024:
        raise GridError(f"in_channels {in_channels}: accepted are 1 to 1024")
    if output_stride not in (None, *OUTPUT_STRIDES):
        raise GridError(f"output stride {output_stride}: accepted are 8, 16 and 32")
    rule = as_in_place(in_place)
    chosen: list[tuple[Choice, Selection]] = []
    left_out: list[NothingPublishedError] = []
    names = arch if isinstance(arch, str) else ",".join(arch)
    from mncost.readers import SUFFIXES

    if ":" in names or any(suffix in names.lower() for suffix in SUFFIXES):
        from mncost.imported import has_models, mixed

        if has_models(names):
            others = {"alpha": alpha, "resolution": resolution, "rho": rho, "dialect": dialect}
            others |= {"classes": classes, "in_channels": in_channels}
            others |= {"output_stride": output_stride, "in_place": rule}
            made, notes = mixed(names, input, sizes_of if precision else None, others, grid)
            return Grid(_told_apart(made), notes)
    if input is not None:
        raise InputError("--input is of models; an architecture has --resolution and --in-channels")
    for choice in find(names):
        try:
            chosen.append((choice, Selection.of(choice, alpha, resolution, rho)))
        except NothingPublishedError as error:
            left_out.append(error)
    if not chosen:
        raise left_out[0]
    networks: list[Network] = []
    notes = [f"left out: {error}" for error in left_out]
    sized = resolution is not None or rho is not None
    notes += [note for choice, _ in chosen for note in choice.notes(classes, sized=sized)]
    published = [size for choice, _ in chosen for size in choice.spec.published_resolutions]
    notes += filter(None, [two_squares(resolution, published)])
    given = {"classes": classes, "in_channels": in_channels, "output_stride": output_stride}
    resolved = _resolved(chosen, dialect, **given)
    for (choice, _), (architectures, sizes) in zip(chosen, resolved, strict=True):
        with choice.placed():
            first = [network_of(one, sizes[0], sizes_of, rule) for one in architectures]
            networks += [network.at(*size_of_image(size)) for network in first for size in sizes]
        notes += _collapsed(first)
        if output_stride is not None:
            notes.append(_dilated(architectures[0], output_stride))
    files = [choice.file for choice, _ in chosen if choice.file]
    return Grid(_told_apart(networks) if files and len(chosen) > 1 else networks, notes)


def _told_apart(networks: Sequence[Network]) -> list[Network]:
    from mncost.titles import told_apart  # one network needs none

    return told_apart(networks)


def _resolved(
    chosen: Sequence[tuple[Choice, Selection]],
    dialect: str | None,
    *,
    classes: int | None,
    in_channels: int | None,
    output_stride: int | None,
) -> list[tuple[list[Architecture], list[Resolution]]]:
    """Return each choice at each α, and its resolutions; check that they are not too many."""
    resolved = []
    blocks = sized = 0
    for choice, selection in chosen:
        spec = choice.spec
        reading = choice.dialect if dialect is None else dialect
        sizes = selection.resolutions or [choice.native or spec.native]
        if choice.only_classes and classes not in (None, choice.classes):
            raise GridError(
                f"{classes} classes are asked for, but {choice.name} has {choice.classes:,}"
            )
        outputs = choice.classes if classes is None else classes
        architectures = []
        for alpha in selection.alphas or [1.0]:
            with choice.placed():
                made = resolve(spec, alpha, reading, outputs, in_channels, output_stride)
            architectures.append(replace(made, file=choice.file) if choice.file else made)
            blocks += len(architectures[-1].blocks)
            sized += len(architectures[-1].blocks) * len(sizes)
            if blocks > MAX_BLOCKS or sized > MAX_SIZED_BLOCKS:
                raise GridError(
                    f"more than {MAX_BLOCKS:,} blocks in one grid, or {MAX_SIZED_BLOCKS:,} at all "
                    "resolutions; ask for fewer α or resolutions"
                )
        resolved.append((architectures, sizes))
    return resolved


def _dilated(architecture: Architecture, output_stride: int) -> str:
    """Say which strides became dilations."""
    rows = {block.number: block for block in reversed(architecture.blocks)}  # the first of each
    changed = [
        block.name.removesuffix(".1")
        for _, block in sorted(rows.items())
        if block.stride != block.row.steps
    ]
    said = f"{architecture.name}: output stride {output_stride}"
    if not changed:
        return f"{said} is what it has"
    return f"{said}: the strides of {', '.join(changed)} are dilations"


def _collapsed(networks: Sequence[Network]) -> Iterator[str]:
    """Say which α give one and the same network after rounding."""
    same: dict[Graph, list[Network]] = {}
    for network in networks:
        same.setdefault(network.graph, []).append(network)
    for group in same.values():
        if len(group) > 1:
            listed = ", ".join(str(network.alpha) for network in group)
            yield f"{group[0].arch}: α {listed} are one network once channels are rounded"
