"""Ours beside the published figures: which of them the exact count explains, and on which basis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from math import prod
from typing import NamedTuple

from msgspec.structs import replace

from mncost.api import load
from mncost.errors import NothingPublishedError, UnknownNameError
from mncost.graph.ops import BatchNorm, Conv, Linear
from mncost.network import Network, network_of
from mncost.published.figures import Figure, read_published
from mncost.selection import Selection
from mncost.spec.axis import Numbers
from mncost.spec.blocks.conv import Conv as ConvRow
from mncost.spec.catalog import Choice, load_spec
from mncost.spec.finding import find
from mncost.spec.parse import PAPER
from mncost.spec.resolve import dialects, resolve

__all__ = ["MACS_BASES", "PARAMS_BASES", "Basis", "Reproduction", "reproduce"]

MILLION, MIBI = 10**6, 2**20
MILLIGIBI = Fraction(2**30, 1000)  # figures in G are kept as thousands of M


class Basis(NamedTuple):
    """A way in which a printed figure follows from a network.

    Attributes:
        text: the way in words; ``""`` if the figure is simply ours, rounded.
        value: the exact count on that basis; ``None`` if no basis reproduces the figure.
        unit: what it is printed in units of; ``step`` the smallest step that is printed, in
            millions, if that is not given by the digits.
        truncated: whether the digits are cut off rather than rounded.
        digits: how many digits are significant, if the printed zeros are not.
    """

    text: str
    value: Callable[[_Reading], int] | None
    unit: int | Fraction = MILLION
    step: int | None = None
    truncated: bool = False
    digits: int = 0


class _Reading(NamedTuple):
    """The network of a figure, with its own number of classes and with another."""

    network: Network
    alpha: float
    with_classes: Callable[[int | None], Network]


def _conv_linear(reading: _Reading) -> int:
    work = reading.network.work
    return work["conv"] + work["linear"]


def _without_stem(reading: _Reading) -> int:
    stem = next(layer for layer in reading.network.layers if layer.kind == "conv")
    return _conv_linear(reading) - stem.macs


def _profiler(reading: _Reading) -> int:
    network = reading.network
    return network.macs + 2 * network.work["batch_norm"]


def _wide_head(reading: _Reading, classes: int) -> Network:
    """V3-Small with the 1280 channels before the classifier that its paper's Table 2 prints."""
    spec = load_spec(reading.network.arch)
    rows = tuple(
        replace(row, out=1280) if isinstance(row, ConvRow) and row.name == "head" else row
        for row in spec.rows
    )
    architecture = resolve(replace(spec, rows=rows), reading.alpha, classes=classes)
    resolution = reading.network.resolution
    assert resolution is not None
    return network_of(architecture, resolution)


def _weights(network: Network) -> int:
    """Return the conv and linear weights: no bias, no batch norm, no layer scale."""
    return sum(
        cost.params - node.op.bias * shape[0]
        for node, cost, shape in zip(
            network.graph.nodes, network.costs, network.shapes, strict=True
        )
        if isinstance(node.op, Conv | Linear)
    )


def _biases(network: Network) -> int:
    return sum(
        shape[0]
        for node, shape in zip(network.graph.nodes, network.shapes, strict=True)
        if isinstance(node.op, Conv | Linear) and node.op.bias
    )


def _norm_channels(network: Network) -> int:
    return sum(n.op.channels for n in network.graph.nodes if isinstance(n.op, BatchNorm))


def _folded(reading: _Reading) -> int:
    network = reading.network
    return _weights(network) + _biases(network) + _norm_channels(network)


def _weights_bias_3bn(reading: _Reading) -> int:
    network = reading.with_classes(1001)
    return _weights(network) + _biases(network) + 3 * _norm_channels(network)


def _paddle_summary(reading: _Reading) -> int:
    network = reading.network
    depthwise = [
        node.op
        for node in network.graph.nodes
        if isinstance(node.op, Conv) and node.op.is_depthwise
    ]
    counted_once = sum((op.out_channels - 1) * prod(op.kernel) for op in depthwise)
    return _weights(network) - counted_once + 2 * _norm_channels(network) + 1


def _without_backbone(reading: _Reading, classes: int | None = None) -> tuple[int, int]:
    """Return MACs and parameters of the head of a detector."""
    network = reading.network if classes is None else reading.with_classes(classes)
    backbone = load(network.arch.partition("+")[0], reading.alpha, network.resolution, classes=0)
    return network.macs - backbone.macs, network.params - backbone.params


