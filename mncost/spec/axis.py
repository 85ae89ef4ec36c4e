"""The grammar of α, ρ and resolutions: ``1.0``, ``0.35,0.5``, ``0.35:1.0``, ``0.35:1.0:0.05``.

A single value stands for itself. ``low:high`` stands for the family's *published* values in the
closed range, ``low:high:step`` for every step from ``low``. Parts may be joined with commas. All of
it is decimal arithmetic, so that ``0.35:1.0:0.05`` yields ``0.7`` and not ``0.7000000000000001``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from msgspec import Struct

from mncost.errors import GridError, NothingPublishedError
from mncost.spec.width import MAX_ALPHA, MAX_RESOLUTION

__all__ = [
    "Axis",
    "Numbers",
    "Part",
    "Resolution",
    "alphas",
    "checked_resolution",
    "parse_axis",
    "resolution_of",
    "resolutions",
    "size_of_image",
    "stepped",
    "two_squares",
]

MAX_VALUES = 10_000

Resolution: TypeAlias = int | str
"""The side of a square image in pixels; ``"224x320"``, height × width, of any other."""

_SIZE = r"(\d{1,9})\s*[x×X]\s*(\d{1,9})"

Numbers = str | float | Sequence[float]
"""What a caller may give for an axis: the grammar's text, one number, or several."""


class Part(Struct, frozen=True):
    """One value, a range, or a range with a step; ``text`` is how it was written."""

    low: Decimal
    high: Decimal
    step: Decimal | None
    text: str


class Axis(Struct, frozen=True):
    """A parsed choice of values, before a family's published values are known."""

    name: str
    text: str
    parts: tuple[Part, ...]

    def values(self, published: Iterable[Decimal], family: str) -> list[Decimal]:
        """Return the chosen values, each once, in the order in which they were named.

        Raises:
            GridError: a range holds no published value of this family.
        """
        known = sorted(published)
        chosen: dict[Decimal, None] = {}
        for part in self.parts:
            values = (
                stepped(part) if part.step else [v for v in known if part.low <= v <= part.high]
            )
            if part.low == part.high:
                values = [part.low]
            if not values:
                listed = ", ".join(map(_plain, known)) or "none"
                raise NothingPublishedError(
                    f"{family} has no published {self.name} in {part.text}; it has {listed}"
                )
            chosen.update(dict.fromkeys(values))
        return list(chosen)


def parse_axis(name: str, given: Numbers) -> Axis:
    """Parse the grammar; ``name`` (``α``, ``ρ`` or ``resolution``) is used in messages.

    Raises:
        GridError: the text is not of the grammar, or a number is not finite and positive.
    """
    if not isinstance(given, str):
        numbers = list(given) if isinstance(given, Iterable) else [given]
        given = ",".join(str(number) for number in numbers)
    parts = tuple(_parse_part(name, part.strip(), given) for part in given.split(","))
    return Axis(name, given, parts)


def alphas(axis: Axis, published: Iterable[float], family: str) -> list[float]:
    """Return the width multipliers that ``axis`` chooses for a family."""
    values = axis.values((Decimal(str(a)) for a in published), family)
    for value in values:
        if value > Decimal(str(MAX_ALPHA)):
            raise GridError(f"α {_plain(value)}: at most {MAX_ALPHA:g} is accepted")
    return [float(value) for value in values]


def resolutions(given: Numbers, published: Iterable[int], family: str) -> list[Resolution]:
    """Return the resolutions that are chosen for a family, each once, in the order given.

    Beside the grammar, ``224x320`` is an image of 224 × 320 pixels (height × width).

    Raises:
        GridError: something is of neither form.
    """
    if not isinstance(given, str) or not re.search(_SIZE, given):
        return [*_squares(given, published, family)]
    chosen: dict[Resolution, None] = {}
    for part in given.split(","):
        if size := re.fullmatch(_SIZE, part.strip()):
            sides = checked_resolution(int(size[1])), checked_resolution(int(size[2]))
            chosen[resolution_of(sides)] = None
        else:
            chosen |= dict.fromkeys(_squares(part, published, family))
    return list(chosen)


def resolution_of(size: tuple[int, int]) -> Resolution:
    """Return a height and width as a resolution."""
    height, width = size
    return height if height == width else f"{height}x{width}"


def size_of_image(resolution: Resolution) -> tuple[int, int]:
    """Return the height and width of a resolution, the inverse of :func:`resolution_of`."""
    if isinstance(resolution, int):
        return resolution, resolution
    height, _, width = resolution.partition("x")
    return int(height), int(width)


def two_squares(given: Numbers | None, published: Iterable[int]) -> str:
    """Say that ``224,320`` means two square images, if it could mean one; else ``""``."""
    pair = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*", given) if isinstance(given, str) else None
    if pair is None or {int(pair[1]), int(pair[2])} <= {*published}:
        return ""
    return f"{given} are two square images; {pair[1]}x{pair[2]} is one, height × width"


def _squares(given: Numbers, published: Iterable[int], family: str) -> list[int]:
    axis = parse_axis("resolution", given)
    values = axis.values((Decimal(r) for r in published), family)
    for value in values:
        if value != value.to_integral_value():
            raise GridError(f"resolution {_plain(value)}: a whole number of pixels is accepted")
    return [checked_resolution(int(value)) for value in values]


def _parse_part(name: str, text: str, whole: str) -> Part:
    numbers = [_number(name, piece, whole) for piece in text.split(":")]
    match numbers:
        case [value]:
            return Part(value, value, None, text)
        case [low, high]:
            step = None
        case [low, high, step]:
            pass
        case _:
            raise GridError(f"{name} {whole!r}: accepted are value, low:high and low:high:step")
    if low > high:
        raise GridError(f"{name} {whole!r}: the range {text} is reversed; low:high is accepted")
    if step is not None and (high - low) / step > MAX_VALUES:
        raise GridError(f"{name} {whole!r}: more than {MAX_VALUES:,} values")
    return Part(low, high, step, text)


def _number(name: str, text: str, whole: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise GridError(
            f"{name} {whole!r}: {text.strip()!r} is not a number; accepted are value, low:high, "
            "low:high:step, and several with commas"
        )
    if number <= 0:
        raise GridError(f"{name} {whole!r}: {text.strip()} is not greater than 0")
    if not -20 < number.adjusted() < 20:
        raise GridError(f"{name} {whole!r}: {text.strip()} is out of all proportion")
    return number


def stepped(part: Part) -> list[Decimal]:
    """Return every step of a range."""
    assert part.step is not None
    count = int((part.high - part.low) / part.step)
    return [part.low + i * part.step for i in range(count + 1)]


def checked_resolution(size: int) -> int:
    """Return a side in pixels.

    Raises:
        GridError: it is too large, or 0.
    """
    if not 1 <= size <= MAX_RESOLUTION:
        raise GridError(f"resolution {size}: accepted are 1 to {MAX_RESOLUTION} pixels")
    return size


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f") if value != value.to_integral_value() else f"{value:f}"
