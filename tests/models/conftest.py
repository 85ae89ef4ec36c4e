"""These tests need what ``mncost[models]`` installs, and onnxruntime."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

NEEDED = ("torch", "onnx", "onnxruntime", "safetensors")
collect_ignore_glob = [] if all(map(find_spec, NEEDED)) else ["test_*.py"]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """The models are small: on a busy machine a second thread makes them slower, not faster."""
    import torch

    torch.set_num_threads(1)
