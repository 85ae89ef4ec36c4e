"""Measuring asks no name server, connects to nothing, and writes nothing to the home directory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mncost.measure.runtimes import is_installed

SMALL = ("--arch", "v1", "--alpha", "0.1", "--resolution", "32", "--no-twin")
# A scripted second is short: each of its processes starts in no time.
SECONDS = {"fake": "0.02s"}
NETWORK = re.compile(r"AF_INET|AF_INET6|AF_NETLINK|nscd")


def can_trace() -> bool:
    """Whether there is a strace, and it may trace processes."""
    if shutil.which("strace") is None:
        return False
    return (
        subprocess.run(["strace", "-qq", "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.fixture(scope="module", autouse=True)
def _strace() -> None:
    if not can_trace():
        pytest.skip("strace is not installed, or may not trace")


def traced(command: list[str], home: Path) -> list[str]:
    """Run a command with a home of its own; return the system calls that concern networks."""
    log = home.with_name("strace")
    subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=%network", "-o", str(log), *command],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=600,
    )
    return [line for line in log.read_text().splitlines() if NETWORK.search(line)]


def environment(home: Path) -> dict[str, str]:
    """Return this one, without switches for telemetry, and with a user who is not looked up."""
    left = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    cache = str(home.with_name("inductor"))
    own = {"HOME": str(home), "XDG_CACHE_HOME": str(home), "TORCHINDUCTOR_CACHE_DIR": cache}
    return {**left, **own, "USER": "tester"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.mark.parametrize(
    ("runtime", "precisions"),
    [
        ("fake", "fp32"),
        ("onnxruntime", "fp32,int8"),
        ("openvino", "fp32"),
        ("litert", "fp32,int8"),
        ("ncnn", "fp32"),
        ("torch", "fp32"),
        pytest.param("torch-compile", "fp32", marks=pytest.mark.slow),
    ],
)
def test_measuring_is_silent(runtime: str, precisions: str, home: Path) -> None:
    if not is_installed(runtime):
        pytest.skip(f"{runtime} is not installed")
    what = ["--runtime", runtime, "--precision", precisions]
    short = ["--processes", "1", "--max-time", SECONDS.get(runtime, "2s")]
    command = [sys.executable, "-m", "mncost", "bench", *SMALL, *short, *what]
    assert traced(command, home) == []
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_the_trace_sees_a_look_up(home: Path) -> None:
    program = "import socket; socket.getaddrinfo('localhost.invalid', 80)"
    command = [sys.executable, "-c", f"try: {program}\nexcept OSError: pass"]
    assert traced(command, home) != []
