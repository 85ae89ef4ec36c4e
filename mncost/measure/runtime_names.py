"""The names of the runtimes, and limits of all: what is known without importing one."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MAX_BATCH", "MAX_THREADS", "REAL", "RUNTIMES", "USUAL"]

MAX_BATCH, MAX_THREADS = 4096, 1024  # that are accepted

RUNTIMES: Mapping[str, str] = {
    "onnxruntime": "mncost.measure.runtimes.onnxruntime:OnnxRuntime",
    "torch": "mncost.measure.runtimes.torch:Torch",
    "torch-compile": "mncost.measure.runtimes.torch_compile:TorchCompile",
    "openvino": "mncost.measure.runtimes.openvino:OpenVino",
    "litert": "mncost.measure.runtimes.litert:LiteRt",
    "ncnn": "mncost.measure.runtimes.ncnn:Ncnn",
    "executorch": "mncost.measure.runtimes.executorch:ExecuTorch",
    "fake": "mncost.measure.runtimes.fake:Fake",
}
"""Where the class of each runtime is, by name."""

REAL = tuple(name for name in RUNTIMES if name != "fake")
"""Runtimes that users are offered; ``fake`` is for tests."""

USUAL = ("onnxruntime", "torch")
"""What is measured if no runtime is named: those that are installed, or the first of them."""
