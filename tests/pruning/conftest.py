"""These tests need torch and safetensors."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = (
    [] if all(map(find_spec, ("torch", "numpy", "safetensors"))) else ["test_*.py"]
)
