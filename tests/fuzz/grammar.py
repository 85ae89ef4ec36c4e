"""Architecture files made from the types of the format itself, so that every key has its turn.

Branches, outputs, dialects, variants, heads, tokens: a new block or key is tried as soon as its
row type has it. What is accepted and small is written as ONNX and ``.tflite`` and read again, and
torch, fvcore and the ONNX file count it too.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from msgspec import NODEFAULT
from msgspec import inspect as types

import mncost
from mncost.errors import InputError
from mncost.spec.blocks import BLOCKS, block_named
from mncost.spec.schema import Defaults, Dialect, Variant
from mncost.spec.values import Rules
from tests.fuzz.trying import EXTREMES, HOSTILE, call, chance, outcome, refuses

ROWS = 7
# What most files say: numbers inside the limits alone would give hardly any network.
USUAL: dict[str, tuple[Any, ...]] = {
    "kernel": (1, 3, 3, 5, [1, 3]),
    "stride": (1, 1, 2, [2, 1]),
    "dilation": (1, 2),
    "padding": (0, 1, "same", "symmetric", "end"),
    "groups": (1, 2, 4),
    "repeats": (1, 2, 3),
    "factor": (2, 1, 3),
    "rate": (0.2, 0),
    "rates": ([1], [2, 3]),
    "batch_norm": (True, False),
    "bias": (True, False),
    "out": (4, 8, 12, 16, 24, "classes"),
    "width": (4, 8, 16),
    "features": (8, 16),
    "expanded": (8, 16, 24),
    "expansion": (1, 2, 4, 0.5),
    "heads": (1, 2, 4),
    "se": (0.25, 0),
    "classes": (2, 10, 1000),
    "divisor": (1, 4, 8),
    "minimum": (0, 4, 8),
    "in_channels": (1, 2, 3, 4),
    "depth": (0.5, 1, 2.2),
    "alpha": (0.35, 0.5, 1.0, 1.4),
    "resolution": (8, 16, 32, 33, [16, 24]),
    "name": ("r1",),
}
STRUCTS: dict[str, type] = {"rules": Rules, "defaults": Defaults}
SIZES = (1, 2, 3, 4, 8, 16)
SMALL = 3_000_000  # multiply-accumulates, and a tenth of it parameters: seconds are for many inputs
FIRST = ("conv", "conv", "depthwise", "inverted_residual", "max_pool", "basic", "activation")
PAIRS = (("out", "expansion"), ("expansion", "expanded"), ("factor", "like"))
COMMANDS = (
    ["table", "--columns", "all"],
    ["layers", "--twin", "separable"],
    ["table", "--output-stride", "8", "--in-place", "depthwise"],
    ["table", "--classes", "7", "--in-channels", "1"],
    ["table", "--precision", "int8"],
    ["layers", "--columns", "all"],
    ["layers", "--by", "kind"],
    ["layers", "--memory"],
    ["compare", "--layers"],
    ["explain"],
    ["diff-models", "v2"],
)


def attempt(random: Random) -> str:
    """Count a network of odd rows; if it is small, write it, read it and verify it."""
    written = file(random)
    Path("net.toml").write_text(written, "utf-8")
    variants = (":other", ":first") if "variants" in written else ()
    arch = f"net.toml{random.choice(('', '', *variants))}"
    command = random.choice(COMMANDS)
    words = [arch] if command[0] == "diff-models" else ["--arch", arch]
    result = call([command[0], *words, *command[1:]])
    if result.status == 2:
        refuses(result)
    try:
        network = mncost.load(arch)
    except InputError:
        return outcome(result)
    assert sum(layer.macs for layer in network.all_layers) == network.macs
    assert sum(layer.params for layer in network.all_layers) == network.params
    if network.macs < SMALL and network.params < SMALL // 10 and chance(random, 3):
        _written_and_read(random, arch, network)
    return outcome(result)


def _written_and_read(random: Random, arch: str, network: mncost.Network) -> None:
    """Hold a network against its own files, and against the other counters."""
    suffix = random.choice((".onnx", ".tflite", ".toml", "verify"))
    if suffix == "verify":
        result = call(["verify", "--arch", arch])
        assert result.status in (0, 2), result
        return
    result = call(["export", "--arch", arch, "-o", f"written{suffix}"])
    # Averages of windows of several sizes are products with matrices there.
    if result.status == 0 and not any(".adapt" in node.name for node in network.graph.nodes):
        again = mncost.load(f"written{suffix}")
        assert again.macs == network.macs, (suffix, again.macs, network.macs)


def file(random: Random) -> str:
    """Return a file: rows of the format's own types, and whatever may stand beside them."""
    names = [f"r{number}" for number in range(1, random.randint(1, ROWS) + 1)]
    rows = [_row(random, number, names) for number in range(len(names))]
    content: dict[str, Any] = {"name": "x", "resolution": _usual(random, "resolution")}
    if chance(random, 4):
        content["rules"] = _struct(random, Rules, names, 12)
    if chance(random, 6):
        content["defaults"] = _struct(random, Defaults, names, 2)
    if chance(random, 3):
        content["outputs"] = [*random.sample(names, min(len(names), random.randint(0, 3)))]
        content["outputs"] += ["input"] if chance(random, 12) else []
    for key in ("in_channels", "depth", "alpha"):
        if chance(random, 6):
            content[key] = _usual(random, key)
    if chance(random, 8):
        content["output_stride"] = random.choice((8, 16, 32))
    if chance(random, 4):
        content["variants"] = {
            name: _struct(random, Variant, names, 3) for name in ("first", "other")
        }
    if chance(random, 5):
        content["dialects"] = {"odd": _struct(random, Dialect, names, 2)}
    content["rows"] = rows
    return "".join(f"{key} = {_toml(value)}\n" for key, value in content.items())


