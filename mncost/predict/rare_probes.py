"""Probes with the kernels that MobileNets do not have: attention, shuffles, groups, joins, norms.

Each has three stages and an end. Every kind of stage stands once at each of the three places, so
each of its kernels is measured at three sizes of image, beside three others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

__all__ = ["RARE", "rare_rows", "rare_size"]

_SIZES = (128, 96, 160, 112, 192)
_WIDTHS = (48, 36, 64, 60)  # in and out of the blocks of ONNX Runtime, which have 8 or 16 channels
_STEM = 24


class _Place(NamedTuple):
    """Where a stage stands: the number of its probe, its place in it, the channels before it."""

    number: int
    place: int
    before: int
    width: int  # of its result

    @property
    def is_odd(self) -> bool:
        """Whether it is the other one of two forms."""
        return (self.number + self.place) % 2 == 1


def rare_size(number: int) -> int:
    """Return the side of a probe's image in pixels."""
    return _SIZES[number % len(_SIZES)]


def rare_rows(number: int) -> Iterator[str]:
    """Yield the rows of a probe.

    Args:
        number: from 0; there are :data:`RARE`.
    """
    kernel = 7 if number % 4 == 3 else 3
    yield f'block = "conv", kernel = {kernel}, out = {_STEM}, stride = 2, activation = "relu"'
    stages, before = [*_STAGES.values()], _STEM
    for place in range(3):
        width = _WIDTHS[(number + number // 4 + place) % len(_WIDTHS)] * (place + 1)
        stage = stages[(number + 4 * place) % len(stages)]
        yield from stage(_Place(number, place, before, width))
        before = width
    yield from _ENDS[number % len(_ENDS)](number)


def _shuffle_v1(at: _Place) -> Iterator[str]:
    inner, new = at.width // 4, at.width - at.before
    groups = next(one for one in (3, 4, 2, 1) if inner % one == new % one == 0)
    yield (
        f'block = "shuffle_v1", kernel = 3, out = {at.width}, groups = {groups}, first_groups = 1, '
        'stride = 2, repeats = 3, activation = "relu"'
    )


def _shuffle_v2(at: _Place) -> Iterator[str]:
    yield (
        f'block = "shuffle_v2", kernel = 3, out = {at.width}, stride = 2, repeats = 3, '
        'activation = "relu"'
    )


def _grouped(at: _Place) -> Iterator[str]:
    each = 4 if at.is_odd else 16  # channels of a group: these are in blocks
    groups = at.width // each
    yield (
        f'block = "bottleneck", out = {at.width}, width = {each * groups}, groups = {groups}, '
        'stride = 2, repeats = 2, activation = "relu"'
    )


def _dense(at: _Place) -> Iterator[str]:
    yield f'block = "dense", kernel = 3, growth = {12 if at.is_odd else 32}, repeats = 3'
    yield 'block = "batch_norm", activation = "relu"'
    yield (
        f'block = "conv", kernel = 1, out = {at.width}, batch_norm = false, bias = false, '
        'activation = "none"'
    )
    yield 'block = "average_pool", kernel = 2'


def _fire(at: _Place) -> Iterator[str]:
    yield 'block = "max_pool", kernel = 3, stride = 2, padding = 1'
    yield (
        f'block = "fire", kernel = 3, width = {at.width // 4}, out = {at.width // 2}, '
        'repeats = 2, activation = "relu"'
    )


def _ghost(at: _Place) -> Iterator[str]:
    for stride, se in ((2, 0.25), (1, 0)):
        yield (
            f'block = "ghost", kernel = {5 if at.is_odd else 3}, expanded = {2 * at.width}, '
            f'out = {at.width}, se = {se}, stride = {stride}, activation = "relu"'
        )


def _convnext(at: _Place) -> Iterator[str]:
    yield 'block = "layer_norm", eps = 1e-6'
    yield (
        f'block = "conv", kernel = 2, out = {at.width}, stride = 2, padding = "valid", '
        'batch_norm = false, activation = "none"'
    )
    yield f'block = "convnext", kernel = 7, expansion = {2 if at.is_odd else 4}, repeats = 2'


def _mobilevit(at: _Place) -> Iterator[str]:
    yield (
        f'block = "inverted_residual", kernel = 3, expansion = 2, out = {at.width}, stride = 2, '
        'activation = "silu"'
    )
    yield (
        f'block = "mobilevit", heads = 4, features = {at.width}, layers = 2, activation = "silu"'
    )


def _mobile_mqa(at: _Place) -> Iterator[str]:
    yield (
        f'block = "uib", start_kernel = 3, middle_kernel = 5, expansion = 2, out = {at.width}, '
        'stride = 2, layer_scale = true, activation = "relu"'
    )
    yield (
        f'block = "mobile_mqa", heads = 4, key_dim = {64 if at.is_odd else 32}, '
        f"kv_stride = {1 if at.place == 2 else 2}, layer_scale = true"
    )


def _efficient(at: _Place) -> Iterator[str]:
    yield (
        f'block = "fused_inverted_residual", kernel = 3, expansion = 2, out = {at.width}, '
        'stride = 2, activation = "silu"'
    )
    yield (
        f'block = "inverted_residual", kernel = 5, expansion = 4, out = {at.width}, se = 0.25, '
        'activation = "silu"'
    )


def _branched(at: _Place) -> Iterator[str]:
    yield (
        f'block = "mobileone", kernel = 3, out = {at.width}, stride = 2, branches = 2, '
        'repeats = 2, activation = "relu"'
    )
    yield f'block = "basic", out = {at.width}, activation = "relu"'


def _top_down(at: _Place) -> Iterator[str]:
    for name in (f"fine{at.place}", f"coarse{at.place}"):
        yield (
            f'block = "conv", kernel = 3, out = {at.width}, stride = 2, activation = "relu", '
            f'name = "{name}"'
        )
    mode = "bilinear" if at.is_odd else "nearest"
    yield f'block = "upsample", like = "fine{at.place}", mode = "{mode}", name = "up{at.place}"'
    yield f'block = "concat", from = ["up{at.place}", "fine{at.place}"]'
    yield f'block = "conv", kernel = 1, out = {at.width}, activation = "relu"'
    yield 'block = "l2_norm", init = 20.0'


_STAGES: Mapping[str, Callable[[_Place], Iterator[str]]] = {
    "shuffle_v1": _shuffle_v1,
    "shuffle_v2": _shuffle_v2,
    "grouped": _grouped,
    "dense": _dense,
    "fire": _fire,
    "ghost": _ghost,
    "convnext": _convnext,
    "mobilevit": _mobilevit,
    "mobile_mqa": _mobile_mqa,
    "efficient": _efficient,
    "branched": _branched,
    "top_down": _top_down,
}
RARE = len(_STAGES)
"""How many there are."""


def _classified(number: int) -> Iterator[str]:
    if number < 6:
        yield 'block = "pool"'
        yield 'block = "linear", out = "classes", activation = "none"'
    else:  # as VGG
        yield 'block = "linear", adapt = 3, out = "classes", activation = "none"'


def _transformer(number: int) -> Iterator[str]:
    yield 'block = "conv", kernel = 1, out = 128, batch_norm = false, activation = "none"'
    yield 'block = "tokens", class_token = true, positions = true'
    yield 'block = "encoder", heads = 4, expansion = 4, repeats = 2'
    yield 'block = "layer_norm", eps = 1e-6'
    yield 'block = "token"'
    yield 'block = "linear", out = "classes", activation = "none"'


def _detecting(number: int) -> Iterator[str]:
    yield 'block = "aspp", out = 64, rates = [2], activation = "relu", name = "head"'
    yield 'block = "conv", kernel = 3, out = 64, stride = 2, activation = "relu", name = "coarser"'
    yield (
        'block = "detect", from = ["head", "coarser"], out = 24, anchors = 4, '
        f"separable = {'true' if number % 2 else 'false'}"
    )


_ENDS = (_classified, _transformer, _detecting)
