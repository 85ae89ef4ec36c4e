"""The reader of ExecuTorch's ``.pte`` programs: what XNNPACK computes, with its work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mncost.extras import require

if TYPE_CHECKING:
    from mncost.readers.given import GivenInput
    from mncost.readers.model import ReadModel

__all__ = ["read"]


def read(name: str, given: Sequence[GivenInput] = ()) -> ReadModel:
    """Read a program.

    Args:
        name: the file.
        given: the shapes of its inputs; those of a program are fixed.

    Raises:
        InputError: ExecuTorch is missing, it is no usable program, or a shape is another one.
    """
    require("executorch")
    from mncost.readers.pte.reading import read_file

    return read_file(name, given)
