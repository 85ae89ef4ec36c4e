"""What the harness of ``mncost bench`` adds to a run, beside a bare loop around the same call.

Both run in one process, by turns, with the same session: the bursts that a worker answers with,
and a loop around ``session.run`` (or the module's call) that looks at the clock only before its
first run and after its last. Run from the top of the repository::

    python -m benchmarks.overhead

The exit status is 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from inspect import getclosurevars
from pathlib import Path
from typing import Any

import mncost
from mncost.measure.runtimes import Call, Runtime, runtime_class
from mncost.measure.workers.builder import Builder
from mncost.measure.workers.messages import LoadModel, RunBurst, encoded
from mncost.measure.workers.prepare import Recipe
from mncost.measure.workers.serve import Server

GOAL = 0.01
RUNTIMES = ("onnxruntime", "torch")
RUNS = 5  # of a burst, and of a bare loop


def bare_loop(runtime: str, call: Call) -> Callable[[], float]:
    """Return what runs a bare loop around the same session or module, and returns ns a run."""
    inside: dict[str, Any] = dict(getclosurevars(call).nonlocals)
    run = inside["run"]
    if runtime == "onnxruntime":
        feed = inside["feed"]

        def loop() -> float:
            start = time.perf_counter_ns()
            for _ in range(RUNS):
                run(None, feed)
            return (time.perf_counter_ns() - start) / RUNS

        return loop
    import torch

    images = inside["images"]

    def torch_loop() -> float:
        with torch.inference_mode():
            start = time.perf_counter_ns()
            for _ in range(RUNS):
                run(*images)
            return (time.perf_counter_ns() - start) / RUNS

    return torch_loop


class _Remembering:
    """A runtime that remembers the call that it loaded."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.call: Call | None = None

    def load(self, *arguments: Any, **options: Any) -> Call:
        self.call = self._runtime.load(*arguments, **options)
        return self.call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)


def overhead(runtime: str, repeats: int) -> tuple[float, float]:
    """Return the harness' overhead as a share of the median, and that median in ms."""
    network = mncost.load("v2")
    remembering = _Remembering(runtime_class(runtime)())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "v2"
        builder = Builder()
        recipe = Recipe(network.graph, network.inputs, remembering.format, "fp32", seed=0)
        builder.prepare(recipe, folder)
        builder.close()
        server = Server(remembering, 1)  # type: ignore[arg-type]
        load = encoded(LoadModel(cell=0, folder=str(folder)))
        assert "refused" not in server.answer(load)
    assert remembering.call is not None
    bare = bare_loop(runtime, remembering.call)
    burst = encoded(RunBurst(cell=0, warmups=0, runs=RUNS))
    ratios, medians = [], []
    for number in range(repeats):
        if number % 2:
            plain, harness = bare(), statistics.fmean(server.answer(burst)["ns"])
        else:
            harness, plain = statistics.fmean(server.answer(burst)["ns"]), bare()
        ratios.append(harness / plain)
        medians.append(plain)
    return statistics.median(ratios) - 1, statistics.median(medians) / 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=200, help="of both loops (default: 200)")
    parser.add_argument("--runtime", choices=RUNTIMES, help="only this one, in this process")
    options = parser.parse_args(arguments)
    if options.runtime is None:  # torch and ONNX Runtime never share a process
        command = [sys.executable, "-m", "benchmarks.overhead", "--repeats", str(options.repeats)]
        return max(
            subprocess.run([*command, "--runtime", runtime], check=False).returncode
            for runtime in RUNTIMES
        )
    share, median = overhead(options.runtime, options.repeats)
    verdict = "reached" if share <= GOAL else "MISSED"
    print(
        f"{options.runtime}: V2 1.0/224, {options.repeats} × {RUNS} runs each way, "
        f"{median:.2f} ms a run: the harness adds {share:+.2%}; goal: at most {GOAL:.0%}, {verdict}"
    )
    return 0 if share <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
