"""Random and mutated files and words: whatever comes, an InputError or an answer, never a crash.

What a run finds is kept below as an ``@example``. A longer search::

    MNCOST_FUZZ=20000 python -m pytest tests/test_fuzz.py
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mncost.cost.groups import GROUPINGS, group
from mncost.errors import InputError
from mncost.network import Network, network_of
from mncost.spec.blocks import BLOCKS
from mncost.spec.catalog import families
from mncost.spec.parse import parse_spec
from mncost.spec.resolve import dialects, resolve
from mncost.spec.schema import Spec
from tests.running import FAMILIES, in_process

T = TypeVar("T")
ALPHAS = (0.01, 0.35, 1.0, 2.7, 16.0)
SOURCES = {name: (FAMILIES / f"{name}.toml").read_text("utf-8") for name in families()}
TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_]\w*|-?[\d.]+(?:e-?\d+)?|\n|[^\S\n]+|.')
EXTREMES = [
    *("0", "-1", "1", "2", "7", "8", "31", "100", "101", "500", "1024", "65536", "65537"),
    *("9223372036854775808", "1" + "0" * 400, "0x" + "f" * 5000, "0.0", "-0.0", "0.1", "1e-300"),
    *("1e308", "1e999", "nan", "inf", "-inf", "true", "false", "[]", "{}", "[[]]", "[1]", "{a=1}"),
    *('""', '"classes"', '"none"', '"paper"', '"row1"', '"pool"', '"uib"', '"mobile_mqa"'),
    *('"depthwise"', '"same"', '"valid"', '"end"', '"down"', '"scaled"', '"\\u001b[1m"'),
    *('"a\\nb"', '"\U0001f600"', "2020-01-01", "12:00:00", "=", "{", "}", "[", "]", ",", "\n"),
    *("kernel", "stride", "out", "expansion", "expanded", "repeats", "groups", "scale", "se"),
    *("heads = 3", "key_dim = 5", "padding", "rounding", "keep_below", "a" + ".a" * 1500),
]
TOML_WORDS = [
    *("name", "resolution", "rows", "rules", "defaults", "dialects", "block", "kernel", "=", " "),
    *(
        "\n",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        ",",
        ".",
        '"',
        "'",
        '"""',
        "#",
        "\\",
        "\\u",
        "\r",
        "\t",
    ),
    *EXTREMES,
]
GOOD = 'name = "x"\nresolution = 32\n'
# What earlier runs found: integers too long to print, keys nested too deeply to print.
FINDS = [
    GOOD + "[[rows]]\nblock = 0x" + "f" * 5000,
    GOOD + '[[rows]]\nblock = "conv"\nkernel = 1\nout = 0x' + "f" * 5000,
    GOOD + '[[rows]]\nblock = "conv"\nkernel = 1\nout = 1\npadding' + ".a" * 1500 + " = 1",
    "format = 0x" + "f" * 5000 + "\n" + GOOD + '[[rows]]\nblock = "pool"',
]