@cache
def _fields(kind: type) -> tuple[types.Field, ...]:
    found = types.type_info(kind)
    assert isinstance(found, types.StructType)
    return found.fields


def _row(random: Random, number: int, names: list[str]) -> dict[str, Any]:
    block = random.choice(list(BLOCKS if chance(random, 2) else FIRST))
    kind = block_named(block)
    assert kind is not None
    before = names[:number] or ["input"]
    row = {"block": block, "name": names[number], **_struct(random, kind, before, 6, ("name",))}
    if kind.several and not chance(random, 8):
        row["from"] = [random.choice(before) for _ in range(random.randint(2, 3))]
    optional = {field.encode_name for field in _fields(kind) if field.default is not NODEFAULT}
    for one, other in PAIRS:
        if {one, other} <= optional and not chance(random, 20):
            row.pop(other, None)
            row[one] = row.get(one, USUAL[one][0])
    return row


def _struct(
    random: Random, kind: type, names: list[str], one_in: int, but: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return keys of a struct: all that it needs, and some of the others."""
    made = {}
    for field in _fields(kind):
        name = field.encode_name
        if name in but:
            continue
        is_needed = field.default is NODEFAULT and field.default_factory is NODEFAULT
        # Of two keys of which a row needs one, msgspec knows nothing.
        often = 2 if name in ("out", "kernel", "expansion", "width") else one_in
        if is_needed or chance(random, often * (3 if name == "from" else 1)):
            made[name] = _value(random, name, field.type, names)
    return made


def _value(random: Random, name: str, kind: types.Type, names: list[str]) -> Any:
    plain = kind.type if isinstance(kind, types.Metadata) else kind
    is_special = isinstance(plain, types.DictType | types.LiteralType)
    if name in USUAL and not is_special and not chance(random, 30):
        return _usual(random, name)
    if chance(random, 200):
        return random.choice((*HOSTILE, *EXTREMES, [], {}, True, -1, 0.5))
    match kind:
        case types.Metadata() if isinstance(kind.type, types.DictType):
            return _value(random, name, kind.type, names)
        case types.Metadata():
            return _value(random, "", kind.type, names)
        case types.UnionType():
            some = [one for one in kind.types if not isinstance(one, types.NoneType)]
            return _value(random, "", random.choice(some), names)
        case types.LiteralType():
            return random.choice(kind.values)
        case types.BoolType():
            return chance(random, 2)
        case types.IntType() | types.FloatType():
            ends = [end for end in (kind.ge, kind.le) if end is not None]
            inside = [size for size in SIZES if (kind.ge or 0) <= size <= (kind.le or 16)] or [1]
            shares = (0.1, 0.25, 0.5, 0.9)
            usual = inside if isinstance(kind, types.IntType) else shares
            return random.choice([*usual, *usual, *usual, *ends])
        case types.StrType():
            return _reference(random, names)
        case types.ListType() | types.VarTupleType():
            least = kind.min_length or 0
            count = random.randint(least, min(kind.max_length or 3, least + 2))
            return [_value(random, "", kind.item_type, names) for _ in range(count)]
        case types.DictType() if name in STRUCTS:  # of a variant: beside the file's own
            return _struct(random, STRUCTS[name], names, 12)
        case types.DictType() if name == "rows":
            return {row: _row(random, 0, [row]) for row in random.sample(names, 1)}
        case types.DictType():
            row = random.choice(names) if names[0] != "input" else "r1"
            return {row: _value(random, "", kind.value_type, names)}
        case types.StructType():
            return _struct(random, kind.cls, names, 4)
        case _:
            return _anything(random, names)


def _anything(random: Random, names: list[str]) -> Any:
    """Return what may stand for a row, or a value of one."""
    return _row(random, 0, names) if chance(random, 2) else random.choice((1, 8, "relu", True))


def _reference(random: Random, names: list[str]) -> str:
    name = random.choice(names[-2:] if chance(random, 2) else names)
    ends = ("", "", "", "", ".1", ".2", ".expand")
    odd = ("input", "input", "r9", *HOSTILE)
    return random.choice(odd) if chance(random, 10) else name + random.choice(ends)


def _usual(random: Random, name: str) -> Any:
    return random.choice(USUAL[name])


def _toml(value: Any) -> str:
    match value:
        case dict():
            pairs = (f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items())
            return "{ " + ", ".join(pairs) + " }"
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            return json.dumps(value)  # texts, numbers and booleans are written alike
