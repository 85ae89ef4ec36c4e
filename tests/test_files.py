"""Pipes and devices without an end are no files: one line, before anything is read of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mncost.errors import InputError
from mncost.files import size_of
from mncost.nas.log import Log
from tests.running import in_process

SAID = "a pipe or a device: accepted is a file"
pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


def test_the_size_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    assert size_of(file) == 3
    with pytest.raises(FileNotFoundError):
        size_of(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("net.onnx", "table net.onnx"),
        ("net.tflite", "table net.tflite"),
        ("w.pth", "prune v2 --channels 0.5 -o narrow.toml --weights w.pth"),
        ("w.safetensors", "export v2 -o net.onnx --weights w.safetensors"),
        ("log.jsonl", "plot log.jsonl -o log.svg"),
    ],
)
def test_a_pipe_is_refused_before_it_is_opened(name: str, words: str, here: Path) -> None:
    """Nobody writes into it: to open it would take for ever."""
    pytest.importorskip("numpy")
    if "net." in name:
        pytest.importorskip({"net.onnx": "onnx", "net.tflite": "ai_edge_litert"}[name])
    os.mkfifo(name)
    done = in_process(words.split())
    assert (done.status, done.out) == (2, "")
    assert SAID in done.err
    assert done.err.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_a_device_is_no_log_of_a_search() -> None:
    with pytest.raises(InputError, match=SAID):
        Log.read(Path("/dev/zero"))
