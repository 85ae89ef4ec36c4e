"""What a host is sent of a model: its folder, and what a given model has outside of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mncost.measure.runtimes.given import FILE, Given

__all__ = ["files_of"]

_MODEL, _DATA = "given/model", "data.npz"


def files_of(folder: Path) -> Mapping[str, Path]:
    """Return the files to send, by their names in the folder there.

    A given model stays where it is here, and so do values for its inputs. They are sent too, and
    another ``given.json`` that names them.
    """
    files = {
        file.relative_to(folder).as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    given = Given.of(folder)
    if given is None:
        return files
    model, sent = Path(given.model), given
    if model.is_file():
        files = {name: file for name, file in files.items() if file != model.resolve()}
        name = f"{_MODEL}{model.suffix}"
        files |= {name: model, **_weights_beside(model)}
        sent = sent._replace(model=name, inside=(*sent.inside, "model"))
    if given.data is not None:
        files[_DATA] = Path(given.data)
        sent = sent._replace(data=_DATA, inside=(*sent.inside, "data"))
    there = folder.with_name(f"{folder.name}.sent")
    there.mkdir(exist_ok=True)
    sent.write(there)
    return {**files, FILE: there / FILE}


def _weights_beside(model: Path) -> dict[str, Path]:
    """Return the files in which an ONNX model keeps its weights."""
    if model.suffix != ".onnx":
        return {}
    from mncost.readers.onnx.skeleton import load, tensors_of

    tensors = tensors_of(load(model)[0].graph)
    entries = [entry for tensor in tensors for entry in tensor.external_data]
    places = sorted({entry.value for entry in entries if entry.key == "location"})
    folder = Path(_MODEL).parent
    found = {(folder / place).as_posix(): model.parent / place for place in places}
    return {name: file for name, file in found.items() if file.is_file()}
