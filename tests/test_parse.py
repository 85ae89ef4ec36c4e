"""Architecture files: what the parser accepts, what it refuses and how it says so."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import mncost.spec
from mncost.errors import InputError, SpecError
from mncost.spec.blocks.conv import Conv
from mncost.spec.blocks.uib import UniversalInvertedBottleneck
from mncost.spec.parse import MAX_FILE_BYTES, parse_spec, read_spec
from mncost.spec.resolve import dialects, resolve
from mncost.spec.schema import Spec
from tests.networks import MOBILENETS
from tests.running import FAMILIES, in_process

HEAD = 'name = "net"\nresolution = 32\n'
ROW = '{ block = "conv", kernel = 3, out = 8 }'
GOOD = f"{HEAD}rows = [{ROW}]\n"
SCHEMA_FILE = Path(mncost.spec.__file__).with_name("architecture.schema.json")


def parse(text: str) -> Spec:
    """Parse the text of a file."""
    return parse_spec(text.encode(), "net.toml")


def rows(*texts: str) -> str:
    """Return a file with these rows."""
    return f"{HEAD}rows = [\n" + "".join(f"  {text},\n" for text in texts) + "]\n"


def message(text: str | bytes) -> str:
    """Return the message with which a file is refused: one printable line that names the file."""
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(SpecError) as caught:
        parse_spec(data, "net.toml")
    found = str(caught.value)
    assert found.startswith("net.toml: ")
    assert found.isprintable(), ascii(found)
    assert len(found) < 2_000
    return found


def missing_words(text: str | bytes, words: tuple[str, ...]) -> list[str]:
    """Return which of these words the message does not have."""
    found = message(text)
    return [f"{word} | {found}" for word in words if word not in found]


# ---------------------------------------------------------------------------------------- errors

ROW_ERRORS = {
    "unknown key": (
        '{ block = "conv", kernal = 3, out = 8 }',
        ("kernal = 3", "unknown key 'kernal'", "did you mean 'kernel'", "groups", "padding"),
    ),
    "unknown block": (
        '{ block = "inverted_residul", kernel = 3, out = 8 }',
        ("unknown block 'inverted_residul'", "did you mean 'inverted_residual'", "mobile_mqa"),
    ),
    "unknown activation": (
        '{ block = "conv", kernel = 3, out = 8, activation = "hardswitch" }',
        ("unknown activation 'hardswitch'", "did you mean 'hardswish'", "gelu"),
    ),
    "a word of Keras": (
        '{ block = "conv", kernel = 3, filters = 8 }',
        ("unknown key 'filters'", "did you mean 'out'"),
    ),
    "a function that has two names": (
        '{ block = "conv", kernel = 3, out = 8, activation = "swish" }',
        ("unknown activation 'swish'", "did you mean 'silu'"),
    ),
    "unknown padding": (
        '{ block = "conv", kernel = 3, out = 8, padding = "SAME" }',
        ("unknown padding 'SAME'", "did you mean 'same'", "valid"),
    ),
    "unknown width": (
        '{ block = "conv", kernel = 3, out = "clases" }',
        ("'clases'", "did you mean 'classes'"),
    ),
    "no block": ("{ kernel = 3, out = 8 }", ("kernel = 3, out = 8", "'block' is missing")),
    "block a number": ("{ block = 3 }", ("unknown block", "inverted_residual")),
    "block a list": ('{ block = ["conv"] }', ("unknown block",)),
    "no kernel": ('{ block = "conv", out = 8 }', ("'kernel' is missing",)),
    "no out": ('{ block = "separable", kernel = 3 }', ("'out' is missing",)),
    "no rate": ('{ block = "dropout" }', ("'rate' is missing",)),
    "neither out nor expansion": ('{ block = "conv", kernel = 3 }', ("`out`", "`expansion`")),
    "neither": (
        '{ block = "inverted_residual", kernel = 3, out = 8 }',
        ("`expansion`", "`expanded`", "either"),
    ),
    "both": (
        '{ block = "uib", out = 8, expansion = 6, expanded = 48 }',
        ("`expansion`", "`expanded`", "not both"),
    ),
    "expanded repeated": (
        '{ block = "uib", out = 8, expanded = 48, repeats = 2 }',
        ("`expanded`", "`repeats`", "`expansion`"),
    ),
    "kernel of three": (
        '{ block = "conv", kernel = [3, 3, 3], out = 8 }',
        ("kernel: an array", "a whole number from 1 to 64 or an array of 2 to 2 items"),
    ),
    "kernel of one": ('{ block = "depthwise", kernel = [3] }', ("kernel: an array",)),
    "a side of 0": ('{ block = "conv", kernel = [3, 0], out = 8 }', ("kernel.2: 0", "1 to 64")),
    "stride of 65": (
        '{ block = "conv", kernel = 3, out = 8, stride = [1, 65] }',
        ("stride.2: 65", "1 to 64"),
    ),
    "expand a number": (
        '{ block = "inverted_residual", kernel = 3, out = 8, expansion = 1, expand = 1 }',
        ("expand: 1", "true or false"),
    ),
    "stride on nothing": (
        '{ block = "uib", out = 8, expanded = 8, stride = 2 }',
        ("`stride`", "`start_kernel`"),
    ),
    "kernel 0": ('{ block = "conv", kernel = 0, out = 8 }', ("kernel", "from 1 to")),
    "kernel 65": ('{ block = "conv", kernel = 65, out = 8 }', ("kernel", "to 64")),
    "stride 0": ('{ block = "conv", kernel = 3, out = 8, stride = 0 }', ("stride", "from 1 to")),
    "stride 65": ('{ block = "conv", kernel = 3, out = 8, stride = 65 }', ("stride", "to 64")),
    "out 0": ('{ block = "conv", kernel = 3, out = 0 }', ("`out` is 0", "65536")),
    "out -1": ('{ block = "conv", kernel = 3, out = -1 }', ("`out` is -1",)),
    "out 65537": ('{ block = "conv", kernel = 3, out = 65537 }', ("65537", "1 to 65536")),
    "out 10^30": (f'{{ block = "conv", kernel = 3, out = {10**30} }}', ("1 to 65536",)),
    "out a float": (
        '{ block = "conv", kernel = 3, out = 8.5 }',
        ("out: 8.5", "a whole number"),
    ),
    "out a bool": (
        '{ block = "conv", kernel = 3, out = true }',
        ("out: true", "a whole number"),
    ),
    "expanded 65537": (
        '{ block = "uib", out = 8, expanded = 65537 }',
        ("expanded", "1 to 65536"),
    ),
    "expansion nan": ('{ block = "uib", out = 8, expansion = nan }', ("expansion", "above 0")),
    "expansion inf": ('{ block = "uib", out = 8, expansion = inf }', ("expansion", "at most 64")),
    "expansion -1": ('{ block = "uib", out = 8, expansion = -1 }', ("expansion", "above 0")),
    "repeats 0": ('{ block = "conv", kernel = 3, out = 8, repeats = 0 }', ("repeats", "from 1 to")),
    "repeats 101": ('{ block = "depthwise", kernel = 3, repeats = 101 }', ("repeats", "1 to 100")),
    "repeats 10^30": (
        f'{{ block = "depthwise", kernel = 3, repeats = {10**30} }}',
        ("repeats", "1 to 100"),
    ),
    "se 2": (
        '{ block = "inverted_residual", kernel = 3, out = 8, expansion = 1, se = 2 }',
        ("se", "from 0 to 1"),
    ),
    "rate 1": ('{ block = "dropout", rate = 1.0 }', ("rate", "below 1")),
    "name": ('{ block = "pool", name = "1 2" }', ("name", "1 2")),
    "long name": (f'{{ block = "pool", name = "{"n" * 41}" }}', ("name", "40")),
    "not a table": ('"conv"', ('"conv"',)),
    "a date": ("2020-01-01", ("2020-01-01",)),
}


@pytest.mark.parametrize("case", ROW_ERRORS)
def test_a_bad_row(case: str) -> None:
    """The message gives the row's number and text, what is wrong, and what would be right."""
    row, words = ROW_ERRORS[case]
    assert missing_words(rows(ROW, row, ROW), ("row 2", *words)) == []


