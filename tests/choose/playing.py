"""The fake runtime with a script, in this process: nothing is started, no time passes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mncost.measure.runtimes.fake import Fake, Script
from mncost.measure.workers.local import local_worker
from mncost.measure.workers.worker import Worker, WorkerSpec
from tests.measure.scripted import instead_of_processes

CALM = Script(process=0.002, noise=0.002)
"""40 MACs a nanosecond: V2 takes 7.5 ms, V3-Large 5.4 ms, its 0.75 3.9 ms, V3-Small 1.4 ms."""


def play(monkeypatch: pytest.MonkeyPatch, script: Script = CALM) -> None:
    """Let the fake runtime do what a script says from now on."""

    def start_worker(spec: WorkerSpec, *, seed: int, quiet: Sequence[int]) -> Worker:
        return local_worker(spec, Fake(script, seed=seed))

    instead_of_processes(monkeypatch)
    monkeypatch.setattr("mncost.measure.workers.process.start_worker", start_worker)
