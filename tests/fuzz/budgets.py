"""Budget files: the example with slips in it, and budgets made of good words in odd company."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

from tests.fuzz.trying import EXTREMES, HOSTILE, call, chance, outcome

EXAMPLES = Path(__file__).parents[2] / "examples"
SOURCE = (EXAMPLES / "budgets.toml").read_text("utf-8")
TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_]\w*|-?[\d.]+|\n|[^\S\n]+|.')
MODELS = (
    '"v1"',
    "{}",
    '{ arch = "v2" }',
    '{ arch = "v2", alpha = 0.5, resolution = 96 }',
    '{ arch = "v3-small", dialect = "timm", classes = 10 }',
    '{ arch = "my_net.toml" }',
    '{ arch = "nowhere.toml" }',
    '{ arch = "v2", alpha = [0.5, 1.0] }',
    '{ arch = "v2", alpha = 17 }',
)
LIMITS = (
    ("macs", ('"100 M"', '{ min = "1 k" }', '{ max = "10 M", min = "20 M" }', "100", '"100"')),
    ("params", ('"2 M"', '{ min = "2 M", max = "2.7 M" }', '"-1 M"', '"2 MB"')),
    ("weight_bytes", ('"8 MiB"', '"8 M"', '"1e3 MiB"', '"8 GB"')),
    ("peak_activation_bytes", ('"3 MiB"', "{}", '{ max = "" }')),
    ("latency", ('{ p50 = "8 ms" }', '{ "p99.9" = "1 s" }', '{ p50 = "8" }', '{ p101 = "8 ms" }')),
    ("latency", ('{ max_ratio = 1.1, to = { arch = "v1" } }', "{ max_ratio = 1.1 }", '"8 ms"')),
    ("latency", ('{ regression = "3 %", against = "baseline" }', '{ regression = "3" }')),
    ("precision", ('"fp32"', '"int8"', '"fp64"')),
    ("runtime", ('"fake"', '"onnxruntime"', '"nothing"')),
    ("threads", ("1", "0", "1.5", '"1"')),
    ("batch", ("1", "8", "0")),
    ("name", ('"phone"', *(f'"{word}"' for word in HOSTILE if word.isprintable()))),
)


def attempt(random: Random) -> str:
    """Check a budget file, most often without measuring."""
    text = _mutant(random) if chance(random, 2) else _made(random)
    Path("budgets.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    Path("my_net.toml").write_bytes((EXAMPLES / "my_net.toml").read_bytes())
    words = ["check", "budgets.toml", *random.choice(((), ("--junit", "out.xml")))]
    words += ["--max-time", "1s"] if chance(random, 10) else ["--exact-only"]
    words += random.choice(((), ("--format", random.choice(("csv", "json", "markdown")))))
    result = call(words)
    if result.status == 2:
        assert result.err, result
    else:
        assert result.out, result
    return outcome(result)


def _mutant(random: Random) -> str:
    """Return the example with some tokens deleted, doubled, exchanged or made extreme."""
    tokens = TOKEN.findall(re.sub(r"#.*", "", SOURCE))
    texts = [i for i, token in enumerate(tokens) if token[:1] == '"' or token[:1].isdigit()]
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(tokens))
        match random.choices(range(6), (1, 1, 1, 1, 1, 8))[0]:
            case 0:
                tokens[place] = ""
            case 1:
                tokens[place] *= 2
            case 2:
                tokens[place] = random.choice(tokens)
            case 3:
                tokens[place] = random.choice(EXTREMES)
            case 4:
                tokens[place] = f'"{random.choice(HOSTILE)}"'
            case _:
                tokens[random.choice(texts)] = tokens[random.choice(texts)]
    return "".join(tokens)


def _made(random: Random) -> str:
    lines = []
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        lines.append("[[budget]]")
        lines.append(f"model = {random.choice(MODELS if chance(random, 4) else MODELS[2:6])}")
        for name, values in random.sample(LIMITS, random.choice((0, 1, 1, 2, 3, 4))):
            value = random.choice(values) if chance(random, 4) else values[0]
            lines.append(f"{name} = {value}")
    return "\n".join(lines)
