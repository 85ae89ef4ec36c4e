"""Lists of widths for ``prune``, of rows that there are and of others."""

from __future__ import annotations

from pathlib import Path
from random import Random

import mncost
from tests.fuzz.trying import EXTREMES, HOSTILE, call, chance, outcome, refuses

TINY = Path(__file__).parents[1] / "tiny.toml"
ARCHS = ("tiny.toml", "tiny.toml", "tiny.toml", "v3-small", "shufflenet_v2_x0_5", "nowhere")
NAMES = ("stem", "row2", "row3", "row3.expanded", "row2", "row3")
ODD = ("row5", "row5.expanded", "classifier", "row3.width", "row1", "row3.out", "pool", "row4")
NUMBERS = ("1", "4", "7", "8", "8", "15", "16", "16", "32", "17", "0")
SHARES = ("0.5", "0.75", "0.3", "1", "0.999", "0", "1.5", "50%")


def attempt(random: Random) -> str:
    """Prune a network; the file that is written is a network, and no larger."""
    Path("tiny.toml").write_bytes(TINY.read_bytes())
    arch = random.choice(ARCHS if chance(random, 5) else ARCHS[:3])
    parts = [random.choice(SHARES)] if chance(random, 2) else []
    for _ in range(random.randint(0 if parts else 1, 3)):
        parts.append(
            f"{random.choice(ODD if chance(random, 8) else NAMES)}={random.choice(NUMBERS)}"
        )
    if chance(random, 12):
        parts.append(random.choice((*HOSTILE, *EXTREMES, "row3=", "=8", "row3==8", "row3=8=8")))
    words = ["prune", "--arch", arch, f"--channels={','.join(parts)}", "-o", "narrow.toml"]
    words += (
        ["--round", random.choice(("1", "8", "3", "0", "99999", "4", "2"))]
        if chance(random, 2)
        else []
    )
    words += ["--classes", "7"] if chance(random, 6) else []
    result = call(words)
    assert Path("tiny.toml").read_bytes() == TINY.read_bytes()
    if result.status == 2:
        refuses(result)
        return outcome(result)
    network, before = mncost.load("narrow.toml"), mncost.load(arch)
    assert 0 < network.params <= before.params, (words, network.params)
    assert sum(layer.macs for layer in network.all_layers) == network.macs
    return outcome(result)
