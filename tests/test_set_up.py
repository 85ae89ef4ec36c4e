"""What the documents say to type first works in a fresh clone, in one shell, as it is written.

Other tests run the documents' commands where everything is installed. Here nothing is: the
commands come from the page, in its order, and pip installs into a new environment. They are run as
they are written, but that measurements get a shorter ``--max-time``, and the test suite runs one
file.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT, parsed

PAGES = ("README.md", "docs/installing.md")
MEASURES = re.compile(r"mncost (calibrate|bench|compare .*--bench|pick .*--max-latency|check)")
_SECONDS = 3600  # for a page, on a busy machine


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-c", "constraints.txt"]
    git = ["git", "clone", "-q", str(ROOT), str(folder / "mncost")]
    for command, reason in [
        ([*pip, "-d", str(folder), "msgspec"], "no package index"),
        (git, "no git repository"),
    ]:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{reason}: {done.stderr.strip()[-200:]}")
    return folder / "mncost"


@pytest.mark.set_up
@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_in_one_shell(page: str, clone: Path) -> None:
    subprocess.run(["git", "clean", "-fdxq"], cwd=clone, check=True)
    commands = _commands(clone / page)
    printed = _in_one_shell(commands, clone)
    statuses = [int(line) for line in (clone / "statuses").read_text().split()]
    assert len(statuses) == len(commands), printed[-2000:]
    wrong = [
        f"exit status {status}: {command}"
        for command, status in zip(commands, statuses, strict=True)
        if status not in _accepted(command)
    ]
    assert not wrong, f"{wrong}\n{printed[-4000:]}"


def _in_one_shell(commands: list[str], clone: Path) -> str:
    """Run commands in one shell, which writes their statuses; return what they print."""
    lines = [f"{_short(command)}\necho $? >>statuses\n" for command in commands]
    shell = subprocess.Popen(
        ["bash", "-c", "set -o pipefail\n" + "".join(lines)],
        cwd=clone,
        env=_environment(clone),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        return shell.communicate(timeout=_SECONDS)[0]
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.communicate()


def _short(command: str) -> str:
    """Return a command that measures for a short time only."""
    if not MEASURES.match(command) or "--exact-only" in command:
        return command
    text, *comment = re.split(r"\s+#", command, maxsplit=1)
    seconds = 60 if "--save" in text or "calibrate" in text else 10  # what others go on with
    return " #".join([f"{text} --max-time {seconds}s", *comment])


def _commands(page: Path) -> list[str]:
    """Return the commands of the blocks marked sh, in the order of the page."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    left_out = ("#", "python -m benchmarks.")  # these take an hour
    return [line for line in lines if line.strip() and not line.startswith(left_out)]


def _accepted(command: str) -> tuple[int, ...]:
    """Return the statuses that are right; what a measurement decides is the machine's business."""
    wanted = parsed(command, "").status
    return (0, 1, 3) if MEASURES.match(command) else (wanted,)


def _environment(clone: Path) -> dict[str, str]:
    """Return a newcomer's environment; of the test suite, only the units are run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept.pop("VIRTUAL_ENV", None)
    path = [part for part in kept["PATH"].split(os.pathsep) if ".venv" not in part]
    return kept | {
        "PATH": os.pathsep.join(path),
        "XDG_STATE_HOME": str(clone / "state"),
        "PYTEST_ADDOPTS": "-n0 -q --no-header -k test_units",
    }
