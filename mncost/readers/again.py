"""A model that was read, once more for images of another size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mncost.errors import GridError
from mncost.readers import read_model
from mncost.readers.given import GivenInput
from mncost.readers.model import FileSource, InputSpec, ReadModel, Source

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["at_size", "with_size"]


def at_size(source: Source, size: tuple[int, int], proto: ModelProto | None = None) -> ReadModel:
    """Read a model again, for images of another height and width.

    Args:
        source: where it came from.
        size: height and width.
        proto: the ONNX model itself, if it was in memory.

    Raises:
        InputError: its first input is no image, or its size is fixed.
    """
    name = source.file if isinstance(source, FileSource) else source.name
    if proto is not None:
        from mncost.readers.onnx import read_proto

        called = proto.graph.name or "model"
        return read_proto(proto, with_size(source.inputs, size, called), called)
    return read_model(name, with_size(source.inputs, size, name, source.sides))


def with_size(
    inputs: dict[str, InputSpec], size: tuple[int, int], name: str, sides: tuple[int, int] = (2, 3)
) -> list[GivenInput]:
    """Return the shapes of inputs, with another height and width for every image.

    Args:
        inputs: as they are.
        size: height and width.
        name: of the model, for messages.
        sides: which dimensions of an image these are.

    Raises:
        GridError: there is no image.
    """
    if not any(len(spec.shape) == 4 for spec in inputs.values()):
        raise GridError(f"{name} has no image among its inputs; --input is accepted")
    resized = []
    for key, spec in inputs.items():
        shape = [*spec.shape]
        if len(shape) == 4:
            shape[sides[0]], shape[sides[1]] = size
        resized.append(GivenInput(key, tuple(shape)))
    return resized
