"""What every test of this repository shares: workers, signals, leftovers; documents are tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests import leftovers
from tests.documents import pytest_collect_file

__all__ = ["pytest_collect_file"]

_FIRST = (
    "test_real_runtimes",
    "test_tools",
    "test_verify",
    "test_onnx",
    "test_options",
    "README.md",
    "tests/measure",
    "docs/",
    "",
)
_MOST_WORKERS = 8
_WORKER_BYTES = 2**31  # torch, onnx and a network with its twin


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many workers share the tests; a file is tested by one of them, in order."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        memory = _MOST_WORKERS * _WORKER_BYTES
    workers = max(1, min(cpus, _MOST_WORKERS, memory // _WORKER_BYTES))
    files = [argument.partition("::")[0] for argument in config.args]
    if all(file.endswith(".py") for file in files):
        workers = min(workers, len(set(files)))
    return workers if workers > 1 else 0


def pytest_configure(config: pytest.Config) -> None:
    """Give signals their usual meaning, and mark whatever the tests of this process start."""
    # `nohup pytest &` ignores SIGINT, and every process that a test starts would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A pytest that is told to end tears its fixtures down, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if hasattr(config, "workerinput") or not config.getoption("tx", None):
        leftovers.mark()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of models as those that need torch; begin with the files that take longest."""
    for item in items:
        if item.path.parent.name == "models":
            item.add_marker("torch")
    # A file goes to one worker: a long one at the end would leave the other workers idle.
    items.sort(key=lambda item: min(i for i, name in enumerate(_FIRST) if name in str(item.path)))


def pytest_sessionfinish() -> None:
    """End whatever is left, also after a run that was interrupted."""
    leftovers.kill(leftovers.leftovers())


@pytest.fixture(autouse=True, scope="module")
def _ends_what_it_started() -> Iterator[None]:
    """Fail, once, a file whose tests leave processes behind."""
    yield
    if left := leftovers.leftovers():
        leftovers.kill(left)
        lines = [f"{process.pid}: {process.command}\n  of {process.test}" for process in left]
        pytest.fail("\n".join(["processes outlive their tests:", *lines]), pytrace=False)
