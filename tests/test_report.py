"""The renderers: one small table in every format, and what a terminal shows."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from mncost.interval import Interval
from mncost.render import csv as as_csv
from mncost.render import json as as_json
from mncost.render import markdown as as_markdown
from mncost.render import plain as as_plain
from mncost.render import terminal as as_terminal
from mncost.render.column import Column, Kind, Value
from mncost.render.table import Table
from mncost.render.units import format_column
from tests.networks import MOBILENETS
from tests.running import command, environment, in_process

TINY = Path(__file__).parent / "tiny.toml"
NUMBER = re.compile(r"\d[\d,.]*")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
NASTY = 'α|<script>"x",\n*_`[]\\'

COLUMNS = [
    Column("name", "name"),
    Column("macs", "the MACs", "count"),
    Column("bytes", "bytes", "bytes"),
    Column("ratio", "ratio", "ratio"),
    Column("kernel", "k", "number"),
    Column("bias", "bias"),
    Column("alphas", "published α"),
]
ROWS: list[list[Value]] = [
    ["stem", 123_456_789, 5 * 2**20, 8.5, 3, True, (0.5, 1.0)],
    [NASTY, 0, 0, None, None, False, ()],
]
TABLE = Table("things", COLUMNS, ROWS, ["a note"], "a title")


def cells(kind: Kind, *values: Value) -> tuple[str, list[str]]:
    """Return the unit and the texts of one column."""
    return format_column(Column("x", "x", kind), values)


# ---------------------------------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("kind", "values", "unit", "texts"),
    [
        ("count", (123_456_789,), "M", ["123.5"]),
        ("count", (3_504_872,), "M", ["3.505"]),
        ("count", (1_500,), "k", ["1.500"]),
        ("count", (999, 0), "", ["999", "0"]),
        ("count", (10**12, 10**6), "M", ["1,000,000", "1.00"]),
        ("count", (1_204_224, 1_024, 32), "k", ["1,204", "1.02", "0.032"]),
        ("count", (1_204_224, 1_024, 9), "", ["1,204,224", "1,024", "9"]),
        ("bytes", (2**20, 16), "KiB", ["1,024", "0.016"]),
        ("bytes", (1_604_321, 784 * 2**10), "MiB", ["1.53", "0.77"]),
        ("count", (0, None), "", ["0", "–"]),
        ("count", (), "", []),
        ("bytes", (5 * 2**20,), "MiB", ["5.00"]),
        ("bytes", (50 * 2**20,), "MiB", ["50.0"]),
        ("bytes", (1536,), "KiB", ["1.50"]),
        ("bytes", (1023,), "B", ["1,023"]),
        ("ratio", (8.558, 0.5), "", ["8.56", "0.50"]),
        ("fraction", (0.126736,), "", ["0.1267"]),
        ("share", (0.25, 1.0, 0), "%", ["25.0", "100.0", "0"]),
        ("time", (0.00919, 0.0122), "ms", ["9.19", "12.2"]),
        ("time", (Interval(0.009187, 0.009077, 0.009297),), "ms", ["9.19 ±0.11"]),
        ("time", (Interval(2.5e-5, 2.4e-5, 2.6e-5), 0.0012), "ms", ["0.0250 ±0.0010", "1.20"]),
        ("time", (Interval(2.5e-5, None, None),), "µs", ["25.0 ±?"]),
        ("time", (3e-9, 2.5), "ns", ["3.00", "2,500,000,000"]),
        ("rate", (3.2e10, Interval(4.1e10, 4e10, 4.2e10)), "G", ["32.0", "41.0 ±1.0"]),
        ("rate", (12.5,), "", ["12.5"]),
        ("share", (Interval(0.127, 0.125, 0.129),), "%", ["12.70 ±0.20"]),
        ("ratio", (Interval(7.89, 7.89, 7.89),), "", ["7.89"]),
        ("number", (Interval(1.5, 0.1, 9.0),), "", ["1.50 ±>100%"]),
        ("number", (0.35, 224, None), "", ["0.35", "224", "–"]),
        ("text", ("a", True, False, (1, 2), None), "", ["a", "yes", "no", "1 2", "–"]),
    ],
)
def test_units(kind: Kind, values: tuple[Value, ...], unit: str, texts: list[str]) -> None:
    """A column has one prefix, in which its smallest number has two digits."""
    assert cells(kind, *values) == (unit, texts)


def test_a_small_number_beside_a_large_one_is_not_a_zero() -> None:
    """One parameter beside a million of them is more than nothing, and looks it."""
    _, (large, small) = cells("count", 5_000_000, 32)
    assert large == "5,000"
    assert float(small.split()[0]) > 0


# ------------------------------------------------------------------------------------------ CSV


def test_csv_is_exact_and_quoted() -> None:
    """Names, not titles; every digit; nothing for what is absent; quotes where they are needed."""
    header, stem, nasty = csv.reader(io.StringIO(as_csv.render(TABLE), newline=""))
    assert header == ["name", "macs", "bytes", "ratio", "kernel", "bias", "alphas"]
    assert stem == ["stem", "123456789", "5242880", "8.5", "3", "true", "0.5 1.0"]
    assert nasty == [NASTY, "0", "0", "", "", "false", ""]


def test_csv_keeps_floats_and_huge_integers() -> None:
    """A float comes back as the same float, an integer as the same integer."""
    values = [0.1 + 0.2, 1 / 3, 10**40]
    table = Table("t", [Column(str(i), "") for i in range(3)], [values])
    _, row = csv.reader(io.StringIO(as_csv.render(table)))
    assert [float(row[0]), float(row[1]), int(row[2])] == values


def test_csv_ends_every_line_with_a_newline() -> None:
    """Lines end as on Unix, the last one too."""
    text = as_csv.render(Table("t", COLUMNS[:1], [["a"], ["b"]]))
    assert text == "name\na\nb\n"


# ----------------------------------------------------------------------------------------- JSON


def test_json_has_a_version_and_bare_values() -> None:
    """The version of the shape, the columns in order, rows as objects, notes, `null`."""
    loaded = json.loads(as_json.render(TABLE))
    assert loaded["schema_version"] == 2
    assert loaded["table"] == "things"
    assert loaded["columns"] == [column.name for column in COLUMNS]
    assert loaded["notes"] == ["a note"]
    stem, nasty = loaded["rows"]
    assert list(stem.values()) == ["stem", 123456789, 5242880, 8.5, 3, True, [0.5, 1.0]]
    assert list(nasty.values()) == [NASTY, 0, 0, None, None, False, []]


def test_json_refuses_what_json_does_not_know() -> None:
    """NaN is no JSON, so it is an error and not a file that others cannot read."""
    with pytest.raises(ValueError, match="JSON"):
        as_json.render(Table("t", COLUMNS[:1], [[float("nan")]]))


# ------------------------------------------------------------------------------------- Markdown


def test_markdown_keeps_its_cells_apart() -> None:
    """A `|` or a tag in a name breaks neither the row nor the page."""
    lines = as_markdown.render(TABLE).splitlines()
    assert lines[0] == "**a title**"
    table = [line for line in lines if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in table] == [8] * 4
    assert not re.search(r"(?<!\\)<", "\n".join(lines))
    assert lines[-1] == "- a note"


def test_markdown_aligns_numbers_right_and_names_units() -> None:
    """Titles carry the unit; numbers are aligned right, text is not."""
    title, rule, stem = as_markdown.render(TABLE._replace(title="")).splitlines()[:3]
    assert title == ("| name | the MACs (M) | bytes (MiB) | ratio | k | bias | published α |")
    assert rule == "| --- | ---: | ---: | ---: | ---: | --- | --- |"
    assert stem == "| stem | 123.5 | 5.00 | 8.50 | 3 | yes | 0.5 1.0 |"


# ------------------------------------------------------------------------------------- terminal


def test_piped_text_is_plain() -> None:
    """No colour, no trailing spaces, nothing folded, whatever the width of what is in it."""
    wide = Table("t", COLUMNS[:2], [["x" * 500, 1]], ["n" * 500], "t" * 500)
    for table in (TABLE, wide):
        text = as_plain.render(table)
        assert "\x1b" not in text
        assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert as_plain.render(wide).count("x" * 500) == 1
    assert as_plain.render(wide).count("n" * 500) == 1


def test_without_columns_there_are_the_title_and_the_notes() -> None:
    """What has no rows is not shown as an empty table."""
    table = Table("picked", [], [], ["without a limit: more"], "none of 3 fit")
    text = "none of 3 fit\nwithout a limit: more\n"
    assert as_plain.render(table) == text
    assert as_terminal.render(table, width=80, color=False) == text
    assert as_markdown.render(table) == "**none of 3 fit**\n\n- without a limit: more\n"


def test_text_is_shown_as_it_is() -> None:
    """Square brackets and the like are text, not commands to the printer."""
    table = Table("t", COLUMNS[:1], [["[bold]x[/bold] :smile:"]], ["[red]note[/red]"])
    text = as_terminal.render(table, width=80, color=True)
    assert "[bold]x[/bold] :smile:" in text
    assert "[red]note[/red]" in ANSI.sub("", text)


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80])
def test_a_narrow_terminal_loses_no_digit(width: int) -> None:
    """Numbers are never folded, cut or replaced by dots, however narrow the terminal is."""
    values = [123_456_789_012, 3_504_872, 224]
    titles = ["standard MACs", "params", "px"]
    kinds: list[Kind] = ["count", "count", "number"]
    columns = [Column(t, t, kind) for t, kind in zip(titles, kinds, strict=True)]
    table = Table("t", [Column("name", "name"), *columns, *columns], [["N" * 60, *values * 2]])
    text = as_terminal.render(table, width=width, color=False)
    for number in ("123,456.8", "3.505", "224"):
        assert text.count(number) == 2, text
    assert "…" not in text
    assert text.count("N") >= 60


@pytest.mark.parametrize("width", [45, 55, 65])
def test_a_narrow_terminal_folds_between_words(width: int) -> None:
    columns = [Column("budget", "budget"), Column("metric", "metric"), Column("n", "n", "number")]
    name = "my-net α 1 at 160 px, dialect microcontroller, int8"
    rows: list[list[Value]] = [
        [name, "peak_activation_bytes", 1],
        [name, "latency ratio to another network", 2],
    ]
    lines = as_terminal.render(Table("t", columns, rows), width=width, color=False).splitlines()
    for word in ("peak_activation_bytes", "microcontroller,"):
        assert any(word in line for line in lines), lines


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("command", ["table v2 --dialect timm", "layers v2", "table v1 v2"])
def test_a_narrow_terminal_leaves_columns_out_and_says_which(command: str, width: int) -> None:
    """No line is wider than the terminal; what is shown is what a wide terminal shows."""
    words = command.split()
    wide = on_terminal(words, 200)
    narrow = ANSI.sub("", on_terminal(words, width))
    assert max(map(len, narrow.splitlines())) <= width
    said = re.search(r"no room for: ([\w,\s]+) \(", narrow)
    if said is None:
        assert narrow.split() == ANSI.sub("", wide).split()
        return
    hidden = said[1].replace("\n", "").replace(" ", "").split(",")
    shown = in_process([*words, "--columns", ",".join(hidden), "--format", "csv"])
    assert shown.status == 0
    assert len(NUMBER.findall(narrow)) < len(NUMBER.findall(ANSI.sub("", wide)))


def on_terminal(arguments: list[str], width: int, **extra: str) -> str:
    """Run mncost on a pseudo-terminal so many columns wide; return what it shows."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    env = environment({"TERM": "xterm-256color", **extra})
    with subprocess.Popen(
        command(*arguments), stdin=slave, stdout=slave, stderr=slave, env=env
    ) as process:
        os.close(slave)
        chunks = []
        while chunk := _read(master):
            chunks.append(chunk)
    os.close(master)
    assert process.returncode == 0
    return b"".join(chunks).decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # what Linux says when the other end is closed
        return b""


