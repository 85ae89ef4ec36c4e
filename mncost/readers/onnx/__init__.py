"""The reader of ONNX files: our operators where they are ours, everything else with its work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mncost.extras import require

if TYPE_CHECKING:
    import onnx

    from mncost.readers.given import GivenInput
    from mncost.readers.model import ReadModel

__all__ = ["read", "read_proto"]


def read(name: str, given: Sequence[GivenInput] = ()) -> ReadModel:
    """Read an ONNX file. What it keeps in other files (external data) is not read.

    Args:
        name: the file.
        given: the shapes of its inputs, as far as they are open.

    Raises:
        InputError: onnx is missing, it is no usable model, or an open dimension is not given.
    """
    require("onnx")
    from mncost.readers.onnx.reading import read_file

    return read_file(name, given)


def read_proto(
    model: onnx.ModelProto, given: Sequence[GivenInput] = (), name: str = ""
) -> ReadModel:
    """Read an ONNX model in memory, which is not changed.

    Raises:
        InputError: the file is not a valid model, or an open dimension is not given.
    """
    require("onnx")
    from mncost.readers.onnx.reading import read_model

    return read_model(model, given, name=name or model.graph.name or "model")
