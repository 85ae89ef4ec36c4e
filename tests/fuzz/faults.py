"""Faults of workers, by script: they die, hang, refuse, leave and print, anywhere and any time."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from xml.etree import ElementTree

from mncost.measure.runtimes.fake import SCRIPT
from tests.fuzz.trying import call, chance, outcome

WHERE = ("start", "load", "run", "copy")
WHAT = ("die", "exit", "refuse", "print")
MACS = (None, 59_285_808)  # v2 α 0.35 at 224 px
SMALL = ("--alpha", "0.35", "--runtime", "fake", "--max-time", "2s")
COMMANDS = (
    ("bench", "--arch", "v2", *SMALL, "--save", "run.json"),
    ("bench", "--arch", "v2", *SMALL, "--by", "layer"),
    ("compare", "--arch", "v2", "--bench", *SMALL, "--save", "run.json"),
    ("check", "budgets.toml", "--max-time", "2s", "--junit", "out.xml", "--save", "run.json"),
    ("check", "budgets.toml", "--max-time", "2s", "--junit", "out.xml", "--inconclusive", "pass"),
    ("pick", "--arch", "v2", "--alpha", "0.35,0.5", "--max-latency", "8ms", "--max-time", "2s",
     "--runtime", "fake"),
)  # fmt: skip
BUDGET = (
    '[[budget]]\nmodel = { arch = "v2", alpha = 0.35 }\nruntime = "fake"\n'
    'latency = { p50 = "1.5 ms" }\n'
    '[[budget]]\nmodel = { arch = "v2", alpha = 0.35 }\nruntime = "fake"\n'
    'latency = { max_ratio = 1.1, to = { arch = "v2" } }\n'
)


def attempt(random: Random) -> str:
    """Measure while workers misbehave: what is printed, saved and returned goes together."""
    Path("budgets.toml").write_text(BUDGET)
    os.environ[SCRIPT] = json.dumps({"noise": 0.01, "faults": _faults(random)})
    words = random.choice(COMMANDS)
    try:
        result = call(words)
    finally:
        del os.environ[SCRIPT]
    if Path("run.json").exists() and result.status != 2:
        assert call(["show", "run.json"]).status in (0, 1)
    if Path("out.xml").exists():
        suite = ElementTree.parse("out.xml").getroot()
        bad = {name: int(suite.get(name) or 0) for name in ("failures", "errors")}
        # A cell that could not be measured is an error in every output, whatever is inconclusive.
        expected = {0: (False, False), 1: (True, bad["errors"] > 0), 2: (bad["failures"] > 0, True)}
        said = (bad["failures"] > 0, bad["errors"] > 0)
        assert said == expected.get(result.status, (False, True)), (bad, result)
    return outcome(result)


def _faults(random: Random) -> list[dict[str, object]]:
    return [
        {
            "on": random.choice(WHERE),
            "do": random.choice(WHAT),
            **({"macs": MACS[1]} if chance(random, 2) else {}),
            **({"seed": random.randrange(4)} if chance(random, 2) else {}),
            **({"after": random.randrange(60)} if chance(random, 2) else {}),
        }
        for _ in range(random.randint(0, 3))
    ]
