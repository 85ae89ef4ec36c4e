"""The same model for images of another size."""

from __future__ import annotations

from mncost.errors import GridError
from mncost.readers import read_model
from mncost.readers.given import GivenInput
from mncost.readers.model import InputSpec, OnnxSource, ReadModel, Source

__all__ = ["at_size", "with_size"]


def at_size(source: Source, size: tuple[int, int]) -> ReadModel:
    """Read a model again, for images of another height and width.

    Raises:
        InputError: its first input is no image, or its size is fixed.
    """
    name = source.file if isinstance(source, OnnxSource) else source.name
    return read_model(name, with_size(source.inputs, size, name))


def with_size(inputs: dict[str, InputSpec], size: tuple[int, int], name: str) -> list[GivenInput]:
    """Return the shapes of inputs, with another height and width for every image.

    Raises:
        GridError: there is no image.
    """
    if not any(len(spec.shape) == 4 for spec in inputs.values()):
        raise GridError(f"{name} has no image among its inputs; --input is accepted")
    return [
        GivenInput(key, (*spec.shape[:2], *size) if len(spec.shape) == 4 else spec.shape)
        for key, spec in inputs.items()
    ]