FILE_ERRORS = {
    "line end in a string": ('name = "x\n', ("not TOML", "line 1, column 10")),
    "no equals sign": (f'{HEAD}rows = [{{ block "conv" }}]', ("not TOML", "line 3, column 17")),
    "a key twice": ('name = "a"\nname = "b"\nresolution = 1\n', ("not TOML", "line 2")),
    "no name": ("resolution = 32\n", ("'name' is missing",)),
    "no resolution": ('name = "x"\n', ("'resolution' is missing",)),
    "no rows": (HEAD, ("'rows' is missing",)),
    "empty": ("", ("'name' is missing",)),
    "empty rows": (f"{HEAD}rows = []", ("rows", "1 to 500 items")),
    "501 rows": (f"{HEAD}rows = [{ROW + ','}" + ROW.join(["", ","]) * 500 + "]", ("rows", "500")),
    "rows a number": (f"{HEAD}rows = 3", ("rows: 3", "an array")),
    "unknown key": (f"{GOOD}resolutoin = 3", ("'resolutoin'", "did you mean 'resolution'")),
    "another format": (f"format = 2\n{GOOD}", ("format: 2", "accepted is 1")),
    "resolution 0": (f'name = "x"\nresolution = 0\nrows = [{ROW}]', ("resolution", "from 1 to")),
    "resolution text": (
        f'name = "x"\nresolution = "32"\nrows = [{ROW}]',
        ('resolution: "32"', "a whole number"),
    ),
    "resolution large": (f'name = "x"\nresolution = 16385\nrows = [{ROW}]', ("16384",)),
    "name empty": (f'name = ""\nresolution = 32\nrows = [{ROW}]', ("name",)),
    "name blank": (f'name = "  "\nresolution = 32\nrows = [{ROW}]', ("name",)),
    "name two lines": (f'name = "a\\nb"\nresolution = 32\nrows = [{ROW}]', ("name", "a\\nb")),
    "name escape": (f'name = "\\u001b[1m"\nresolution = 32\nrows = [{ROW}]', ("name",)),
    "name long": (f'name = "{"n" * 101}"\nresolution = 32\nrows = [{ROW}]', ("name", "100")),
    "channels": (f"{GOOD}in_channels = 0", ("in_channels", "from 1 to")),
    "alphas": (f"{GOOD}alphas = [0.5, 0]", ("alphas", "above 0")),
    "alphas nan": (f"{GOOD}alphas = [nan]", ("alphas", "above 0")),
    "alphas huge": (f"{GOOD}alphas = [17]", ("alphas", "at most 16")),
    "rules key": (f"{GOOD}rules = {{ divisr = 8 }}", ("rules", "'divisr'", "mean 'divisor'")),
    "rules value": (f"{GOOD}rules = {{ divisor = 0 }}", ("rules", "divisor", "from 1 to")),
    "rules word": (
        f'{GOOD}rules = {{ rounding = "neares" }}',
        ("rules", "unknown rounding 'neares'", "did you mean 'nearest'", "down_nearest"),
    ),
    "rules eps": (f"{GOOD}rules = {{ batch_norm_eps = nan }}", ("rules", "batch_norm_eps")),
    "defaults key": (f"{GOOD}defaults = {{ stride = 2 }}", ("defaults", "'stride'", "kernel")),
    "defaults word": (
        f'{GOOD}defaults = {{ activation = "rellu" }}',
        ("defaults", "unknown activation 'rellu'", "did you mean 'relu'"),
    ),
    "one name twice": (
        rows('{ block = "pool", name = "a" }', '{ block = "pool", name = "a" }'),
        ("row 2", "'a'", "row 1"),
    ),
    "a name that a number has": (
        rows('{ block = "pool", name = "row2" }', '{ block = "pool" }'),
        ("row 2", "'row2'", "row 1"),
    ),
    "dialect of no row": (
        rows('{ block = "pool", name = "stem" }')
        + '[dialects.timm.rows]\nstm = { block = "pool" }',
        ("dialects.timm.rows.stm", "no such row", "did you mean 'stem'"),
    ),
    "dialect row": (
        rows('{ block = "pool", name = "stem" }')
        + '[dialects.timm.rows]\nstem = { block = "poool" }',
        ("dialects.timm.rows.stem", "unknown block 'poool'", "did you mean 'pool'"),
    ),
    "dialect rule": (
        f'{GOOD}[dialects.timm]\nrules = {{ padding = "none" }}',
        ("dialects.timm.rules", "unknown padding 'none'", "valid"),
    ),
    "dialect key": (
        f"{GOOD}[dialects.timm]\nrulez = {{}}",
        ("dialects.timm", "'rulez'", "did you mean 'rules'"),
    ),
    "dialect paper": (f'{GOOD}[dialects.paper]\nnote = "mine"', ("dialects.paper", "taken")),
    "dialects a list": (f"{GOOD}dialects = []", ("dialects",)),
    "checkpoint of no dialect": (
        f'{GOOD}[checkpoints]\n"net_{{alpha}}" = "tim"\n[dialects.timm]\n',
        ("net_{alpha}", "'tim'", "did you mean 'timm'"),
    ),
    "a key with a line end": (f'{GOOD}"a\\nb" = 1', ("a\\nb",)),
    "a key with an escape": (f'{GOOD}"\\u001b[1m" = 1', ("unknown key",)),
    "a dialect with a line end": (
        f'{GOOD}[dialects."a\\nb".rows]\nstem = {{ block = "pool" }}',
        ("no such row",),
    ),
    "a dialect's row with a line end": (
        f'{GOOD}[dialects.timm.rows]\n"a\\nb" = {{ block = "pool" }}',
        ("dialects.timm.rows", "a text of 0 to 40 characters"),
    ),
}


