"""Head files on backbones: built-in heads with slips in them, on families of every kind."""

from __future__ import annotations

from pathlib import Path
from random import Random

import mncost
from mncost.errors import InputError
from tests.fuzz.architectures import slips
from tests.fuzz.trying import HOSTILE, call, chance, outcome, refuses
from tests.running import FAMILIES

SOURCES = [path.read_text("utf-8") for path in sorted((FAMILIES / "heads").glob("*.toml"))]
BACKBONES = (
    *("v1", "v2", "v3-small", "v3-large", "v4-conv-s", "resnet18", "shufflenet_v2_x0_5"),
    *("vit_b_16", "v2+ssdlite", "nowhere", "tiny.toml", "head.toml", ""),
)
TINY = Path(__file__).parents[1] / "tiny.toml"
COMMANDS = (["table"], ["layers"], ["layers", "--memory"], ["table", "--classes", "7"], ["explain"])


def attempt(random: Random) -> str:
    """Count a backbone with a head that nobody would write."""
    source = random.choice(SOURCES)
    text = source if chance(random, 4) else slips(random, source, 2)
    Path("head.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    Path("tiny.toml").write_bytes(TINY.read_bytes())
    head = random.choice(("ssdlite", "fcn", *HOSTILE)) if chance(random, 12) else "head.toml"
    arch = f"{random.choice(BACKBONES if chance(random, 3) else BACKBONES[:4])}+{head}"
    words = ["--arch", arch, "--resolution", random.choice(("64", "96", "320", "33", "1"))]
    result = call([*random.choice(COMMANDS), *words])
    if result.status == 2:
        refuses(result)
        return outcome(result)
    try:
        network = mncost.load(arch, resolution=96)
    except InputError:
        return outcome(result)
    assert sum(layer.macs for layer in network.all_layers) == network.macs
    assert sum(layer.params for layer in network.all_layers) == network.params
    return outcome(result)
