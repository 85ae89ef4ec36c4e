"""A scheduler and workers of Dask as processes on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.running import environment, wait_until

# A worker that notes when each task begins and ends; DIES: it is killed in its task of this number;
# LOSES: when that task has just ended, so that its result may be lost.
_PRELOAD = """
import functools, importlib, os, threading, time

def watched(module, name):
    module = importlib.import_module(module)
    task, count = getattr(module, name), 0
    if hasattr(task, "__wrapped__"):
        return  # Dask runs a preload several times

    def note(what):
        with open(os.environ["NOTES"], "a") as notes:
            notes.write(f"{what} {time.monotonic()} {os.getpid()}\\\\n")

    @functools.wraps(task)
    def noted(*words, **options):
        nonlocal count
        count += 1
        note("begins")
        if str(count) == os.environ.get("DIES"):
            os._exit(9)
        try:
            return task(*words, **options)
        finally:
            note("ends")
            if str(count) == os.environ.get("LOSES"):
                threading.Timer(0.02, os._exit, [9]).start()

    setattr(module, name, noted)

watched("mncost.cluster.space", "_count")
watched("mncost.cluster.tasks", "generation")
"""


class Cluster:
    """A scheduler and its workers.

    Attributes:
        address: of the scheduler.
        notes: where workers note their tasks.
    """

    def __init__(self, folder: Path, options: Sequence[str], env: Mapping[str, str]) -> None:
        """Start nothing yet."""
        self.folder, self.options = folder, options
        self.file, self.notes = folder / "scheduler.json", folder / "notes"
        self.notes.touch()
        (folder / "watched.py").write_text(_PRELOAD.replace("\\\\n", "\\n"), "utf-8")
        self.env = environment({"NOTES": str(self.notes), **env})
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the scheduler."""
        words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.scheduler = self._start("scheduler", *words)
        wait_until(lambda: self.file.exists() and self.file.read_text("utf-8").endswith("}"))
        self.address: str = json.loads(self.file.read_text("utf-8"))["address"]

    def worker(self, *options: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a worker, and wait until the scheduler knows it; the last of two options holds."""
        number = len(self.processes)
        words = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--resources", "MEASURE=1"]
        words += ["--host", "127.0.0.1", "--name", f"worker{number}"]
        words += ["--preload", str(self.folder / "watched.py"), "--death-timeout", "100"]
        words += ["--local-directory", str(self.folder)]
        log = self.folder / f"{number}.log"
        process = self._start("worker", *words, *options, **env)
        wait_until(lambda: b"Registered to" in log.read_bytes())
        return process

    def noted(self) -> list[tuple[str, float, int]]:
        """Return what workers noted: what happened, when, and in which process."""
        lines = [line.split() for line in self.notes.read_text("ascii").splitlines()]
        return [(what, float(when), int(pid)) for what, when, pid in lines]

    def close(self) -> None:
        """Kill everything."""
        for process in self.processes:
            process.kill()
            process.wait()

    def _start(self, what: str, *words: str, **env: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"{len(self.processes)}.log"
        program = [sys.executable, "-m", f"distributed.cli.dask_{what}"]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*program, *self.options, *words, "--scheduler-file", str(self.file)],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**self.env, **env},
                cwd=os.fspath(self.folder),
            )
        self.processes.append(process)
        return process


@contextmanager
def cluster(folder: Path, *options: str, **env: str) -> Iterator[Cluster]:
    """Yield a cluster without workers; its processes end, whatever happens."""
    made = Cluster(folder, options, env)
    try:
        made.start()
        yield made
    finally:
        made.close()
