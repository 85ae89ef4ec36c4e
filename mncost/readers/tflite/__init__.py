"""The reader of ``.tflite`` files: our operators where they are ours, all else with its work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mncost.extras import require

if TYPE_CHECKING:
    from mncost.readers.given import GivenInput
    from mncost.readers.model import ReadModel

__all__ = ["read"]


def read(name: str, given: Sequence[GivenInput] = ()) -> ReadModel:
    """Read a ``.tflite`` file.

    Args:
        name: the file.
        given: the shapes of its inputs as the file has them (channels last), where others than its
            own are wanted.

    Raises:
        InputError: LiteRT is missing, it is no usable model, or a shape does not fit.
    """
    require("litert")
    from mncost.readers.tflite.reading import read_file

    return read_file(name, given)
