"""Logs of a search: values replaced, left out, doubled; lines that are cut, moved or missing."""

from __future__ import annotations

import functools
from pathlib import Path
from random import Random

from tests.fuzz.run_files import changed, flipped
from tests.fuzz.trying import call, chance, outcome
from tests.nas.small import SIDE, START, TEXT

NETWORK = TEXT.format(side=SIDE, **{"out16": START["stem"], **START})
PROFILE = "calibrate v2 --alpha 0.35 --resolution 96 --runtime fake --max-time 2s"
SEARCH = "search net.toml --max-latency 40us --runtime fake --no-measure --step 5% -o found.toml"
PLOT = "plot found.jsonl -o log.svg"


def attempt(random: Random) -> str:
    """Draw a log that is damaged, or that somebody has made up, or go on in it."""
    good = _log()
    Path("net.toml").write_text(NETWORK)
    content = flipped(random, good) if chance(random, 6) else b"".join(_lines(random, good))
    Path("found.jsonl").write_bytes(content)
    resume = f"{SEARCH} --resume found.jsonl"
    return outcome(call((resume if chance(random, 4) else PLOT).split()))


def _lines(random: Random, good: bytes) -> list[bytes]:
    """Return the lines of a log, one of them changed, moved, doubled or left out."""
    lines = good.splitlines(keepends=True)
    number = random.randrange(len(lines))
    line = lines.pop(number)
    if chance(random, 6):
        return lines
    if chance(random, 6):
        lines.insert(random.randrange(len(lines) + 1), line)
        return lines
    lines.insert(number, changed(random, line) + b"\n")
    return [*lines, *lines[-1:]] if chance(random, 10) else lines


@functools.cache
def _log() -> bytes:
    """Return the log of a small search, predicted from the scripted runtime's profile."""
    Path("net.toml").write_text(NETWORK)
    for words in (PROFILE, SEARCH):
        result = call(words.split())
        assert result.status in (0, 1, 3), result
    return Path("found.jsonl").read_bytes()
