"""Profiles of a machine: values replaced, left out, doubled; bytes that are wrong."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from random import Random

from tests.fuzz.run_files import changed, flipped
from tests.fuzz.trying import call, chance, outcome

SPACE = 'arch = "v2"\nchoices = [{ rows = ["row3", "row4"], kernel = [3, 5] }]\n'
READERS = (
    ("predict", "--arch", "v2", "--alpha", "0.6"),
    ("predict", "--arch", "v1,v3-small", "--format", "json"),
    ("predict", "--arch", "v2", "--check", "--max-time", "1s"),
    ("table", "--arch", "v2", "--latency", "predicted"),
    ("pick", "--arch", "v2", "--predicted", "--max-latency", "8ms"),
    ("space", "space.toml", "--predicted", "--pareto", "latency,macs:max"),
)
WEIGHTS = (6, 3, 1, 3, 3, 3)
MEASURED = "v2 --alpha 0.35:1.0 --resolution 96,128 --no-twin --max-time 2s --save run.json"


def attempt(random: Random) -> str:
    """Predict from a profile that is damaged, or that somebody has made up."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(Path.cwd() / "state")
    try:
        return _attempt(random)
    finally:
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before


def _attempt(random: Random) -> str:
    name, good = _profile()
    content = flipped(random, good) if chance(random, 6) else changed(random, good)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content)
    Path("space.toml").write_text(SPACE)
    return outcome(call(random.choices(READERS, WEIGHTS)[0]))


@functools.cache
def _profile() -> tuple[str, bytes]:
    """Return the file of a profile and what stands in it, made by the scripted runtime."""
    for words in (f"bench {MEASURED} --runtime onnxruntime", "calibrate --from run.json"):
        result = call(words.split())
        assert result.status == 0, result
    (path,) = Path("state/mncost/profiles").iterdir()
    return str(path), path.read_bytes()
