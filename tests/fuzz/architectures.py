"""Architecture files: random bytes, words of the format, built-in files with slips, odd rows."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import mncost
from mncost.errors import InputError
from mncost.spec.blocks import block_named
from tests.fuzz.trying import EXTREMES, HOSTILE, call, chance, outcome, refuses
from tests.networks import MOBILENETS
from tests.running import FAMILIES

SOURCES = [(FAMILIES / f"{name}.toml").read_text("utf-8") for name in MOBILENETS]
OTHERS = [path.read_text("utf-8") for path in sorted(FAMILIES.glob("*.toml"))]
TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_]\w*|-?[\d.]+(?:e-?\d+)?|\n|[^\S\n]+|.')
WORDS = (
    *("name", "resolution", "rows", "rules", "defaults", "dialects", "block", "kernel", "stride"),
    *("out", "expansion", "expanded", "repeats", "groups", "scale", "se", "padding", "rounding"),
    *("minimum", "keep_below", "heads = 3", "key_dim = 5", '"classes"', '"same"', '"valid"'),
    *('"down"', '"pool"', '"uib"', '"mobile_mqa"', '"depthwise"', '"linear"', '"dropout"'),
    *("=", " ", "\n", "[", "]", "[[", "]]", "{", "}", ",", ".", '"', "'", '"""', "#", "\\", "\r"),
    *("0x" + "f" * 5000, "a" + ".a" * 1500, "2020-01-01", "12:00:00", "\\u001b[1m", "\U0001f600"),
    *EXTREMES,
)
KERNELS, WIDTHS = (1, 1, 3, 3, 5, 31, 2), (1, 7, 8, 16, 100, 65_536)
EXPANSIONS = (0.01, 0.1, 1, 4, 64)
ALPHAS = (0.01, 0.1, 0.35, 1.0, 2.7, 16.0)


def attempt(random: Random) -> str:
    """Count a network of a file that nobody would write, in several ways."""
    make = random.choice((_bytes, _tokens, _mutant, _mutant, _rows, _rows, _rows))
    Path("net.toml").write_bytes(make(random))
    alpha = random.choice(ALPHAS)
    words = ["--arch", "net.toml", "--alpha", str(alpha)]
    result = call([*random.choice(COMMANDS), *words])
    if result.status == 2:
        refuses(result)
    else:
        _counts(alpha)
    return outcome(result)


COMMANDS = (
    ["table"],
    ["table", "--pivot", "macs"],
    ["layers"],
    ["layers", "--by", "kind"],
    ["layers", "--by", "pair"],
    ["layers", "--memory"],
    ["compare"],
    ["compare", "--layers"],
    ["explain"],
)


def _counts(alpha: float) -> None:
    """Whatever is accepted has counts, and its parts add up to them."""
    try:
        network = mncost.load("net.toml", alpha)
    except InputError:
        return  # layers and explain take the one α; table may have left it out
    totals = [network.macs, network.params, network.standard.macs, network.weight_bytes]
    assert [total for total in totals if type(total) is not int or total < 0] == []
    assert sum(layer.macs for layer in network.all_layers) == network.macs
    assert sum(layer.params for layer in network.all_layers) == network.params


def _bytes(random: Random) -> bytes:
    return random.randbytes(random.randrange(300))


def _tokens(random: Random) -> bytes:
    return "".join(random.choices(WORDS, k=random.randrange(40))).encode()


def _mutant(random: Random) -> bytes:
    source = random.choice(SOURCES if chance(random, 2) else OTHERS)
    return slips(random, source).encode("utf-8", "surrogateescape")


def slips(random: Random, source: str, most: int = 6) -> str:
    """Return a file with some tokens deleted, doubled, exchanged or made extreme."""
    tokens = TOKEN.findall(re.sub(r"#.*", "", source))
    numbers = [i for i, token in enumerate(tokens) if token[:1].isdigit()]
    texts = [i for i, token in enumerate(tokens) if token[:1] == '"']
    for _ in range(random.randint(1, most)):
        place = random.randrange(len(tokens))
        match random.choices(range(6), (1, 1, 1, 1, 3, 8))[0]:
            case 0:
                tokens[place] = ""
            case 1:
                tokens[place] *= 2
            case 2:
                tokens[place] = random.choice(tokens)
            case 3:
                tokens[place] = random.choice(WORDS)
            case 4:
                texts_or_hostile = [tokens[i] for i in texts] + [f'"{word}"' for word in HOSTILE]
                tokens[random.choice(texts)] = random.choice(texts_or_hostile)
            case _:
                tokens[random.choice(numbers)] = random.choice(
                    (*EXTREMES, *(tokens[i] for i in numbers))
                )
    return "".join(tokens)


