"""What each extra of mncost installs, and the one message about what is not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.util import find_spec

from mncost.errors import MissingExtraError

__all__ = ["EXTRAS", "install", "missing", "require"]

EXTRAS: dict[str, tuple[str, ...]] = {
    "frame": ("pandas",),
    "torch": ("torch",),
    "onnx": ("numpy", "onnx"),
    "models": ("torch", "numpy", "onnx", "safetensors"),
    "verify": ("torch", "numpy", "onnx", "fvcore"),
    "results": ("numpy", "scipy"),
    "bench": ("numpy", "scipy", "onnx", "psutil"),
    "space": ("numpy",),
    "cluster": ("numpy", "distributed"),
    "parquet": ("numpy", "pyarrow"),
    "litert": ("numpy", "ai_edge_litert"),
    "openvino": ("numpy", "onnx", "openvino"),
    "executorch": ("numpy", "torch", "executorch"),
    "coreml": ("torch", "coremltools"),
    "ncnn": ("numpy", "onnx", "pnnx"),
    "plot": ("matplotlib",),
    "report": ("numpy", "scipy", "matplotlib", "jinja2"),
    "pyperf": ("pyperf",),
}
"""The modules that the features of each extra cannot do without; ``pyproject.toml`` lists what it
installs."""

_WITH_TORCH = ("torch", "models", "verify", "executorch", "coreml")
_CPU_BUILD = (
    "; on Linux first PyTorch's CPU build, or CUDA comes with it: uv pip install "
    "--torch-backend=cpu torch, or what pytorch.org says under Start locally"
)

# What no extra installs, because pip would bring several GB of dependencies that are not used.
_ALONE = {"ncnn": "pnnx"}

_ALSO = {"bench": ("onnxruntime",)}  # installed with it, but another runtime does as well


def require(*extras: str, besides: str | None = None) -> None:
    """Check that everything is installed that the features of some extras need.

    Nothing is imported. Name the smallest extra that suffices.

    Args:
        extras: their names.
        besides: an extra that they bring, whose features are needed too.

    Raises:
        MissingExtraError: something is not installed; the message says how to install it.
    """
    needed = [*([besides] if besides else []), *extras]
    lacking = missing(name for extra in needed for name in EXTRAS[extra])
    if lacking:
        also = missing(name for extra in extras for name in _ALSO.get(extra, ()))
        raise MissingExtraError([*lacking, *also], install(*extras))


def missing(modules: Iterable[str]) -> list[str]:
    """Return those of some modules that are not installed, in order."""
    return [name for name in dict.fromkeys(modules) if find_spec(name) is None]


def install(*extras: str) -> str:
    """Return the command that installs extras for the running interpreter.

    If that would bring a torch with CUDA, it says how to get one without.
    """
    import shlex

    python = shlex.quote(sys.executable or "python3")
    brings_cuda = sys.platform == "linux" and {*_WITH_TORCH} & {*extras} and missing(["torch"])
    command = f"{python} -m pip install 'mncost[{','.join(extras)}]'"
    for package in (_ALONE[extra] for extra in extras if extra in _ALONE):
        command += f" && {python} -m pip install --no-deps {package}"
    return f"{command}{_CPU_BUILD}" if brings_cuda else command
