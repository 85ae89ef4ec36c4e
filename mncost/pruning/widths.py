"""What is asked for: a share of all channels, widths of some rows, or both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from mncost.errors import InputError, UnknownNameError

__all__ = ["KEYS", "Widths", "parsed"]

KEYS = ("expanded", "width", "growth", "out")
"""The keys of rows that state channels; the last is what later rows read."""


class Widths(NamedTuple):
    """Which channels are kept.

    Attributes:
        share: of the channels of every row; ``None``: all of those that are not named.
        named: channels by the row's name, or ``row.key``.
        round: widths by ``share`` are multiples of it.
    """

    share: float | None
    named: Mapping[str, int]
    round: int

    def of(self, name: str, key: str, channels: int) -> int:
        """Return the channels that a row's key shall state."""
        wanted = self.named.get(f"{name}.{key}")
        if wanted is None and key == "out":
            wanted = self.named.get(name)
        if wanted is not None:
            return wanted
        if self.share is None:
            return channels
        nearest = math.floor(channels * self.share / self.round + 0.5) * self.round
        return min(max(nearest, self.round), channels)

    def check(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Refuse names that no row has, and more channels than there are.

        Args:
            rows: the file's rows by their names.

        Raises:
            InputError: there is one.
        """
        known = {
            f"{name}.{key}": row[key]
            for name, row in rows.items()
            for key in KEYS
            if isinstance(row.get(key), int)
        }
        known |= {name: row["out"] for name, row in rows.items() if f"{name}.out" in known}
        for name, wanted in self.named.items():
            if name not in known:
                raise UnknownNameError("row", name, known)
            if wanted > known[name]:
                raise InputError(
                    f"--channels {name}={wanted}: accepted is 1 to {known[name]}, the channels it "
                    "has"
                )


def parsed(text: str, step: int) -> Widths:
    """Read ``0.5``, ``row3=16,row8.expanded=480``, or ``0.5,row3=16``.

    Args:
        text: what was given.
        step: widths by a share are multiples of it.

    Raises:
        InputError: it cannot be read.
    """
    if step < 1:
        raise InputError(f"--round {step}: accepted is 1 or more")
    share, named = None, {}
    for part in map(str.strip, text.split(",")):
        name, has_name, number = part.partition("=")
        if has_name and number.isascii() and number.isdecimal() and int(number[:9]) > 0:
            named[name.strip()] = int(number)
        elif not has_name and share is None and (read := _share(part)) is not None:
            share = read
        else:
            raise InputError(
                f"--channels {part!r}: accepted are one share of the channels above 0 up to 1, "
                "NAME=CHANNELS of a row, or several with commas: 0.5,row3=16,row8.expanded=480"
            )
    return Widths(share, named, step)


def _share(text: str) -> float | None:
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 < share <= 1 else None
