"""A given model, run as it is: where it is, and what it is fed.

A format writes ``given.json`` into a folder in the place of a model; every runtime that loads such
files reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy

__all__ = ["FILE", "Given"]

FILE = "given.json"


class Given(NamedTuple):
    """A model and its inputs.

    Attributes:
        model: a file, or the name of what makes a module.
        inputs: by name, in order: ``shape`` (whole), ``dtype``, and ``batch_axis`` or ``None``.
        data: an ``.npz`` file with values for some inputs.
        folder: that a module is imported from, if it is not installed.
        twin: the name of the twin of an ONNX file that a format makes, and runs in its place.
        inside: which of ``model`` and ``data`` were sent to a host, and lie in the folder.
    """

    model: str
    inputs: Mapping[str, Mapping[str, Any]]
    data: str | None = None
    folder: str | None = None
    twin: str | None = None
    inside: Sequence[str] = ()

    @classmethod
    def of(cls, folder: Path) -> Given | None:
        """Return what a folder holds; ``None`` if its model is one of ours."""
        try:
            text = (folder / FILE).read_text("utf-8")
        except FileNotFoundError:
            return None
        said = json.loads(text)
        said |= {one: str(folder / said[one]) for one in said.get("inside", ())}
        return cls(**said)

    def write(self, folder: Path) -> None:
        """Write it into a folder."""
        (folder / FILE).write_text(json.dumps(self._asdict()), "utf-8")

    def at(self, file: Path) -> Given:
        """Return the same with a file that was made of it."""
        return self._replace(model=str(file), twin=None)

    def feed(self, batch: int) -> dict[str, numpy.ndarray]:
        """Return the inputs of one call: seeded values of their types, or those that are given.

        Args:
            batch: how often the inputs' own batch is taken.

        Raises:
            RuntimeError: the model's batch is fixed, or it reads what no array holds.
        """
        if batch > 1 and all(one["batch_axis"] is None for one in self.inputs.values()):
            raise RuntimeError("the model's batch is fixed: only batch 1, as it is, can be run")
        values = self._values()
        return {
            name: _with_batch(values[name], one["batch_axis"], batch)
            if name in values
            else _random(_shape(one, batch), one["dtype"])
            for name, one in self.inputs.items()
        }

    def _values(self) -> dict[str, numpy.ndarray]:
        if self.data is None:
            return {}
        import numpy as np

        with np.load(self.data, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _shape(entry: Mapping[str, Any], batch: int) -> tuple[int, ...]:
    axis = entry["batch_axis"]
    return tuple(side * batch if at == axis else side for at, side in enumerate(entry["shape"]))


def _with_batch(values: numpy.ndarray, axis: int | None, batch: int) -> numpy.ndarray:
    import numpy as np

    return values if axis is None or batch == 1 else np.concatenate([values] * batch, axis)


def _random(shape: Sequence[int], dtype: str) -> numpy.ndarray:
    """Return seeded values: normal ones, any pixel, or 0 and 1 where a number may be an index."""
    import numpy as np

    random = np.random.default_rng(0)
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise RuntimeError(f"inputs of type {dtype} cannot be made up: --input-data") from None
    if kind.kind == "f":
        return random.standard_normal(tuple(shape), dtype="float32").astype(kind)
    if kind.kind not in "biu":
        raise RuntimeError(f"inputs of type {dtype} cannot be made up: --input-data")
    high = 256 if kind == np.uint8 else 128 if kind == np.int8 else 2
    return random.integers(0, high, tuple(shape)).astype(kind)
