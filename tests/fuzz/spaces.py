"""Design-space files: the keys of the format with values in and out of bounds, and slips."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import mncost
from tests.fuzz.architectures import slips
from tests.fuzz.trying import EXTREMES, HOSTILE, call, chance, outcome, refuses

TINY = Path(__file__).parents[1] / "tiny.toml"
EXAMPLE = (Path(__file__).parents[2] / "examples" / "space.toml").read_text("utf-8")
FAMILIES = ("v2", "v2", "v3-large", "v3-small")
ROWS = ("row3", "row4", "row5", "row6", "row7")
KEYS: dict[str, tuple[Any, ...]] = {
    "kernel": (3, 5, 7, 1, [1, 3], 0, 2),
    "expansion": (1, 4, 6, 0.5, 0),
    "repeats": (1, 2, 3, 4, 5, 0),
    "out": (8, 16, 24, 100, "classes"),
    "stride": (1, 2, 3),
    "expanded": (8, 64, 100, 0),
    "se": (0, 0.25, 2),
    "activation": ("relu", "hswish", "nothing"),
    "block": ("conv",),
    "name": ("x",),
}
BESIDE: dict[str, tuple[Any, ...]] = {
    "alpha": ("0.5:1.0:0.25", 0.35, "0.35,1.4", [0.5, 1.0], "16", "9:1"),
    "resolution": ("128:224:32", 96, [96, 224], "1", "32:1024"),
    "depth": ([1, 2], [0.5, 1.2], [], [0]),
    "dialect": ("paper", "torchvision", "timm", "nowhere"),
    "classes": (10, 1000, 0),
    "in_channels": (1, 3, 2000),
    "output_stride": (16, 8, 7),
    "format": (1, 1, 2),
}
OPTIONS = (
    ["--pareto", "macs:max,params"],
    ["--pareto", "peak_activation_bytes,macs"],
    ["--max-macs", "100M"],
    ["--max-params", "1"],
    ["--max-memory", "5MiB", "--precision", "int8"],
    ["--sort", "params:max", "--rows", "3"],
    ["--sample", "20", "--seed", "3"],
    ["--format", "csv", "--sample", "20"],
    ["--format", "json", "--sample", "20"],
    ["--columns", "all", "--sample", "20"],
    ["--in-place", "depthwise"],
)


def attempt(random: Random) -> str:
    """Count a design space; a network of it, counted alone, is the same to the unit."""
    Path("tiny.toml").write_bytes(TINY.read_bytes())
    text = slips(random, EXAMPLE) if chance(random, 3) else _made(random)
    Path("space.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    if chance(random, 2):
        return _one(random)
    words = ["space", "space.toml"]
    for options in random.sample(OPTIONS, random.randint(0, 2)):
        words += options
    result = call(words)
    if result.status == 2:
        refuses(result)
    return outcome(result)


def _one(random: Random) -> str:
    """Write one network of the space and hold it against its row."""
    shown = call(["space", "space.toml", "--sample", "3", "--format", "json"])
    if shown.status == 2:
        refuses(shown)
        number = random.choice((0, 5, -1, 10**30, random.randrange(400_000)))
    else:
        row = random.choice(json.loads(shown.out)["rows"])
        number = row["number"]
    result = call(["space", "space.toml", "--network", str(number), "-o", "net.toml"])
    if result.status == 2:
        refuses(result)
    elif shown.status == 0:
        network = mncost.load("net.toml")
        for count in ("macs", "params", "weight_bytes", "peak_activation_bytes"):
            assert row[count] == getattr(network, count), (count, row)
    return outcome(result)


def _made(random: Random) -> str:
    arch = random.choice(
        ("v1", "tiny.toml", "nowhere", *HOSTILE) if chance(random, 12) else FAMILIES
    )
    lines = [f"arch = {json.dumps(arch)}"]
    for key, values in BESIDE.items():
        if chance(random, 8):
            lines.append(f"{key} = {_value(random, values)}")
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        lines.append("[[choices]]")
        rows = random.sample(ROWS, random.randint(1, 3))
        lines.append(f"rows = {json.dumps([*rows, *(['r9'] if chance(random, 20) else [])])}")
        if chance(random, 3):
            lines.append("tied = true")
        for key in random.sample(list(KEYS)[: None if chance(random, 8) else 4], 2):
            options = KEYS[key][: None if chance(random, 8) else 3]
            some = random.sample(options, random.randint(1, min(3, len(options))))
            lines.append(f"{key} = [{', '.join(_value(random, (one,)) for one in some)}]")
    return "\n".join(lines)


def _value(random: Random, values: tuple[Any, ...]) -> str:
    if chance(random, 80):
        return random.choice((*EXTREMES, *map(json.dumps, HOSTILE)))
    return json.dumps(random.choice(values if chance(random, 8) else values[:2]))