@pytest.mark.parametrize(
    "arguments",
    [
        "table --arch mobilenets",
        "table --arch v2 --alpha 0.35:1.4 --resolution 96:224",
        "table --arch v2 --dialect torchvision",
        "table --arch v2 --alpha 0.35:1.4 --pivot macs",
        "layers --arch v2",
        "layers --arch v3-large --all",
        "layers --arch v4-hybrid-m",
        "layers --arch v2 --by block",
        "layers --arch v2 --by kind",
        "layers --arch v1 --by pair",
        "list",
        "--help",
    ],
)
def test_a_hundred_columns_are_enough(arguments: str) -> None:
    """What mncost prints by default fits a terminal of 100 columns."""
    lines = ANSI.sub("", on_terminal(arguments.split(), 100)).splitlines()
    assert len(lines) > 3
    assert [line for line in lines if len(line) > 100] == []
    # They fit because they are narrow, not because they were cut.
    if arguments != "--help":
        piped = NUMBER.findall(in_process(arguments.split()).out)
        assert sorted(NUMBER.findall("\n".join(lines))) == sorted(piped)


@pytest.mark.parametrize(
    ("extra", "colored"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colour_only_where_it_is_wanted(extra: dict[str, str], colored: bool) -> None:
    """A terminal gets colour, unless NO_COLOR is set or it is dumb."""
    text = on_terminal(["layers", "--arch", "v1"], 100, **extra)
    assert ("\x1b" in text) is colored
    assert "568,740,352 MACs" in text


def test_default_tables_of_all_families_have_one_row_each() -> None:
    """The terminal's table of all families has one line for each of them."""
    lines = in_process(["table", "--arch", "mobilenets"]).out.splitlines()
    names = [line.split()[0] for line in lines if re.match(r"v\d", line)]
    assert names == list(MOBILENETS)


def test_a_number_with_its_interval_is_never_cut() -> None:
    """It has a space in it, and is still one number."""
    column = Column("latency", "latency ms", "number")
    table = Table(
        "t", [Column("arch", "arch"), column], [["v2", "9.19 ±0.11"], ["v3", "10.5 ±2.4"]]
    )
    for width in (5, 10, 12, 40):
        assert "9.19 ±0.11" in as_terminal.render(table, width=width, color=False)
