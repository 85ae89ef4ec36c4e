"""One table for people and programs: who sees what, intervals, marks, several tables in one."""

from __future__ import annotations

import csv
import io
import json
from random import Random

import pytest

from mncost.errors import UnknownNameError
from mncost.interval import Interval
from mncost.render import csv as as_csv
from mncost.render import json as as_json
from mncost.render import terminal as as_terminal
from mncost.render.column import Column, Kind
from mncost.render.sources import chosen, sources, tabulate
from mncost.render.stacked import stacked
from mncost.render.table import Table

COLUMNS = sources(
    ("name", "name", "text", lambda x: x[0]),
    ("latency", "latency", "time", lambda x: x[1]),
    ("source", "source", "text", lambda x: x[2]),
    ("cell", "cell", "text", lambda x: f"cell {x[0]}"),
    ("params", "params", "count", lambda x: x[3]),
    ("flops", "FLOPs", "count", lambda x: 2 * (x[3] or 0)),
    extra=["params"],
    people=["cell"],
    asked=["flops"],
    intervals=["latency"],
    marks=["source"],
)
THINGS = [
    ("a", Interval(0.00919, 0.00908, 0.0093), "a long text", 5),
    ("b", Interval(0.0119, None, None), "another", None),
    ("c", None, "a long text", 7),
]


def names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def test_people_and_programs_see_one_table() -> None:
    table = tabulate("t", COLUMNS, THINGS, notes=["n"], legend=["l"], title="T")
    people, programs = table.for_people(), table.for_programs()
    assert names(people) == ["name", "latency", "source", "cell"]
    assert names(programs) == ["name", "latency", "latency_lo", "latency_hi", "source", "params"]
    assert programs.rows[0] == ["a", 0.00919, 0.00908, 0.0093, "a long text", 5]
    assert programs.rows[1] == ["b", 0.0119, None, None, "another", None]
    assert programs.rows[2] == ["c", None, None, None, "a long text", 7]
    assert [row[2] for row in people.rows] == ["[1]", "[2]", "[1]"]
    assert people.notes == ["l", "n", "[1] a long text", "[2] another"]
    assert programs.notes == ["n"]


def test_rows_have_readers_too() -> None:
    table = Table("t", [Column("a", "a")], [["x"], ["sum"], ["twin"]])
    table = table._replace(rows_for=["all", "people", "programs"])
    assert table.for_people().rows == [["x"], ["sum"]]
    assert table.for_programs().rows == [["x"], ["twin"]]


def test_asked_columns_are_seen_by_everybody() -> None:
    for table in (
        tabulate("t", COLUMNS, THINGS, names="flops, cell,flops"),
        tabulate("t", COLUMNS, THINGS, names="all").select(["flops", "cell"]),
    ):
        assert names(table.for_people()) == names(table.for_programs()) == ["flops", "cell"]
        assert table.for_people().rows[0] == [10, "cell a"]
    assert [source.column.name for source in chosen(COLUMNS, None, ["name"])] == ["name"]
    for wrong in (lambda: tabulate("t", COLUMNS, [], names="nam"), lambda: chosen(COLUMNS, "nam")):
        with pytest.raises(UnknownNameError, match="did you mean 'name'"):
            wrong()


def test_all_columns_can_be_asked_for() -> None:
    table = tabulate("t", COLUMNS, THINGS, names="all")
    assert set(names(table)) == set(COLUMNS)


def test_constant_columns_hide_from_people_only() -> None:
    table = tabulate("t", COLUMNS, THINGS, hide=["name"], show=["flops"])
    assert names(table.for_people()) == ["latency", "source", "cell", "flops"]
    assert "name" in names(table.for_programs())


def test_machine_formats_have_the_bounds_in_base_units() -> None:
    table = tabulate("t", COLUMNS, THINGS)
    (first, *_) = csv.DictReader(io.StringIO(as_csv.render(table)))
    assert (first["latency"], first["latency_lo"], first["latency_hi"]) == (
        "0.00919",
        "0.00908",
        "0.0093",
    )
    rows = json.loads(as_json.render(table))["rows"]
    assert [row["latency_lo"] for row in rows] == [0.00908, None, None]
    frame = table.to_frame()
    assert list(frame.columns) == names(table.for_programs())
    assert str(frame["params"].dtype) == "Int64", "what is missing makes no floats of the others"
    assert frame["latency_hi"].iloc[0] == 0.0093


def test_an_empty_table_keeps_its_columns() -> None:
    frame = tabulate("t", COLUMNS, []).to_frame()
    assert list(frame.columns) == names(tabulate("t", COLUMNS, THINGS).for_programs())


def test_a_number_without_an_interval_is_exact() -> None:
    table = Table("t", [Column("ratio", "ratio", "ratio", interval=True)], [[8.0]])
    assert table.for_programs().rows == [[8.0, 8.0, 8.0]]


def test_several_tables_in_one() -> None:
    first = Table("a", [Column("x", "x"), Column("y", "y")], [["x1", "y1"]], ["n"], "A", ["l"])
    other = Table("b", [Column("y", "y"), Column("z", "z")], [["y2", "z2"], ["y3", "z3"]])
    table = stacked("both", "level", {"first": [first], "second": [other]})
    assert (names(table.for_people()), table.for_people().rows) == (["x", "y"], [["x1", "y1"]])
    assert table.for_people().notes == ["l", "n"]
    programs = table.for_programs()
    assert names(programs) == ["level", "x", "y", "z"]
    assert programs.rows == [
        ["first", "x1", "y1", None],
        ["second", None, "y2", "z2"],
        ["second", None, "y3", "z3"],
    ]


def test_a_notebook_shows_what_people_see() -> None:
    html = tabulate("t", COLUMNS, THINGS, title="T")._repr_html_()
    assert "9.19 ±0.11" in html
    assert "latency (ms)" in html
    assert "params" not in html


@pytest.mark.parametrize("seed", range(40))
def test_tables_of_many_rows_look_as_rich_has_them(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those are put together without it, where nothing has to be folded."""
    rng = Random(seed)
    words = ["a", "bb", "Ωμέγα", "several words here", "", "1" * 30, "漢字"]
    kinds: list[Kind] = rng.choices(["text", "number", "count", "ratio"], k=4)
    columns = [
        Column(f"c{i}", " ".join(rng.choices(words[:4], k=2)), kind, rank=rng.randrange(3))
        for i, kind in enumerate(kinds)
    ]
    rows = [
        [rng.choice(words) if kind == "text" else rng.choice([1, None, 2.5e9]) for kind in kinds]
        for _ in range(rng.choice([0, 1, 7]))
    ]
    table = Table("t", columns, rows, ["note"], "title")
    shown = []
    for many in (0, 100):
        monkeypatch.setattr("mncost.render.terminal._MANY", many)
        for width in (30, 80, 200):
            shown.append(as_terminal.render(table, width=width, color=seed % 2 == 0))
    assert shown[:3] == shown[3:]
