"""The grammar of axes: α, resolution and ρ as numbers, lists and ranges, and what is none of it."""

from __future__ import annotations

from random import Random

from tests.fuzz.trying import EXTREMES, HOSTILE, call, chance, outcome, refuses

NUMBERS = (
    *("0", "1", "-1", "0.5", "0.35", "1.0", "1.4", "16", "16.1", "0.75", "224", "96", "128", "192"),
    *(
        "31",
        "32",
        "1.5",
        "16384",
        "99999",
        "1_0",
        "٣",
        " 1 ",
        "0x1",
        "²",
        "1e-9",
        "",
        "x",
        *EXTREMES,
    ),
)
FAMILIES = ("v1", "v2", "v3-small", "v3", "v4-conv-s", "all", "v1,v2")


def attempt(random: Random) -> str:
    """Write axes of a table."""
    words = ["table", "--arch", random.choice(FAMILIES)]
    for option in ("--alpha", "--resolution", "--rho"):
        if chance(random, 2):
            words += [option, _axis(random)]
    result = call(words)
    if result.status == 2:
        refuses(result)
    return outcome(result)


def _axis(random: Random) -> str:
    if chance(random, 12):
        return random.choice(HOSTILE)
    return ",".join(
        ":".join(random.choices(NUMBERS[:14] if chance(random, 2) else NUMBERS, k=parts))
        for parts in random.choices((1, 2, 3, 4), (4, 3, 2, 1), k=random.randint(1, 3))
    )
