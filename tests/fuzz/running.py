"""Running fuzzers: each input by its number, in an empty directory, with nothing measured."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, NoReturn

import pytest
import typer

from mncost.cli.main import _app
from tests.fuzz import (
    architectures,
    axes,
    budgets,
    grammar,
    heads,
    models,
    options,
    profiles,
    pruning,
    run_files,
    searches,
    spaces,
)
from tests.fuzz import faults as worker_faults
from tests.fuzz.trying import Attempt
from tests.measure.scripted import instead_of_processes
from tests.running import use_state

_SECONDS = 120  # that one input may take, on a busy machine
_OWN = ("tests/fuzz/", "tests/running.py")


class Fuzzer(NamedTuple):
    """What tries one input, and how many inputs it gets compared with the others."""

    attempt: Attempt
    weight: int


FUZZERS = {
    "architectures": Fuzzer(architectures.attempt, 30),
    "grammar": Fuzzer(grammar.attempt, 22),
    "onnx": Fuzzer(models.onnx, 3),
    "tflite": Fuzzer(models.tflite, 3),
    "axes": Fuzzer(axes.attempt, 18),
    "budgets": Fuzzer(budgets.attempt, 16),
    "run_files": Fuzzer(run_files.attempt, 8),
    "heads": Fuzzer(heads.attempt, 4),
    "spaces": Fuzzer(spaces.attempt, 4),
    "profiles": Fuzzer(profiles.attempt, 5),
    "searches": Fuzzer(searches.attempt, 5),
    "pruning": Fuzzer(pruning.attempt, 2),
    "options": Fuzzer(options.attempt, 2),
    "faults": Fuzzer(worker_faults.attempt, 1),
}


class Tried(NamedTuple):
    """What became of some inputs; each fault in a line, and the number of its input."""

    outcomes: dict[str, int]
    faults: list[tuple[str, int]]


def try_many(name: str, seed: int, first: int, count: int) -> Tried:
    """Try these inputs of a fuzzer."""
    outcomes: Counter[str] = Counter()
    faults: list[tuple[str, int]] = []
    with _nothing_measured():
        for index in range(first, first + count):
            try:
                outcomes[_one(name, seed, index)] += 1
            except Exception as error:
                outcomes["FAULT"] += 1
                faults.append((_line(error), index))
    return Tried(outcomes, faults)


def repeat(name: str, seed: int, index: int) -> str:
    """Try one input; what goes wrong is raised."""
    with _nothing_measured():
        return _one(name, seed, index)


def _one(name: str, seed: int, index: int) -> str:
    random = Random(f"{name} {seed} {index}")
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        signal.alarm(_SECONDS)
        try:
            return FUZZERS[name].attempt(random)
        finally:
            signal.alarm(0)
            os.chdir(before)


@contextlib.contextmanager
def _nothing_measured() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as state:
        use_state(patch.setenv, Path(state))
        instead_of_processes(patch)
        _made_once(patch)
        for name, value in {"COLUMNS": "100", "TERM": "dumb"}.items():
            patch.setenv(name, value)
        before = signal.signal(signal.SIGALRM, _too_long)
        try:
            yield
        finally:
            signal.signal(signal.SIGALRM, before)


def _made_once(patch: pytest.MonkeyPatch) -> None:
    """Let every command's parser be made once: that takes longer than most inputs."""
    make = functools.cache(lambda name: _app([name]))
    module = sys.modules["mncost.cli.main"]  # the package has a function of this name
    patch.setattr(module, "_app", lambda arguments: make(arguments[0] if arguments else ""))
    patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))


def _too_long(*_: Any) -> NoReturn:
    raise TimeoutError(f"one input takes more than {_SECONDS} s")


def _line(error: Exception) -> str:
    """Return where a fault happened, and a line of what it says: equal for equal faults."""
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "/mncost/" in frame.filename and not any(own in frame.filename for own in _OWN)
    ]
    said = (str(error).splitlines() or [""])[0][:150]
    return f"{type(error).__name__} in {frames[-1] if frames else 'the check'}: {said}"
