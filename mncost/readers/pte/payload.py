"""A ``.pte`` program as it is stored, taken apart by ExecuTorch's own package."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["program_of", "xnnpack_graph"]

_MAGIC, _PLACE = slice(4, 8), slice(10, 18)  # the flat buffer's offset and size
_NO_NUMBER = re.compile(r"(?<=: )-?(?:inf|nan)\b")  # a bound that is none


def program_of(content: bytes) -> Any:
    """Return the program of a file: its plans, and what its delegates are given.

    Args:
        content: of the file.
    """
    with _silence():
        from executorch.exir._serialize._program import deserialize_pte_binary

        return deserialize_pte_binary(content).program


def xnnpack_graph(payload: bytes) -> Any:
    """Return the graph that XNNPACK is given, as its schema has it.

    Args:
        payload: a header, the graph as a flat buffer, and maybe weights.

    Raises:
        ValueError: it has no such header.
    """
    if payload[_MAGIC] != b"XH00":
        raise ValueError("a part for XNNPACK without its header")
    offset, size = struct.unpack("<II", payload[_PLACE])
    with _silence():
        from executorch.backends.xnnpack import serialization
        from executorch.exir._serialize._flatbuffer import _flatc_decompile

    schema = Path(next(iter(serialization.__path__))) / "schema.fbs"
    with tempfile.TemporaryDirectory(prefix="mncost-") as folder:
        file = Path(folder) / "graph.bin"
        file.write_bytes(payload[offset : offset + size])
        _flatc_decompile(folder, str(schema), str(file), ["--raw-binary"])
        text = file.with_suffix(".json").read_text("utf-8")
    return json.loads(_NO_NUMBER.sub("null", text))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep from the standard streams what the package says when it is imported."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
