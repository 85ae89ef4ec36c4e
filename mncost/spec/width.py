"""How a width multiplier α turns a channel count into another one.

The arithmetic is that of the projects that train the networks, floating-point rounding included: a
channel count that they round down is rounded down here too.
"""

from typing import Literal, TypeAlias

__all__ = ["MAX_ALPHA", "MAX_RESOLUTION", "Rounding", "make_divisible", "round_width"]

MAX_ALPHA = 16.0
MAX_RESOLUTION = 16_384

Rounding: TypeAlias = Literal["nearest", "down", "down_nearest"]


def make_divisible(value: float, divisor: int = 8, minimum: int = 8) -> int:
    """Round ``value`` to the nearest multiple of ``divisor`` that is not more than 10 % below it.

    Source: ``_make_divisible`` of TF-slim's ``nets/mobilenet/mobilenet.py``; the same function is
    used by torchvision, timm, Keras and the TF Model Garden.
    """
    rounded = max(minimum, int(value + divisor / 2) // divisor * divisor)
    if rounded < 0.9 * value:
        rounded += divisor
    return rounded


def round_width(value: float, rounding: Rounding, divisor: int, minimum: int) -> int:
    """Round a scaled channel count by one of the rules that an architecture file can name.

    ``nearest`` is :func:`make_divisible`; ``down`` truncates to a multiple of ``divisor``, as
    TF-slim's and Keras' MobileNetV1 do (``max(int(channels * alpha), minimum)``);
    ``down_nearest`` truncates to a whole number first, as the blocks of Keras' MobileNetV2 do.
    """
    if rounding == "down":
        return max(minimum, int(value) // divisor * divisor)
    if rounding == "down_nearest":
        value = int(value)
    return make_divisible(value, divisor, minimum)