def thorough(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Set the number of examples; ``MNCOST_FUZZ`` overrides it."""
    return settings(
        max_examples=int(os.environ.get("MNCOST_FUZZ", examples)),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def survives(data: bytes) -> None:
    """Put bytes through everything, from the parser to the sums of the layers."""
    spec = _or_message(lambda: parse_spec(data, "fuzz.toml"))
    if isinstance(spec, str):
        assert spec.startswith("fuzz.toml: ")
        return
    for dialect in dialects(spec)[:3]:
        for alpha in ALPHAS:
            _counts(spec, alpha, dialect)


def _counts(spec: Spec, alpha: float, dialect: str) -> None:
    network = _or_message(lambda: _network(spec, alpha, dialect))
    if isinstance(network, str):
        return
    totals = [network.macs, network.params, network.standard.macs, network.standard.params]
    totals += [network.weight_bytes, network.peak_activation_bytes]
    assert [total for total in totals if type(total) is not int or total < 0] == []
    for by in GROUPINGS:
        assert sum(part.macs for part in group(network.all_layers, by)) == network.macs


def _network(spec: Spec, alpha: float, dialect: str) -> Network:
    network = network_of(resolve(spec, alpha, dialect), spec.resolution)
    assert len(network.shapes) == len(network.graph.nodes)  # a small image is refused here
    return network


def _or_message(call: Callable[[], T]) -> T | str:
    """Return what a call returns, or the one line with which it refuses."""
    try:
        return call()
    except InputError as error:
        message = str(error)
    assert message.isprintable(), ascii(message)
    return message


@thorough(150)
@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
@example(b"\xff")
@example(b"\xef\xbb\xbf")
@example(b"a = '''")
def test_random_bytes(data: bytes) -> None:
    """Bytes of any kind are refused like any other bad file."""
    survives(data)


@thorough(150)
@given(st.lists(st.sampled_from(TOML_WORDS), max_size=40).map("".join))
@example(FINDS[0])
@example(FINDS[1])
@example(FINDS[2])
@example(FINDS[3])
def test_toml_like_text(text: str) -> None:
    """Words of the format in any order are refused, or are a network."""
    survives(text.encode())


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """Draw a built-in file with some tokens deleted, doubled, exchanged or made extreme."""
    tokens = TOKEN.findall(SOURCES[draw(st.sampled_from(sorted(SOURCES)))])
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(tokens) - 1))
        match draw(st.sampled_from(["delete", "double", "copy", "extreme", "extreme number"])):
            case "delete":
                tokens[place] = ""
            case "double":
                tokens[place] *= 2
            case "copy":
                tokens[place] = draw(st.sampled_from(tokens))
            case "extreme":
                tokens[place] = draw(st.sampled_from(EXTREMES))
            case _:
                numbers = [i for i, token in enumerate(tokens) if token[:1].isdigit()]
                tokens[draw(st.sampled_from(numbers))] = draw(st.sampled_from(EXTREMES))
    return "".join(tokens)


@thorough(150)
@given(mutants())
def test_mutated_families(text: str) -> None:
    """A built-in file with slips in it is refused, or is a network."""
    survives(text.encode())


KEYS = st.fixed_dictionaries(
    {
        "block": st.sampled_from(["conv", "depthwise", "separable", "inverted_residual", "uib"]),
        "kernel": st.sampled_from([1, 3, 5, 31]),
        "out": st.sampled_from([1, 7, 8, 16, 100, 65_536]),
        "expansion": st.sampled_from([0.01, 0.5, 1, 1.5, 6, 64]),
    },
    optional={
        "expanded": st.sampled_from([1, 8, 17, 65_536]),
        "stride": st.integers(1, 8),
        "groups": st.sampled_from([1, 2, 3, 8]),
        "repeats": st.sampled_from([1, 2, 100]),
        "se": st.sampled_from([0.0, 1e-9, 0.25, 1.0]),
        "padding": st.sampled_from(["same", "end", "valid"]),
        "start_kernel": st.sampled_from([0, 3, 31]),
        "middle_kernel": st.sampled_from([0, 1, 5]),
        "keep_below": st.sampled_from([0.0, 1.0, 16.0]),
        "batch_norm": st.booleans(),
    },
)


def _fitting(keys: dict[str, object]) -> dict[str, object]:
    """Keep the keys that the block knows, and one of those of which it takes one."""
    known = BLOCKS[str(keys["block"])].__struct_fields__
    row = {key: value for key, value in keys.items() if key == "block" or key in known}
    if "expanded" in row or row["block"] == "conv":
        del row["expansion"]
    return row


ROW = KEYS.map(_fitting)
TAIL = st.sampled_from(
    [
        "",
        '{ block = "pool" }, { block = "linear", out = "classes" }',
        '{ block = "linear", out = 10 }, { block = "linear", out = 5 }',
        '{ block = "mobile_mqa", heads = 3, key_dim = 5, kv_stride = 8 }',
        '{ block = "pool" }, { block = "conv", kernel = 3, out = 4, padding = "valid" }',
        '{ block = "linear", out = 4 }, { block = "depthwise", kernel = 3, stride = 2 }',
        '{ block = "pool" }, { block = "mobile_mqa", heads = 1, key_dim = 1, kv_stride = 2 }',
    ]
)


def _value(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


@thorough(150)
@given(st.lists(ROW, max_size=5), TAIL, st.sampled_from([1, 2, 7, 32, 16_384]))
def test_rows_that_nobody_would_write(
    rows: list[dict[str, object]], tail: str, resolution: int
) -> None:
    """Rows of good words in odd company are refused, or are a network."""
    texts = ["{ " + ", ".join(f"{k} = {_value(v)}" for k, v in row.items()) + " }" for row in rows]
    body = ", ".join([*texts, *([tail] if tail else [])])
    survives(f'name = "x"\nresolution = {resolution}\nrows = [{body}]'.encode())


NUMBERS = st.sampled_from(
    [
        *(
            "0",
            "1",
            "-1",
            "0.5",
            "0.35",
            "1.4",
            "16",
            "16.1",
            "1e999",
            "1e-9",
            "nan",
            "inf",
            "",
            "x",
        ),
        *("224", "96", "31", "32", "1.5", "16384", "99999", "1_0", "٣", " 1 ", "0x1", "²"),
    ]
)
AXES = st.lists(
    st.lists(NUMBERS, min_size=1, max_size=4).map(":".join), min_size=1, max_size=3
).map(",".join)
WORDS = st.sampled_from(
    [
        *families(),
        "v3",
        "mobilenet_v2_0.75_160",
        "mobilenet_v2_0_0",
        "mobilenetv2_000",
        "v2.toml",
        *("", ",", "-", ".", "/", "*.toml", "macs", "flops", "name", "\udcff", "\x1b[1m", "é"),
    ]
)
# What a system can pass to a program: anything but NUL; bytes that are no text as "\udc80" and up.
TYPED = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(",".join) | TYPED
OPTIONS = st.fixed_dictionaries(
    {"--arch": st.just("v2") | NAMES},
    optional={
        "--alpha": AXES | TYPED,
        "--resolution": AXES,
        "--rho": AXES,
        "--columns": NAMES,
        "--dialect": NAMES,
        "--format": st.sampled_from(["csv", "json", "markdown", "terminal", "CSV", ""]),
    },
)


@thorough(120)
@given(st.sampled_from(["table", "layers"]), OPTIONS)
@example("table", {"--arch": "\udcff"})
@example("table", {"--arch": "\udcff.toml"})
@example("table", {"--arch": "v2", "--alpha": "\udcff"})
@example("table", {"--arch": "a/" * 5000})
def test_words_of_the_command_line(
    tmp_path_factory: pytest.TempPathFactory, command: str, options: dict[str, str]
) -> None:
    """Status 0 and an answer, or status 2 and one line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(_empty(tmp_path_factory))
        words = [word for pair in options.items() for word in pair]
        status, out, err = in_process([command, *words])
    assert status in (0, 2)
    assert "Traceback" not in err
    if status == 2:
        assert (out, err.count("\n"), err.startswith("mncost: ")) == ("", 1, True)
        assert err[:-1].isprintable(), ascii(err)
    else:
        assert out


def _empty(factory: pytest.TempPathFactory) -> Path:
    path = factory.getbasetemp() / "empty"
    path.mkdir(exist_ok=True)
    return path
