"""Run files: values replaced, left out, doubled; bytes that are wrong; read by every command."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.trying import HOSTILE, call, chance, outcome

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        1,
        -1,
        2,
        10**18,
        10**400,
        0.0,
        -1.5,
        1e308,
        1e-308,
        "",
        "x",
        [],
        {},
        [0],
        [[]],
    ),
    *HOSTILE,
)
READERS = (
    ("show", "run.json"),
    ("show", "run.json", "--format", "csv"),
    ("show", "run.json", "--format", "json"),
    ("show", "run.json", "--format", "markdown"),
    ("show", "run.json", "--by", "layer"),
    ("show", "run.json", "-v"),
    ("show", "run.json", "--percentiles", "50,99"),
    ("show", "run.json", "--export", "pyperf"),
    ("diff", "good.json", "run.json"),
    ("compare-runs", "run.json", "good.json"),
    ("compare", "--run", "run.json"),
    ("report", "run.json", "-o", "x.html"),
    ("plot", "run.json", "--kind", "layers", "-o", "x.svg"),
    ("pick", "--run", "run.json", "--max-latency", "8ms"),
    ("plot", "run.json", "--x", "macs", "--y", "latency", "-o", "x.svg"),
    ("check", "budgets.toml", "--baseline", "run.json", "--max-time", "1s"),
    ("bench", "--resume", "run.json", "--max-time", "2s"),
)
WEIGHTS = (6, 3, 3, 3, 3, 3, 2, 2, 6, 3, 3, 1, 1, 3, 1, 1, 1)
BUDGET = (
    '[[budget]]\nmodel = { arch = "v2", alpha = 0.35, resolution = 96 }\nruntime = "fake"\n'
    'latency = { regression = "10 %", against = "baseline" }\n'
)
SMALL = "--arch v2 --alpha 0.35 --resolution 96 --runtime fake --max-time 1s --save run.json"
# The present form of a run: pairs, layers, several threads and images, either clock, a seed.
MADE = (
    f"bench {SMALL}",
    f"bench {SMALL} --by layer --clock wall",
    f"compare --bench {SMALL} --layers --memory",
    f"bench {SMALL} --threads 2 --batch 4 --seed 3 --precision int8 --no-twin",
)


def attempt(random: Random) -> str:
    """Read a run file that is damaged, or that somebody has made up."""
    good = _run(random.choice(MADE))
    Path("good.json").write_bytes(good)
    Path("budgets.toml").write_text(BUDGET)
    content = flipped(random, good) if chance(random, 6) else changed(random, good)
    Path("run.json").write_bytes(content)
    words = random.choices(READERS, WEIGHTS)[0]
    result = call(words)
    if result.status == 2 and words[0] != "bench":
        assert Path("run.json").read_bytes() == content
    return outcome(result)


@functools.cache
def _run(line: str) -> bytes:
    """Return a small run, made by the scripted runtime."""
    result = call(line.split())
    assert result.status == 0, result
    content = Path("run.json").read_bytes()
    Path("run.json").unlink()
    return content


def flipped(random: Random, content: bytes) -> bytes:
    """Return the file with some bytes changed, or cut."""
    data = bytearray(content)
    for _ in range(random.randint(1, 4)):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data[: random.randrange(len(data))] if chance(random, 4) else data)


def changed(random: Random, content: bytes) -> bytes:
    """Return the file with some values changed, most often for others of their type."""
    document = json.loads(content)
    for _ in range(random.randint(1, 3)):
        holder: Any = document
        key = _key(random, holder)
        while isinstance(holder[key], dict | list) and holder[key] and not chance(random, 12):
            holder = holder[key]
            key = _key(random, holder)
        if chance(random, 8):
            del holder[key]
        elif chance(random, 8) and isinstance(holder, list):
            holder.append(holder[key])
        else:
            holder[key] = _other(random, holder[key])
        if not document:
            break
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _other(random: Random, value: Any) -> Any:
    """Return another value: of the same type, or of any."""
    match value:
        case _ if chance(random, 6):
            return random.choice(VALUES)
        case bool():
            return not value
        case int():
            return random.choice((0, -1, 1, 2, 10**18, 10**400, -value, value * 1000, value + 1))
        case float():
            return random.choice((0.0, -1.5, 1e308, 1e-308, -value, value * 1000, value / 7))
        case str():
            return random.choice((*HOSTILE, value + "x", "onnxruntime", "fp32", "standard"))
        case list() if value:
            return random.choice((value[1:], value[::-1], value * 2, [], random.sample(value, 1)))
        case dict() if value:
            return {name: value[name] for name in random.sample(list(value), len(value) - 1)}
        case _:
            return random.choice(VALUES)


def _key(random: Random, holder: Any) -> Any:
    """Choose a value, rather one that has more in it."""
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    sizes = [len(holder[key]) + 1 if isinstance(holder[key], dict | list) else 1 for key in keys]
    return random.choices(keys, sizes)[0]
