"""An ONNX model as the two files of an OpenVINO model, its intermediate representation (IR)."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

__all__ = ["openvino_model"]


def openvino_model(onnx: bytes) -> tuple[bytes, bytes]:
    """Convert an ONNX model; return the contents of the ``.xml`` and of the ``.bin`` file.

    Weights stay as they are: OpenVINO itself would write them in 16 bits. The metadata stands in
    the runtime information of the model, under ``framework``.

    Args:
        onnx: the file's content.
    """
    # To import OpenVINO is an event that it tells a web analytics service, if it has this.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    with tempfile.TemporaryDirectory(prefix="mncost-") as folder:
        source, target = Path(folder) / "model.onnx", Path(folder) / "model.xml"
        source.write_bytes(onnx)
        model = openvino.Core().read_model(source)
        openvino.save_model(model, os.fspath(target), compress_to_fp16=False)
        return target.read_bytes(), target.with_suffix(".bin").read_bytes()