def _segmenter(reading: _Reading) -> int:
    """Return what V3's Table 7 seems to count.

    The images are those of the authors' evaluation, of one pixel more on each side. The fine
    features are what their block expands to, behind its stride, and not its result. Additions, the
    resizing to the whole image, and the two products of each h-swish are counted too. This is
    inferred from the eleven figures; the authors do not state it.
    """
    network = reading.network
    sides = (int(side) + 1 for side in str(network.resolution).split("x"))
    larger = network.at(*sides)
    work = larger.work
    others = work["add"] + work.get("resize_bilinear", 0) + 2 * work.get("hardswish", 0)
    nodes = larger.graph.nodes
    fine = next((i for i, n in enumerate(nodes) if n.name == "fine_classifier.conv"), None)
    if fine is None:
        return larger.macs + others
    block = nodes[nodes[fine].inputs[0]].block
    (filtered,) = (n.op for n in nodes if n.block == block and n.name.endswith("depthwise.conv"))
    read = nodes[fine].op
    assert isinstance(read, Conv)
    assert isinstance(filtered, Conv)
    wider = Fraction(filtered.out_channels, read.in_channels) - 1
    return larger.macs + others + int(larger.costs[fine].macs * wider)


def _with_auxiliary(reading: _Reading) -> tuple[int, int]:
    """Return MACs and parameters with torchvision's auxiliary FCN head, which reads stride 8."""
    network = reading.network
    inputs = 1024 if network.arch.startswith("resnet") else 40
    inner, classes = inputs // 4, network.classes or 0
    pixels = (-(-int(network.resolution or 0) // 8)) ** 2
    weights = 9 * inputs * inner + inner * classes
    return network.macs + pixels * weights, network.params + weights + 2 * inner + classes


_SEGMENTER = Basis(
    "inferred: a pixel more on each side, expanded fine features; additions, resizing and h-swish "
    "counted too: within 30 M",
    _segmenter,
    step=60,
)
_MISPRINT = Basis("misprint: contradicts its own table", None)
_NOT_REPRODUCED = Basis("not reproduced by the released definition", None)

MACS_BASES: dict[str, Basis] = {
    "exact": Basis("", _conv_linear),
    "truncated": Basis("truncated", _conv_linear, truncated=True),
    "rounded_twice": Basis("rounded twice", lambda r: round(_conv_linear(r), -4)),
    "without_stem": Basis("stem left out", _without_stem),
    "profiler": Basis("profiler: + 2 per batch-norm output, to 10 M", _profiler, step=10),
    "giga_1_decimal": Basis("printed in G, 1 decimal", _conv_linear, step=100),
    "binary": Basis("binary units (2^30), 1 decimal", lambda r: r.network.macs, MILLIGIBI, 100),
    "head_1280": Basis("a 1280 head, as its table prints", lambda r: _wide_head(r, 1000).macs),
    "with_attention": Basis("", lambda r: r.network.macs),
    "two_digits": Basis("to 2 digits", _conv_linear, digits=2),
    "at_227": Basis("an image of 227 px", lambda r: r.network.at(227).macs),
    "doubled_at_227": Basis(
        "additions counted too, 227 px, 2 digits", lambda r: r.network.at(227).flops, digits=2
    ),
    "without_linear": Basis(
        "linear layers left out, 3 digits", lambda r: r.network.work["conv"], digits=3
    ),
    "head_80": Basis("the head only, 80 classes", lambda r: _without_backbone(r, 80)[0], step=10),
    "head_not_reproduced": Basis("not reproduced, also not by the head alone", None),
    "classes_91": Basis("91 classes, to 2 digits", lambda r: r.with_classes(91).macs, digits=2),
    "segmenter": _SEGMENTER,
    "auxiliary": Basis(
        "an auxiliary head for training counted too", lambda r: _with_auxiliary(r)[0]
    ),
    "misprint": _MISPRINT,
    "not_reproduced": _NOT_REPRODUCED,
}

PARAMS_BASES: dict[str, Basis] = {
    "trainable": Basis("", lambda r: r.network.params),
    "trainable_1001": Basis("1,001 classes", lambda r: r.with_classes(1001).params),
    "truncated": Basis("truncated", lambda r: r.network.params, truncated=True),
    "weights_1001": Basis("weights only, 1,001 classes", lambda r: _weights(r.with_classes(1001))),
    "weights_1001_truncated": Basis(
        "weights only, 1,001 classes, truncated",
        lambda r: _weights(r.with_classes(1001)),
        truncated=True,
    ),
    "weights_bias_3bn_1001": Basis(
        "weights, biases and 3 per batch-norm channel, 1,001 classes", _weights_bias_3bn
    ),
    "folded": Basis("batch norm folded", _folded),
    "binary": Basis("binary units (2^20), batch norm folded", _folded, MIBI),
    "head_1280": Basis(
        "a 1280 head, as its table prints; 1,001 classes", lambda r: _wide_head(r, 1001).params
    ),
    "head": Basis("the head only", lambda r: _without_backbone(r)[1]),
    "auxiliary": Basis(
        "an auxiliary head for training counted too", lambda r: _with_auxiliary(r)[1]
    ),
    "paddle_summary": Basis(
        "PaddlePaddle's summary: a depthwise layer counts once", _paddle_summary
    ),
    "misprint": _MISPRINT,
    "not_reproduced": _NOT_REPRODUCED,
}


class Reproduction(NamedTuple):
    """A published row beside our count.

    Attributes:
        figure: the row as printed.
        network: what we count for it.
        macs_explained, params_explained: the exact count on the figure's own basis; ``None`` where
            nothing is printed or nothing reproduces it.
        macs_agrees, params_agrees: whether that count gives the printed digits; ``None`` where
            nothing is printed.
    """

    figure: Figure
    network: Network
    macs_explained: int | None
    params_explained: int | None
    macs_agrees: bool | None
    params_agrees: bool | None

    @property
    def macs_why(self) -> str:
        """Why the printed MACs are not ours, rounded; ``""`` if they are, or none are printed."""
        return MACS_BASES[self.figure.macs_basis].text if self.figure.macs_basis else ""

    @property
    def params_why(self) -> str:
        """Why the printed parameters are not ours, rounded."""
        return PARAMS_BASES[self.figure.params_basis].text if self.figure.params_basis else ""


def reproduce(
    arch: str,
    alpha: Numbers | None = None,
    resolution: Numbers | None = None,
    *,
    rho: Numbers | None = None,
    dialect: str | None = None,
) -> list[Reproduction]:
    """Return the published rows that print MACs or parameters, beside ours.

    Args:
        arch: built-in architectures, groups or checkpoints, with commas.
        alpha: only these, in the grammar of :func:`mncost.grid`; by default all.
        resolution: only these, likewise.
        rho: only these, as ratios of the native resolution.
        dialect: only rows of this dialect; by default all.

    Raises:
        InputError: an argument cannot be used, or nothing is published for it.
    """
    reproductions = []
    for choice, figures in _by_choice(arch, dialect):
        chosen = Selection.of(choice, alpha, resolution, rho)
        for figure in figures:
            reading = _reading(figure.arch, figure.alpha, figure.resolution, figure.dialect)
            if chosen.holds(reading.alpha, reading.network.resolution):
                reproductions.append(_compared(figure, reading))
    if not reproductions:
        raise NothingPublishedError(f"{arch}: no MACs or parameters are published for this choice")
    return reproductions


def _by_choice(arch: str, dialect: str | None) -> Iterator[tuple[Choice, list[Figure]]]:
    for choice in find(arch):
        if dialect is not None and dialect not in dialects(choice.spec):
            raise UnknownNameError(f"dialect of {choice.spec.name}", dialect, dialects(choice.spec))
        yield (
            choice,
            [
                figure
                for figure in read_published()
                if figure.arch in {choice.spec.name, choice.name} - {""}
                and (figure.macs_m or figure.params_m)
                and dialect in (None, figure.dialect or PAPER)
            ],
        )


def _compared(figure: Figure, reading: _Reading) -> Reproduction:
    macs, macs_agrees = _explain(figure.macs_m, MACS_BASES, figure.macs_basis, reading)
    params, params_agrees = _explain(figure.params_m, PARAMS_BASES, figure.params_basis, reading)
    return Reproduction(figure, reading.network, macs, params, macs_agrees, params_agrees)


@cache
def _reading(arch: str, alpha: str, resolution: str, dialect: str) -> _Reading:
    @cache
    def with_classes(classes: int | None) -> Network:
        # Where a source does not say the resolution, the native one is meant.
        size = resolution or None
        return load(arch, float(alpha), size, dialect or None, classes)

    return _Reading(with_classes(None), float(alpha), with_classes)


def _explain(
    printed: str, bases: dict[str, Basis], name: str, reading: _Reading
) -> tuple[int | None, bool | None]:
    if not printed:
        return None, None
    basis = bases[name]
    if basis.value is None:
        return None, False
    value = basis.value(reading)
    return value, _prints_as(Fraction(value), printed, basis)


def _prints_as(value: Fraction, printed: str, basis: Basis) -> bool:
    """Whether a count, in its unit, gives the printed digits."""
    decimals = len(printed.partition(".")[2])
    step = basis.step or Fraction(1, 10**decimals)
    if basis.digits:
        step = Fraction(10) ** (len(printed.partition(".")[0]) - basis.digits)
    off = (value / basis.unit - Fraction(printed)) / step
    return 0 <= off < 1 if basis.truncated else abs(off) <= Fraction(1, 2)
