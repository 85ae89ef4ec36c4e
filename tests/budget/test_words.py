"""What people and programs read of outcomes; the exit status."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from mncost.budget.outcome import Ending, Inconclusive, Outcome, Verdicts, status, summary_line
from mncost.budget.words import limit_and_value, sentence
from mncost.render import csv as as_csv
from mncost.render import json as as_json
from mncost.render import plain, terminal
from mncost.render.table import Table
from mncost.tables.verdicts import COLUMNS, verdicts
from tests.budget.outcomes import HOSTILE, M, exact, latency, one_of_each, ratio, regression
from tests.printed import Printed

NUMBER = re.compile(r"[\d,]+\.?\d*")


def people(outcomes: list[Outcome]) -> list[dict[str, object]]:
    """Return the rows that people see, by the titles of the columns."""
    table = Verdicts(outcomes).table().for_people()
    titles = [column.title for column in table.columns]
    return [dict(zip(titles, row, strict=True)) for row in table.rows]


def programs(outcomes: list[Outcome], notes: Sequence[str] = ()) -> Table:
    """Return the table that programs see."""
    return verdicts(Verdicts(outcomes, notes)).for_programs()


# --------------------------------------------------------------------------------- for people


@pytest.mark.parametrize(
    ("outcome", "limit", "value"),
    [
        (exact(300_774_272, most=300 * M), "≤ 300.0 M", "300.8 M"),
        (exact(300_774_272, least=300 * M), "≥ 300.0 M", "300.8 M"),
        (exact(300_774_272, least=300 * M, most=301 * M), "300.0 M–301.0 M", "300.8 M"),
        (exact(300_774_272, least=300_774_272, most=300_774_272), "= 300.8 M", "300.8 M"),
        (exact(300_000_001, most=300 * M), "≤ 300,000,000", "300,000,001"),
        (exact(299_999_999, least=300 * M, most=301 * M), "300,000,000–301,000,000", "299,999,999"),
        (exact(3_504_872, most=3_504_872, metric="params"), "≤ 3.505 M", "3.505 M"),
        (exact(13_900_000, most=14 << 20, metric="weight_bytes"), "≤ 14.0 MiB", "13.3 MiB"),
        (
            exact((14 << 20) + 1, most=14 << 20, metric="weight_bytes"),
            "≤ 14,680,064 B",
            "14,680,065 B",
        ),
        (exact(32, most=5 * M, metric="params"), "≤ 5,000 k", "0.032 k"),
        (latency("PASS", 9.19e-3, 9.09e-3, 9.29e-3, percent=50), "≤ 12 ms", "9.19 ±0.10 ms"),
        (latency("PASS", 9.19e-3, 9.10e-3, 9.45e-3), "≤ 12 ms", "9.19 (9.10–9.45) ms"),
        (latency("PASS", 9.19e-3, 0.0, 9.45e202), "≤ 12 ms", "9.19 (0.00–9.45e+205) ms"),
        (latency("INCONCLUSIVE", 12.1e-3, 11.9e-3, None), "≤ 12 ms", "12.1 (11.9–?) ms"),
        (latency("INCONCLUSIVE", 12.1e-3, None, None), "≤ 12 ms", "12.1 ±? ms"),
        (latency("INCONCLUSIVE", None, None, None), "≤ 12 ms", "–"),
        (
            latency("PASS", 80e-6, 79e-6, 81e-6, percent=50, most=95.5e-6),
            "≤ 0.0955 ms",
            "0.0800 ±0.0010 ms",
        ),
        (ratio("INCONCLUSIVE", 1.04, 0.98, 1.2), "≤ 1.1", "1.04 (0.98–1.20)"),
        (ratio("PASS", 1.04, 1.01, 1.07), "≤ 1.1", "1.040 ±0.030"),
        (regression("FAIL", 1.112, 1.105, 1.119), "≤ +3 %", "+11.2 % ±0.7"),
        (regression("PASS", 0.988, 0.971, 1.005), "≤ +3 %", "−1.2 % ±1.7"),
        (regression("INCONCLUSIVE", 1.02, 0.999, 1.06), "≤ +3 %", "+2.0 % (−0.1 to +6.0)"),
        (regression("FAIL", 1.0305, 1.0301, 1.0309), "≤ +3 %", "+3.05 % ±0.04"),
        (regression("INCONCLUSIVE", 1.02), "≤ +3 %", "+2 % ±?"),
        (regression("INCONCLUSIVE", None), "≤ +3 %", "–"),
        (latency("PASS", 7.56e-3, 2.56e-3, 22.3e-3, percent=50), "≤ 12 ms", "7.56 (2.56–22.30) ms"),
    ],
)
def test_numbers_for_people(outcome: Outcome, limit: str, value: str) -> None:
    """A limit and what was found have their units, and the digits that matter."""
    assert limit_and_value(outcome) == (limit, value)


@given(st.integers(1, 10**18), st.integers(-3, 3), st.sampled_from(["macs", "weight_bytes"]))
def test_a_count_beyond_its_limit_never_looks_like_it(most: int, beyond: int, metric: str) -> None:
    """One multiply-accumulate beyond a limit is beyond it in print."""
    value = max(0, most + beyond)
    limit, found = limit_and_value(exact(value, most=most, metric=metric))
    assert (limit.removeprefix("≤ ") == found) is (value == most)


@given(
    st.integers(10**4, 10**9), st.integers(10**4, 10**9), st.floats(1e-5, 0.5), st.floats(1e-5, 0.5)
)
def test_a_decided_tail_shows_why(most: int, value: int, below: float, above: float) -> None:
    """Where the interval is on one side of the limit, its printed bounds are, too."""
    lo, hi = round(value * (1 - below)), round(value * (1 + above))
    verdict: Ending = "PASS" if hi <= most else "FAIL" if lo > most else "INCONCLUSIVE"
    outcome = latency(verdict, 1e-9 * value, 1e-9 * lo, 1e-9 * hi, most=1e-9 * most)
    _, text = limit_and_value(outcome)
    center, low, high = (float(number.replace(",", "")) for number in NUMBER.findall(text))
    assert low <= center <= high
    if verdict != "INCONCLUSIVE":
        assert (high <= most * 1e-6 + 1e-12) is (verdict == "PASS")
        assert (low > most * 1e-6 + 1e-12) is (verdict == "FAIL")


@given(st.floats(0, 0.5), st.floats(0.5, 3.0), st.floats(1e-4, 0.3), st.floats(1e-4, 0.3))
def test_a_decided_regression_shows_why(
    share: float, value: float, below: float, above: float
) -> None:
    lo, hi, limit = value * (1 - below), value * (1 + above), 1 + share
    verdict: Ending = "PASS" if hi <= limit else "FAIL" if lo > limit else "INCONCLUSIVE"
    text = limit_and_value(regression(verdict, value, lo, hi, share=share))[1].replace("−", "-")
    center, *others = (float(n.replace(",", "")) for n in re.findall(r"[+-]?[\d,]+\.\d+", text))
    low, high = others if len(others) == 2 else (center - others[0], center + others[0])
    slack = 0.06 * (high - low) + 2e-6  # ± is for intervals whose middle is nearly the value
    if verdict == "PASS":
        assert high <= 100 * share + slack
    elif verdict == "FAIL":
        assert low >= 100 * share - slack


@pytest.mark.parametrize(
    ("value", "text"),
    [(75, "25.0"), (100, "0.0"), (101, "−1.0"), (150, "−50.0")],
)
def test_headroom_is_a_share_of_the_limit(value: int, text: str) -> None:
    """It is what is left, in % of the limit, and below zero beyond it."""
    (row,) = people([exact(value, most=100)])
    assert row["headroom %"] == text


def test_headroom_is_no_zero_that_it_is_not() -> None:
    """A little beyond and a little within are told from exactly at the limit."""
    values = [300 * M + 1, 300 * M, 300 * M - 1]
    rows = people([exact(value, most=300 * M) for value in values])
    assert [row["headroom %"] for row in rows] == [">−0.1", "0.0", "<0.1"]


def test_a_hundred_columns_are_enough() -> None:
    """Nothing is folded on a terminal of 100 columns, names of some length included."""
    outcomes = [
        *one_of_each("kws-small-05"),
        latency("FAIL", 12.1e-3, 12.0003e-3, 13e-3, name="kws-small-05"),
        ratio("INCONCLUSIVE", 1.04, 0.98, 1.2),
        exact(14 << 20, most=(14 << 20) - 1, metric="peak_activation_bytes"),
    ]
    table = Verdicts(outcomes).table()
    lines = terminal.render(table, width=100, color=False).splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) == len(plain.render(table).splitlines())
    assert sum("PASS" in line or "FAIL" in line or "INCONCLUSIVE" in line for line in lines) == 6


def test_reasons_and_notes_stand_below(snapshot: SnapshotAssertion) -> None:
    """Why a limit is inconclusive comes before the conditions."""
    table = Verdicts(one_of_each(), ["a machine"]).table()
    assert plain.render(table) == snapshot(extension_class=Printed)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_drives_a_terminal(name: str) -> None:
    """What a file calls a budget cannot break a line or send control characters."""
    outcomes = one_of_each(name, why=name)
    text = plain.render(Verdicts(outcomes).table())
    assert all(character.isprintable() for line in text.split("\n") for character in line)
    assert len(text.splitlines()) == 3 + 3 + 1 + bool(name)
    assert all("\n" not in sentence(outcome) for outcome in outcomes)


# ------------------------------------------------------------------------------- for programs


def test_programs_get_bare_values() -> None:
    """Seconds and whole numbers, without a unit in the cell; nothing for what is unknown."""
    table = programs(one_of_each(), ["a note"])
    _, failing, open_ = csv.DictReader(io.StringIO(as_csv.render(table)))
    assert failing["limit"] == "300000000"
    assert failing["value"] == "300774272"
    assert float(failing["headroom"]) == pytest.approx(-774_272 / 300e6)
    assert [failing[name] for name in ("arch", "alpha", "runtime", "threads", "line")] == [
        *("v2", "", "onnxruntime", "1", "3")
    ]
    names = ("metric", "bound", "value_lo", "value_hi", "unit", "verdict", "why")
    assert [open_[name] for name in names] == [
        *("latency p99", "max", "0.0119", "", "time", "INCONCLUSIVE", "too few runs")
    ]
    loaded = json.loads(as_json.render(table))
    assert [failing["why"] or open_["why"], loaded["notes"][-1]] == ["too few runs", "a note"]
    assert [row["verdict"] for row in loaded["rows"]] == ["PASS", "FAIL", "INCONCLUSIVE"]


def test_programs_are_told_least_values() -> None:
    """A minimum is told from a maximum."""
    outcomes = [exact(5, most=9), exact(5, least=1), exact(5, least=1, most=9)]
    table = programs(outcomes)
    bound = [column.name for column in table.columns].index("bound")
    assert [row[bound] for row in table.rows] == ["max", "min", "both"]


# ------------------------------------------------------------------------------------ verdicts

PASS, FAIL, OPEN = one_of_each()
UNKNOWN = latency("INCONCLUSIVE", None, None, None)
BROKEN = latency("ERROR", 11e-3, 10e-3, 11.5e-3, why="the worker died")


@pytest.mark.parametrize(
    ("outcomes", "inconclusive", "expected"),
    [
        ([BROKEN], "keep", 2),
        ([BROKEN], "pass", 2),
        ([BROKEN, FAIL], "fail", 2),
        ([], "keep", 0),
        ([PASS], "keep", 0),
        ([PASS, OPEN], "keep", 3),
        ([PASS, OPEN], "pass", 0),
        ([PASS, OPEN], "fail", 1),
        ([OPEN, FAIL], "keep", 1),
        ([OPEN, FAIL], "pass", 1),
        ([PASS], "fail", 0),
        ([UNKNOWN], "pass", 3),
        ([UNKNOWN], "fail", 1),
    ],
)
def test_status(outcomes: Sequence[Outcome], inconclusive: Inconclusive, expected: int) -> None:
    """0 all hold, 1 one fails, 2 one broke, 3 none fails but not all hold."""
    assert status(outcomes, inconclusive) == expected


def numbered(*endings: tuple[int, Ending]) -> list[Outcome]:
    """Return outcomes of numbered budgets."""
    return [latency(ending, 1, 1, 1, budget=number) for number, ending in endings]


SUMMED_UP: list[list[tuple[int, Ending]]] = [
    [],
    [(1, "PASS")],
    [(1, "PASS"), (1, "FAIL"), (1, "INCONCLUSIVE")],
    [(1, "INCONCLUSIVE"), (1, "PASS")],
    [(1, "FAIL"), (1, "ERROR"), (2, "PASS")],
    [*((n, "PASS") for n in range(7)), (8, "FAIL"), (9, "INCONCLUSIVE"), (10, "INCONCLUSIVE")],
    [(1, "FAIL"), (2, "FAIL"), (3, "INCONCLUSIVE")],
]


def test_summary_line(snapshot: SnapshotAssertion) -> None:
    """A budget is counted once, by the worst of its limits."""
    lines = [f"{endings}\n  {summary_line(numbered(*endings))}\n" for endings in SUMMED_UP]
    assert "".join(lines) == snapshot(extension_class=Printed)


# ------------------------------------------------------------------------------ what Python shows


def test_verdicts_show_themselves(snapshot: SnapshotAssertion) -> None:
    checked = Verdicts(one_of_each(), ["a note"])
    assert (len(checked), checked.ok, checked.status) == (3, False, 1)
    assert checked[1].verdict == "FAIL"
    assert f"{checked!r}\n{checked}" == snapshot(extension_class=Printed)


def test_no_list_of_columns_is_left_out() -> None:
    """Programs see every column that people do not see in another form."""
    names = [column.name for column in programs(one_of_each()).columns]
    shown = {"shown_metric", "shown_value", "shown_limit", "shown_headroom", "latencies"}
    shown |= {"shown_wall"}
    bounds = {f"{name}_{end}" for name in ("value", "undisturbed_latency") for end in ("lo", "hi")}
    assert set(names) == (set(COLUMNS) - shown) | bounds


def test_both_latencies_of_a_regression_are_shown(snapshot: SnapshotAssertion) -> None:
    """As a reviewer wants it: how much slower, and from what to what."""
    failed = regression("FAIL", 1.112, 1.105, 1.119, old=4.10e-3, new=4.56e-3)
    (row,) = people([failed])
    assert row["value"] == "+11.2 % ±0.7"
    assert row["latency"] == "4.10 → 4.56 ms"
    assert sentence(failed) == snapshot(extension_class=Printed)
