"""How large an environment is with each extra, and how long pip takes to make it.

Run from the top of the repository, on Linux::

    python -m benchmarks.extras             # every extra of docs/installing.md
    python -m benchmarks.extras bench plot

Each extra gets a virtual environment of its own, which is removed again. pip downloads a wheel
once and takes it from its cache afterwards: a second run times the installation alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

EXTRAS = ["", "frame", "onnx", "results", "plot", "report", "bench", "openvino", "litert", "ncnn"]
EXTRAS += ["space", "parquet", "cluster", "torch", "models", "verify", "coreml", "executorch"]
EXTRAS += ["bench,models", "dev"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Install each extra, print its size and time, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help="default: all")
    options = parser.parse_args(arguments)
    print(f"{'extra':14} {'MB':>6} {'seconds':>8} {'CPU seconds':>12}")
    for extra in options.extras or EXTRAS:
        with tempfile.TemporaryDirectory() as folder:
            before, start = os.times(), time.perf_counter()
            _install(extra, Path(folder))
            after, seconds = os.times(), time.perf_counter() - start
            cpu = sum(after[2:4]) - sum(before[2:4])  # user and system time of children
            print(
                f"{extra or '(none)':14} {_size(folder):6} {seconds:8.0f} {cpu:12.0f}", flush=True
            )
    return 0


def _install(extra: str, folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    what = f".[{extra}]" if extra else "."
    pip = [str(folder / "bin" / "pip"), "install", "-q", "-c", "constraints.txt", what]
    subprocess.run(pip, check=True)


def _size(folder: str) -> int:
    """Return the MB of a folder on the disk, as ``du`` counts them."""
    printed = subprocess.run(["du", "-sm", folder], check=True, capture_output=True, text=True)
    return int(printed.stdout.split()[0])


if __name__ == "__main__":
    sys.exit(main())
