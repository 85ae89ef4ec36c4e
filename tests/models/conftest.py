"""These tests need what ``mncost[models]`` installs, and onnxruntime."""

from __future__ import annotations

from importlib.util import find_spec

NEEDED = ("torch", "onnx", "onnxruntime", "safetensors")
collect_ignore_glob = [] if all(map(find_spec, NEEDED)) else ["test_*.py"]
