"""Ctrl-C, which some libraries turn into an error of theirs while they are imported."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

__all__ = ["STATUS", "happened", "watch"]

STATUS = 130
"""The exit status of what was interrupted."""

_numbers: list[int] = []


def watch() -> None:
    """Remember every Ctrl-C from now on, unless it is ignored (as under ``nohup``)."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def happened() -> bool:
    """Whether there was a Ctrl-C: an error after it is its consequence."""
    return bool(_numbers)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    _numbers.append(number)
    raise KeyboardInterrupt
