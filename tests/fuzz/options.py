"""Options of every command, in any company, with good values and hostile ones."""

from __future__ import annotations

import functools
from pathlib import Path
from random import Random

from tests.fuzz.trying import EXTREMES, HOSTILE, call, chance, files, outcome
from tests.options import BASES, VALUES, options_of, prepare

# These take longest, and other fuzzers get the time.
SELDOM = ("verify", "export", "plot", "report", "bench", "compare --bench")
OUTPUTS = ("--output", "--save", "--junit")


def attempt(random: Random) -> str:
    """Call a command: whatever it writes, it does not write over what it reads."""
    folder = Path.cwd()
    before = _prepared()
    for name, content in before.items():
        (folder / name).write_bytes(content)
    name = random.choice([name for name in BASES if name not in SELDOM or chance(random, 8)])
    words = BASES[name].split()
    options = options_of(name)
    for option in random.sample(list(options), random.randint(0, min(5, len(options)))):
        words += _with_value(random, options[option], list(before))
    result = call(words)
    after = files(folder)
    pairs = list(zip(["", *words], words, strict=False))
    read = {word for option, word in pairs if option not in (*OUTPUTS, "--resume", "-o")}
    changed = [file for file in before if after.get(file) != before[file] and file in read]
    assert not changed, (words, changed, result)
    return outcome(result)


def _with_value(random: Random, words: list[str], inputs: list[str]) -> list[str]:
    """Return an option with a value: a good one, that of another option, or a hostile one."""
    if len(words) == 1:
        return words
    option, value = words
    if option in OUTPUTS and chance(random, 4):
        return [option, random.choice(inputs)]
    match random.randrange(10):
        case 0:
            return [option, random.choice(HOSTILE)]
        case 1:
            return [option, random.choice(EXTREMES)]
        case 2:
            return [option, random.choice(list(VALUES.values()))]
        case _:
            return [option, value]


@functools.cache
def _prepared() -> dict[str, bytes]:
    """Return the files that calls read; made once, in the directory of the first input."""
    prepare(Path.cwd())
    made = files(Path.cwd())
    for name in made:
        Path(name).unlink()
    return made
