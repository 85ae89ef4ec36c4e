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

from mncost.budget.records import Outcome
from mncost.budget.tables import limit_and_value, machine_table, people_table, sentence
from mncost.budget.verdicts import Inconclusive, status, summary_line
from mncost.render import csv as as_csv
from mncost.render import json as as_json
from mncost.render import plain, terminal
from mncost.stats.verdict import Verdict
from tests.budget.outcomes import HOSTILE, M, exact, latency, one_of_each, ratio

NUMBER = re.compile(r"[\d,]+\.?\d*")


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
        (latency("PASS", 9.19e6, 9.09e6, 9.29e6, percent=50), "≤ 12 ms", "9.19 ±0.10 ms"),
        (latency("PASS", 9.19e6, 9.10e6, 9.45e6), "≤ 12 ms", "9.19 (9.10–9.45) ms"),
        (latency("INCONCLUSIVE", 12.1e6, 11.9e6, None), "≤ 12 ms", "12.1 (11.9–?) ms"),
        (latency("INCONCLUSIVE", 12.1e6, None, None), "≤ 12 ms", "12.1 ±? ms"),
        (latency("INCONCLUSIVE", None, None, None), "≤ 12 ms", "–"),
        (
            latency("PASS", 80e3, 79e3, 81e3, percent=50, most=95.5e3),
            "≤ 0.0955 ms",
            "0.0800 ±0.0010 ms",
        ),
        (ratio("INCONCLUSIVE", 1.04, 0.98, 1.2), "≤ 1.1", "1.04 (0.98–1.20)"),
        (ratio("PASS", 1.04, 1.01, 1.07), "≤ 1.1", "1.040 ±0.030"),
        (latency("PASS", 7.56e6, 2.56e6, 22.3e6, percent=50), "≤ 12 ms", "7.56 (2.56–22.30) ms"),
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
    verdict: Verdict = "PASS" if hi <= most else "FAIL" if lo > most else "INCONCLUSIVE"
    _, text = limit_and_value(latency(verdict, value, lo, hi, most=most))
    center, low, high = (float(number.replace(",", "")) for number in NUMBER.findall(text))
    assert low <= center <= high
    if verdict != "INCONCLUSIVE":
        assert (high <= most * 1e-6 + 1e-12) is (verdict == "PASS")
        assert (low > most * 1e-6 + 1e-12) is (verdict == "FAIL")


@pytest.mark.parametrize(
    ("value", "text"),
    [(75, "25.0"), (100, "0.0"), (101, "−1.0"), (150, "−50.0")],
)
def test_headroom_is_a_share_of_the_limit(value: int, text: str) -> None:
    """It is what is left, in % of the limit, and below zero beyond it."""
    assert people_table([exact(value, most=100)], []).rows[0][4] == text


def test_headroom_is_no_zero_that_it_is_not() -> None:
    """A little beyond and a little within are told from exactly at the limit."""
    values = [300 * M + 1, 300 * M, 300 * M - 1]
    table = people_table([exact(value, most=300 * M) for value in values], [])
    assert [row[4] for row in table.rows] == [">−0.1", "0.0", "<0.1"]


def test_a_hundred_columns_are_enough() -> None:
    """Nothing is folded on a terminal of 100 columns, names of some length included."""
    outcomes = [
        *one_of_each("kws-small-05"),
        latency("FAIL", 12.1e6, 12.0003e6, 13e6, name="kws-small-05"),
        ratio("INCONCLUSIVE", 1.04, 0.98, 1.2),
        exact(14 << 20, most=(14 << 20) - 1, metric="peak_activation_bytes"),
    ]
    table = people_table(outcomes, [])
    lines = terminal.render(table, width=100, color=False).splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) == len(plain.render(table).splitlines())
    assert sum("PASS" in line or "FAIL" in line or "INCONCLUSIVE" in line for line in lines) == 6


def test_reasons_and_notes_stand_below() -> None:
    """Why a limit is inconclusive comes before the conditions."""
    table = people_table(one_of_each(), ["a machine"])
    assert table.notes == ["v2: latency p99: too few runs", "a machine"]
    assert table.title == "1 budget holds, 1 fails, 1 inconclusive"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_drives_a_terminal(name: str) -> None:
    """What a file calls a budget cannot break a line or send control characters."""
    outcomes = one_of_each(name, why=name)
    text = plain.render(people_table(outcomes, []))
    assert all(character.isprintable() for line in text.split("\n") for character in line)
    assert len(text.splitlines()) == 3 + 3 + 1 + bool(name)
    assert all("\n" not in sentence(outcome) for outcome in outcomes)


# ------------------------------------------------------------------------------- for programs


def test_programs_get_bare_values() -> None:
    """Nanoseconds and whole numbers, without a unit in the cell; nothing for what is unknown."""
    table = machine_table(one_of_each(), ["a note"])
    _, failing, open_ = csv.DictReader(io.StringIO(as_csv.render(table)))
    assert failing["limit"] == "300000000"
    assert failing["value"] == "300774272"
    assert float(failing["headroom"]) == pytest.approx(-774_272 / 300e6)
    assert [failing[name] for name in ("arch", "alpha", "runtime", "threads", "line")] == [
        *("v2", "", "onnxruntime", "1", "3")
    ]
    names = ("metric", "bound", "lo", "hi", "unit", "verdict", "why")
    assert [open_[name] for name in names] == [
        *("latency p99", "max", "11900000.0", "", "ns", "INCONCLUSIVE", "too few runs")
    ]
    loaded = json.loads(as_json.render(table))
    assert loaded["notes"] == ["a note"]
    assert [row["verdict"] for row in loaded["rows"]] == ["PASS", "FAIL", "INCONCLUSIVE"]


def test_programs_are_told_least_values() -> None:
    """A minimum is told from a maximum."""
    outcomes = [exact(5, most=9), exact(5, least=1), exact(5, least=1, most=9)]
    table = machine_table(outcomes, [])
    bound = [column.name for column in table.columns].index("bound")
    assert [row[bound] for row in table.rows] == ["max", "min", "both"]


# ------------------------------------------------------------------------------------ verdicts

PASS, FAIL, OPEN = one_of_each()
UNKNOWN = latency("INCONCLUSIVE", None, None, None)


@pytest.mark.parametrize(
    ("outcomes", "inconclusive", "expected"),
    [
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
    """0 all hold, 1 one fails, 3 none fails but not all hold."""
    assert status(outcomes, inconclusive) == expected


def numbered(*verdicts: tuple[int, Verdict]) -> list[Outcome]:
    """Return outcomes of numbered budgets."""
    return [latency(verdict, 1, 1, 1, budget=number) for number, verdict in verdicts]


@pytest.mark.parametrize(
    ("outcomes", "line"),
    [
        ([], "no budget was checked"),
        (numbered((1, "PASS")), "1 budget holds"),
        (numbered((1, "PASS"), (1, "FAIL"), (1, "INCONCLUSIVE")), "1 budget fails"),
        (numbered((1, "INCONCLUSIVE"), (1, "PASS")), "1 budget inconclusive"),
        (
            numbered(
                *((n, "PASS") for n in range(7)),
                (8, "FAIL"),
                *((n, "INCONCLUSIVE") for n in (9, 10)),
            ),
            "7 budgets hold, 1 fails, 2 inconclusive",
        ),
        (numbered((1, "FAIL"), (2, "FAIL"), (3, "INCONCLUSIVE")), "2 budgets fail, 1 inconclusive"),
    ],
)
def test_summary_line(outcomes: list[Outcome], line: str) -> None:
    """A budget is counted once, by the worst of its limits."""
    assert summary_line(outcomes) == line
