"""What the tests of searches share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.measure.scripted import instead_of_processes
from tests.running import in_process


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Calibrate once, in a directory of its own; every process is equally fast."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_STATE_HOME", str(folder))
        patch.setenv("LOCALAPPDATA", str(folder))
        instead_of_processes(patch)
        line = "calibrate v2 --resolution 96,128,224 --runtime fake --max-time 4s"
        assert in_process(line.split()).status == 0
        yield folder
