"""What ONNX Runtime's profiler says: how long each kernel took in each run."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mncost.measure.runtimes import KernelTimes

__all__ = ["read_profile"]

_RUN, _KERNEL, _SUFFIX = "model_run", "Node", "_kernel_time"


def read_profile(file: Path) -> KernelTimes:
    """Read the file that ``InferenceSession.end_profiling`` wrote.

    The profiler counts whole microseconds. A kernel that ran several times in a run counts as one.

    Raises:
        ValueError: there is a kernel outside of every run.
    """
    events: list[Mapping[str, Any]] = json.loads(file.read_text())
    runs = sorted((e["ts"], e["dur"]) for e in events if e["name"] == _RUN)
    kernel_times = KernelTimes([1000 * dur for _, dur in runs], {})
    starts = [ts for ts, _ in runs]
    for event in events:
        if event["cat"] == _KERNEL and event["name"].endswith(_SUFFIX):
            run = _run_of(event, runs, starts)
            name = event["name"].removesuffix(_SUFFIX)
            times = kernel_times.kernels.setdefault(name, [0] * len(runs))
            times[run] += 1000 * event["dur"]
    return kernel_times


def _run_of(
    event: Mapping[str, Any], runs: Sequence[tuple[int, int]], starts: Sequence[int]
) -> int:
    index = bisect_right(starts, event["ts"]) - 1
    if index < 0 or event["ts"] > runs[index][0] + runs[index][1]:
        raise ValueError(f"the profile has {event['name']} outside of every run")
    return index