def _rows(random: Random) -> bytes:
    """Return a file of good words in odd company."""
    rows = ", ".join(_row(random) for _ in range(random.randint(1, 6)))
    resolution = random.choice((1, 2, 7, 32, 224, 16_384))
    rules = "rules = { minimum = 0, rounding = 'down' }\n" if chance(random, 4) else ""
    outputs = random.choice(("['row1']", "['row3', 'row2']", "['row9']", "[]", "['input']"))
    rules += f"outputs = {outputs}\n" if chance(random, 4) else ""
    rules += "output_stride = 8\n" if chance(random, 6) else ""
    return f"name = 'x'\nresolution = {resolution}\n{rules}rows = [{rows}]\n".encode()


FROM = ("'row1'", "['row1', 'row2']", "['input', 'row1', 'row1']", "['row9', 'row1']", "[]", "''")
BLOCKS: dict[str, dict[str, tuple[object, ...]]] = {
    "conv": {"kernel": KERNELS, "out": WIDTHS},
    "depthwise": {"kernel": KERNELS},
    "separable": {"kernel": KERNELS, "out": WIDTHS},
    "inverted_residual": {"kernel": KERNELS, "out": WIDTHS, "expansion": EXPANSIONS},
    "fused_inverted_residual": {"kernel": KERNELS, "out": WIDTHS, "expansion": EXPANSIONS},
    "uib": {
        "start_kernel": (0, 3),
        "middle_kernel": (0, 5),
        "out": WIDTHS,
        "expansion": EXPANSIONS,
    },
    "mobile_mqa": {"heads": (1, 3), "key_dim": (1, 5), "kv_stride": (1, 8)},
    "pool": {},
    "dropout": {"rate": (0.0, 0.2)},
    "linear": {"out": ("'classes'", *WIDTHS)},
    "basic": {"out": WIDTHS},
    "bottleneck": {"out": WIDTHS, "width": WIDTHS},
    "add": {"from": FROM},
    "concat": {"from": FROM},
    "multiply": {"from": FROM},
    "split": {"count": (2, 64, "[1, 7]")},
    "shuffle": {"groups": (1, 2, 7)},
    "upsample": {"like": ("'input'", "'row1'", "'row9'")},
    "tokens": {},
    "token": {"index": (0, 65_535)},
    "encoder": {"heads": (1, 2, 7), "expansion": EXPANSIONS},
    "mobilevit": {"features": WIDTHS, "layers": (1, 2), "heads": (1, 7)},
    "aspp": {"out": WIDTHS, "rates": ("[1]", "[12, 64]")},
    "detect": {"from": FROM, "anchors": (1, 64, "[1, 2]"), "out": ("'classes'", 4)},
    "batch_norm": {},
    "l2_norm": {},
    "layer_norm": {},
    "activation": {"activation": ("'relu'", "'prelu'", "'none'")},
}
PLAIN = [block for block, keys in BLOCKS.items() if "from" not in keys and "heads" not in keys]
OPTIONAL: dict[str, tuple[object, ...]] = {
    "stride": (1, 2, 8),
    "repeats": (2, 20),
    "padding": ("'same'", "'end'", "'valid'"),
    "groups": (2, 3),
    "se": (1e-9, 0.25, 1.0),
    "batch_norm": ("true", "false"),
    "from": ("'input'", "'row1'", "'row2.1'", "'row2.expand'", "'row1.2'", *FROM),
    "residual": ("true", "'always'"),
    "positions": ("true",),
    "class_token": ("true",),
}


def _row(random: Random) -> str:
    block = random.choice(list(BLOCKS) if chance(random, 3) else PLAIN)
    kind = block_named(block)
    assert kind is not None
    keys = kind.__struct_encode_fields__
    row = {name: random.choice(values) for name, values in BLOCKS[block].items()}
    for name, values in OPTIONAL.items():
        if chance(random, 20 if name == "from" else 5) and (name in keys or chance(random, 30)):
            row[name] = random.choice(values)
    return ", ".join([f"{{ block = '{block}'", *(f"{k} = {v}" for k, v in row.items())]) + " }"
