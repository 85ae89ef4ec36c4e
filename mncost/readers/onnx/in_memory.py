"""ONNX models in memory: a worker is another process, and gets such a model as a file."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mncost.errors import InputError

if TYPE_CHECKING:
    from onnx import ModelProto

    from mncost.readers.model import OnnxSource

__all__ = ["with_file"]

_files: dict[str, str] = {}  # by the digest of what is in them


def with_file(source: OnnxSource, model: ModelProto) -> OnnxSource:
    """Return a source with a file that lasts as long as this process.

    Raises:
        InputError: a file cannot hold the model.
    """
    try:
        content = model.SerializeToString()
    except Exception as error:  # protobuf's own: it is too large
        raise InputError(
            f"{model.graph.name or 'model'}: a model in memory that is too large for one file; "
            "accepted is one that onnx.save wrote"
        ) from error
    digest = sha256(content).hexdigest()
    if digest not in _files:
        folder = tempfile.mkdtemp(prefix="onnx-")  # a run file keeps this path
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        file = Path(folder) / "model.onnx"
        file.write_bytes(content)
        _files[digest] = str(file)
    return replace(source, file=_files[digest], sha256=digest)
