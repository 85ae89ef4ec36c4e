"""A graph as the two files of an ncnn model, converted from ONNX by the program ``pnnx``.

The package ``pnnx`` holds that program. Only its Python modules need torch, which pip would install
with several GB of CUDA, so that it is installed without its dependencies.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from mncost.errors import one_line

__all__ = ["NcnnModel", "ncnn_model"]

_SECONDS = 600.0


class NcnnModel(NamedTuple):
    """The files of a model: its layers as text, and its weights."""

    param: str
    bin: bytes


def ncnn_model(
    onnx: bytes, inputs: Sequence[Sequence[int]], metadata: Mapping[str, str] = MappingProxyType({})
) -> NcnnModel:
    """Convert an ONNX model for one image.

    Args:
        onnx: the file's content.
        inputs: the shapes of its inputs in order, without the batch.
        metadata: lines after the layers, which ncnn does not read.

    Raises:
        ValueError: ncnn has no such operator, or the conversion fails.
    """
    shapes = ",".join(f"[1,{','.join(map(str, shape))}]" for shape in inputs)
    with tempfile.TemporaryDirectory(prefix="mncost-") as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(onnx)
        try:
            done = subprocess.run(
                [_program(), str(file), f"inputshape={shapes}", "fp16=0"],
                cwd=folder,
                capture_output=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ValueError(f"pnnx had not ended after {_SECONDS:.0f} s") from None
        try:
            param = (file.with_suffix(".ncnn.param")).read_text("utf-8")
            weights = (file.with_suffix(".ncnn.bin")).read_bytes()
        except FileNotFoundError:
            raise ValueError(f"pnnx wrote no model, and ended with {done.returncode}") from None
    _check(param)
    lines = [f"# {name}: {one_line(value)}\n" for name, value in metadata.items()]
    return NcnnModel(param + "".join(lines), weights)


def _check(param: str) -> None:
    """Refuse a model with an operator that pnnx left as it was: ncnn's layers have plain names."""
    for line in param.splitlines()[2:]:
        kind = line.split()[0]
        if not kind.isalnum():
            raise ValueError(f"ncnn has no operator {kind}")


def _program() -> str:
    spec = find_spec("pnnx")  # importing it would import torch
    assert spec is not None
    assert spec.origin is not None
    name = "pnnx.exe" if sys.platform == "win32" else "pnnx"
    return str(Path(spec.origin).with_name(name))