@pytest.mark.parametrize("case", FILE_ERRORS)
def test_a_bad_file(case: str) -> None:
    """The message gives the place, what is wrong, and what would be right."""
    text, words = FILE_ERRORS[case]
    assert missing_words(text, words) == []


UNREADABLE = {
    "Latin-1": ('name = "é"'.encode("latin-1"), "not UTF-8"),
    "UTF-16": (GOOD.encode("utf-16"), "not UTF-8"),
    "half a character": (b'name = "\xc3', "not UTF-8"),
    "NUL": (b"\0", "not TOML"),
    "a control character": (b'name = "\x1b"', "not TOML"),
    "old Mac line ends": (GOOD.replace("\n", "\r").encode(), "not TOML"),
    "a mark only": (b"\xef\xbb\xbf", "'name' is missing"),
    "half of a surrogate pair": (b'name = "\\ud800"', "not TOML"),
    "a megabyte": (GOOD.encode() + b"#" * MAX_FILE_BYTES, "larger than 262,144 bytes"),
    "deep lists": (b"rows = " + b"[" * 100_000, "nested too deeply"),
    "a key of 100,000 parts": (b"rows" + b".a" * 100_000 + b" = 1", "more than 100 dots"),
    "deep inline tables": (b"rows = " + b"{a=" * 50_000, "nested too deeply"),
    "a decimal of 5,000 digits": (b"resolution = " + b"9" * 5_000, "net.toml"),
    "an impossible date": (b"name = 2020-13-45", "not TOML"),
    "an impossible time": (b"name = 2020-02-30", "not TOML"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_is_no_text(case: str) -> None:
    """What is no UTF-8, no TOML or too long is refused in one line."""
    data, words = UNREADABLE[case]
    assert words in message(data)


DEEP = ".a" * 2_000
HUGE = "0x" + "f" * 5_000  # hexadecimal is not limited to 4,300 digits when it is read
MONSTERS = {
    "a deep value": f"{GOOD}[[dialects]]\nx{DEEP} = 1",
    "a deep key of the file": f"{GOOD}x{DEEP} = 1",
    "a deep key of a row": f'{HEAD}[[rows]]\nblock = "conv"\nx{DEEP} = 1',
    "a deep key in place of text": f'{HEAD}[[rows]]\nblock = "conv"\npadding{DEEP} = 1',
    "a deep block": f"{HEAD}[[rows]]\nblock{DEEP} = 1",
    "a huge block": f"{HEAD}[[rows]]\nblock = {HUGE}",
    "a huge width": rows(f'{{ block = "conv", kernel = 3, out = {HUGE} }}'),
    "a huge kernel": rows(f'{{ block = "conv", kernel = {HUGE}, out = 8 }}'),
    "a huge ratio": rows(f'{{ block = "conv", kernel = 3, expansion = {HUGE} }}'),
    "a huge word": rows(f'{{ block = "conv", kernel = 3, out = 8, padding = {HUGE} }}'),
    "a huge format": f"format = {HUGE}\n{GOOD}",
    "a huge resolution": f'name = "x"\nresolution = {HUGE}\nrows = [{ROW}]',
    "a huge alpha": f"{GOOD}alphas = [{HUGE}]",
    "a long block": rows('{ block = "' + "b" * 100_000 + '" }'),
    "a long key": rows('{ block = "pool", ' + "k" * 100_000 + " = 1 }"),
    "a long word": rows('{ block = "conv", kernel = 1, out = 1, padding = "' + "p" * 9_999 + '" }'),
    "a long dialect": f'{GOOD}[dialects.{"d" * 9_999}.rows]\nx = {{ block = "pool" }}',
}


@pytest.mark.parametrize("case", MONSTERS)
def test_a_monster(case: str) -> None:
    """What is monstrously deep, long or large is refused in a line of sane length."""
    assert message(MONSTERS[case])


def test_thirty_bytes_cannot_eat_the_memory() -> None:
    """The largest numbers that a row accepts, repeated as often as it may, stay small work."""
    row = '{ block = "uib", out = 65536, expansion = 64, start_kernel = 31, repeats = 100 }'
    with pytest.raises(InputError, match="channels"):
        resolve(parse(rows(row)))
    row = '{ block = "depthwise", kernel = 3, repeats = 100 }'
    with pytest.raises(InputError, match="more than 2000 blocks"):
        resolve(parse(rows(*[row] * 21)))


def test_groups_that_do_not_divide() -> None:
    """Channels that cannot be split into the groups are refused when the widths are known."""
    spec = parse(rows(ROW, '{ block = "conv", kernel = 1, out = 8, groups = 3 }'))
    with pytest.raises(InputError, match=r"row 2.*8 to 8 channels.*3 groups"):
        resolve(spec)


# --------------------------------------------------------------------------------- what is fine


@pytest.mark.parametrize(
    "change", [lambda data: b"\xef\xbb\xbf" + data, lambda data: data.replace(b"\n", b"\r\n")]
)
@pytest.mark.parametrize("name", ["v1", "v4-hybrid-m"])
def test_windows_files_are_fine(name: str, change: Any) -> None:
    """A byte order mark and CRLF change nothing."""
    data = (FAMILIES / f"{name}.toml").read_bytes()
    assert change(data) != data
    assert parse_spec(change(data), "x") == parse_spec(data, "x")


def test_a_file_of_the_largest_size_is_read(here: Path) -> None:
    """The limit is a megabyte, and that is accepted."""
    data = GOOD.encode()
    (here / "net.toml").write_bytes(data + b"#" * (MAX_FILE_BYTES - len(data)))
    assert read_spec(here / "net.toml") == parse(GOOD)


def test_a_missing_file_is_a_spec_error(here: Path) -> None:
    """No file, and a directory in its place, are errors of the input."""
    with pytest.raises(SpecError, match=r"nothing.toml: cannot be read: No such file"):
        read_spec(here / "nothing.toml")
    with pytest.raises(SpecError, match="cannot be read: Is a directory"):
        read_spec(here)


def test_a_bare_file_has_the_documented_defaults() -> None:
    """What a file leaves unsaid: α 1.0, colour images, 1,000 classes, multiples of eight."""
    spec = parse(GOOD)
    assert (spec.alphas, spec.resolutions, spec.in_channels, spec.format) == ((1.0,), (), 3, 1)
    assert (spec.rules.classes, spec.rules.divisor, spec.rules.rounding) == (1000, 8, "nearest")
    assert dialects(spec) == ["paper"]


def test_defaults_reach_the_rows_that_know_them() -> None:
    """`defaults` fill in what a row leaves out; a row's own word wins; others are left alone."""
    spec = parse(
        rows(
            '{ block = "conv", out = 8 }',
            '{ block = "conv", out = 8, kernel = 1, activation = "none" }',
            '{ block = "uib", out = 8, expansion = 2 }',
            '{ block = "pool" }',
        )
        + 'defaults = { kernel = 5, activation = "gelu", layer_scale = true }\n'
    )
    first, second, third, _ = spec.rows
    assert isinstance(first, Conv)
    assert isinstance(second, Conv)
    assert isinstance(third, UniversalInvertedBottleneck)
    assert (first.kernel, first.activation) == (5, "gelu")
    assert (second.kernel, second.activation) == (1, "none")
    assert (third.layer_scale, third.activation) == (True, "gelu")


def test_a_dialect_changes_what_it_names_and_keeps_the_rest() -> None:
    """A dialect's rules stand on the file's, its rows stand in the place of the file's."""
    spec = parse(
        rows('{ block = "conv", out = 10, name = "stem" }', '{ block = "conv", out = 20 }')
        + "rules = { divisor = 4, classes = 7 }\ndefaults = { kernel = 3 }\n"
        "[dialects.wide]\nrules = { classes = 9 }\n"
        '[dialects.wide.rows]\nrow2 = { block = "conv", out = 40 }\n'
    )
    paper, wide = resolve(spec), resolve(spec, dialect="wide")
    assert (paper.classes, wide.classes) == (7, 9)
    assert (paper.rules.divisor, wide.rules.divisor) == (4, 4)
    assert [block.out_channels for block in paper.blocks] == [10, 20]
    assert [block.out_channels for block in wide.blocks] == [10, 40]
    assert isinstance(wide.blocks[1].row, Conv)
    assert wide.blocks[1].row.kernel == 3
    assert [block.out_channels for block in resolve(spec, 0.5).blocks] == [8, 12]


def test_built_in_files_have_no_privilege(here: Path) -> None:
    """Every built-in file, read from elsewhere, is the architecture of its name."""
    for name in MOBILENETS:
        (here / "net.toml").write_bytes((FAMILIES / f"{name}.toml").read_bytes())
        assert read_spec(here / "net.toml").name == name


# ----------------------------------------------------------------------------------- JSON Schema

SCHEMA = json.loads(SCHEMA_FILE.read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_in_the_package_is_the_printed_one() -> None:
    """`mncost schema` prints the file that the built-in families point their editor to."""
    assert in_process(["schema"]).out == SCHEMA_FILE.read_text("utf-8")


def test_the_schema_is_one() -> None:
    """It is valid JSON Schema, draft 2020-12."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", MOBILENETS)
def test_the_schema_accepts_the_built_in_files(name: str) -> None:
    """An editor shows no error in a built-in file."""
    document = tomllib.loads((FAMILIES / f"{name}.toml").read_text("utf-8"))
    assert [error.json_path for error in VALIDATOR.iter_errors(document)] == []


def test_the_schema_accepts_good_rows() -> None:
    """A small file of one's own is fine, too."""
    VALIDATOR.validate(tomllib.loads(GOOD))


@pytest.mark.parametrize(
    "case",
    [
        *("unknown key", "unknown block", "unknown activation", "unknown padding", "no block"),
        *("block a number", "no out", "no rate", "kernel 0", "kernel 65", "stride 0", "stride 65"),
        *("out a float", "out a bool", "expansion -1", "repeats 0", "repeats 101", "se 2"),
        *("rate 1", "name", "long name", "not a table", "expanded 65537", "unknown width"),
    ],
)
def test_the_schema_refuses_bad_rows(case: str) -> None:
    """What a schema can know, it tells the editor."""
    assert not VALIDATOR.is_valid(tomllib.loads(rows(ROW_ERRORS[case][0])))


@pytest.mark.parametrize(
    "case",
    [
        *("no name", "no resolution", "no rows", "empty rows", "rows a number", "unknown key"),
        *("another format", "resolution 0", "resolution text", "resolution large", "alphas huge"),
        *("channels", "alphas", "rules key", "rules value", "rules word", "defaults key"),
        *("defaults word", "dialect row", "dialect rule", "dialect key", "dialects a list"),
    ],
)
def test_the_schema_refuses_bad_files(case: str) -> None:
    """What a schema can know about the rest of the file, it tells the editor."""
    assert not VALIDATOR.is_valid(tomllib.loads(FILE_ERRORS[case][0]))
