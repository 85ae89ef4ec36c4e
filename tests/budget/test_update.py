"""Proposed limits: a diff that ``patch`` would take, of a file that it leaves alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mncost.budget.file import parse_budgets
from mncost.budget.outcome import Outcome
from mncost.budget.records import Exact, Limit
from mncost.budget.update import proposed
from mncost.interval import Interval
from mncost.stats.verdict import Verdict

M, MS = 10**6, 1e-3

FILE = """\
# Ours
[[budget]]                                # the phone
model  = { arch = "v2", alpha = 0.75 }
macs   = "107.3 M"                        # exact
params = { min = '2 M' , max = "2.7M" }   # both

[[budget]]
model = { arch = "v2" }
weight_bytes = "10 MiB"
latency = { p50 = "12 ms",  "p99.9" = "0.025 s", max_ratio = 0.9, to = { arch = "v1" } } # three
[budget.peak_activation_bytes]
  max = "6 MB"     # table

[[budget]]
model = { arch = "v1" }
latency = { regression = "3 %" }
"""


def found(text: str, values: Mapping[str, tuple[Verdict, float, float] | None]) -> list[Outcome]:
    """Return an outcome for each limit: verdict, value, upper bound; or that it just holds."""
    return [outcome(limit, values.get(limit.metric)) for limit in parse_budgets(text.encode(), "")]


def outcome(limit: Limit, value: tuple[Verdict, float, float] | None) -> Outcome:
    verdict, middle, upper = value or ("PASS", limit.allowed, limit.allowed)
    exact = isinstance(limit.bound, Exact)
    value_of = Interval(middle, middle - (upper - middle), upper, 5)
    return Outcome(limit, verdict, value_of, "count" if exact else "time")


def changes(diff: str) -> list[tuple[str, str]]:
    """Return the texts in quotes, and numbers, that one line loses and its successor has."""
    old, new = ([line[1:] for line in diff.split("\n")[2:] if line[:1] == sign] for sign in "-+")
    pairs = []
    for before, after in zip(old, new, strict=True):
        words = [
            re.findall(r'"[^"]*"|\'[^\']*\'|[\d.]+|[^"\'\d]+', line) for line in (before, after)
        ]
        pairs += [pair for pair in zip(*words, strict=True) if pair[0] != pair[1]]
    return pairs


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        # Exact: the value, to the unit; in bytes where the unit would take endless decimals.
        ("macs", ("FAIL", 107_300_001, 107_300_001), ('"107.3 M"', '"107.300001 M"')),
        ("macs", ("PASS", 90_000_000, 90_000_000), ('"107.3 M"', '"90 M"')),
        ("macs", ("PASS", 96_570_000, 96_570_000), None),  # 10 % of headroom
        ("macs", ("PASS", 96_569_999, 96_569_999), ('"107.3 M"', '"96.569999 M"')),
        ("params", ("FAIL", 2_700_100, 2_700_100), ('"2.7M"', '"2.7001 M"')),
        ("params", ("FAIL", 1_999_999, 1_999_999), ("'2 M'", '"1.999999 M"')),
        ("params", ("PASS", 2_300_000, 2_300_000), ('"2.7M"', '"2.3 M"')),
        ("params", ("PASS", 2_100_000, 2_100_000), None),  # close to the minimum
        ("weight_bytes", ("FAIL", 11 << 20, 11 << 20), ('"10 MiB"', '"11 MiB"')),
        ("weight_bytes", ("FAIL", 21 << 19, 21 << 19), ('"10 MiB"', '"10.5 MiB"')),
        ("weight_bytes", ("FAIL", 10_485_764, 10_485_764), ('"10 MiB"', '"10485764 B"')),
        ("weight_bytes", ("FAIL", 10_486_784, 10_486_784), ('"10 MiB"', '"10486784 B"')),
        ("peak_activation_bytes", ("FAIL", 6_021_120, 6_021_120), ('"6 MB"', '"6.02112 MB"')),
        # Measured: 1.1 × the upper bound, rounded up to two digits.
        ("latency p50", ("FAIL", 14 * MS, 15 * MS), ('"12 ms"', '"17 ms"')),  # 16.5
        ("latency p50", ("FAIL", 99 * MS, 100 * MS), ('"12 ms"', '"110 ms"')),  # 110 exactly
        ("latency p50", ("FAIL", 99 * MS, 101 * MS), ('"12 ms"', '"120 ms"')),  # 111.1
        ("latency p50", ("PASS", 0.08 * MS, 0.09 * MS), ('"12 ms"', '"0.099 ms"')),
        ("latency p50", ("PASS", 10 * MS, 10.5 * MS), None),  # 11.55 is no less than 12
        ("latency p50", ("PASS", 11 * MS, 11.1 * MS), None),  # 8 % of headroom
        ("latency p50", ("INCONCLUSIVE", 12 * MS, 15 * MS), None),
        ("latency p50", ("INCONCLUSIVE", 1 * MS, 15 * MS), None),
        ("latency p99.9", ("FAIL", 29 * MS, 30 * MS), ('"0.025 s"', '"0.033 s"')),
        ("latency ratio to v1", ("FAIL", 0.95, 1.0), ("0.9", "1.1")),
        ("latency ratio to v1", ("PASS", 0.5, 0.51), ("0.9", "0.57")),  # 0.561
        ("latency regression", ("FAIL", 1.2, 1.3), None),
        ("latency regression", ("PASS", 0.5, 0.6), None),
    ],
)
def test_a_new_limit(
    metric: str, value: tuple[Verdict, float, float], expected: tuple[str, str] | None
) -> None:
    """One value differs in one line of the file; comments and layout do not."""
    diff = proposed(FILE, found(FILE, {metric: value}), "budgets.toml")
    assert changes(diff) == ([expected] if expected else [])
    assert bool(diff) is bool(expected)


def test_what_is_not_known_stays() -> None:
    outcomes = found(FILE, {})
    unknown = [one._replace(value=None, verdict="INCONCLUSIVE") for one in outcomes]
    assert proposed(FILE, unknown, "b.toml") == proposed(FILE, [], "b.toml") == ""


@pytest.mark.parametrize("verdict", ["PASS", "FAIL"])
def test_a_limit_is_not_only_written_in_another_way(verdict: Verdict) -> None:
    """1.1 × 10.5 ms is the old limit, once rounded up."""
    text = FILE.replace("12 ms", "12.0ms")
    value: Mapping[str, tuple[Verdict, float, float]] = {
        "latency p50": (verdict, 10 * MS, 10.5 * MS)
    }
    assert proposed(text, found(text, value), "b.toml") == ""


def test_without_an_interval_the_value_counts() -> None:
    outcomes = found(FILE, {"latency p50": ("FAIL", 20 * MS, 20 * MS)})
    outcomes = [
        one._replace(value=one.value and one.value._replace(lo=None, hi=None)) for one in outcomes
    ]
    assert changes(proposed(FILE, outcomes, "b.toml")) == [('"12 ms"', '"22 ms"')]


def test_a_minimum_alone_follows_the_value() -> None:
    text = '[[budget]]\nmodel.arch = "v2"\nparams.min = "1 M"\n'
    high: Mapping[str, tuple[Verdict, float, float]] = {"params": ("PASS", 3 * M, 3 * M)}
    assert changes(proposed(text, found(text, high), "b.toml")) == [('"1 M"', '"3 M"')]
    low: Mapping[str, tuple[Verdict, float, float]] = {"params": ("FAIL", 999_999, 999_999)}
    assert changes(proposed(text, found(text, low), "b.toml")) == [('"1 M"', '"0.999999 M"')]


ALL: Mapping[str, tuple[Verdict, float, float]] = {
    "macs": ("FAIL", 200 * M, 200 * M),
    "params": ("FAIL", 3 * M, 3 * M),
    "weight_bytes": ("FAIL", 10_485_764, 10_485_764),
    "peak_activation_bytes": ("PASS", 3 * M, 3 * M),
    "latency p50": ("FAIL", 20 * MS, 21 * MS),
    "latency p99.9": ("PASS", 5 * MS, 6 * MS),
    "latency ratio to v1": ("FAIL", 0.98, 0.99),
}


def patched(folder: Path, text: str, outcomes: Sequence[Outcome]) -> str:
    """Apply the diff with ``patch``."""
    if (patch := shutil.which("patch")) is None:
        pytest.skip("needs patch")
    (folder / "b.toml").write_bytes(text.encode())
    diff = proposed(text, outcomes, "b.toml").encode()
    subprocess.run([patch, "--binary"], input=diff, cwd=folder, check=True, capture_output=True)
    return (folder / "b.toml").read_bytes().decode()


@pytest.mark.parametrize(
    "text",
    [
        FILE,
        FILE.removesuffix("\n"),
        FILE.replace("\n", "\r\n"),
        FILE.replace("# Ours", "# one\u2028line, and another\x85one"),
    ],
    ids=["plain", "no newline at the end", "two characters a line", "odd separators"],
)
def test_patch_takes_the_diff_and_the_new_limits_hold(tmp_path: Path, text: str) -> None:
    """Comments, layout and line ends are those of the old file; a second time changes nothing."""
    new = patched(tmp_path, text, found(text, ALL))
    assert re.findall(r"#.*|\s+", new) == re.findall(r"#.*|\s+", text.replace('"2.7M"', '"2.7 M"'))
    outcomes = found(new, {})
    assert [one.limit for one in outcomes] == pytest.approx(
        [200 * M, 3 * M, 10_485_764, 3 * M, 24 * MS, 6.6 * MS, 1.1, 1.03]
    )
    held: Mapping[str, tuple[Verdict, float, float]] = {
        metric: ("PASS", value, upper) for metric, (_, value, upper) in ALL.items()
    }
    assert proposed(new, found(new, held), "b.toml") == ""


def test_budgets_in_an_array_of_their_own(tmp_path: Path) -> None:
    text = 'budget = [\n  { model = { arch = "v2" }, macs = "1 M" }, # one\n]\n'
    new = patched(tmp_path, text, found(text, {"macs": ("FAIL", 2 * M, 2 * M)}))
    assert new == text.replace("1 M", "2 M")


def test_a_bare_count_and_a_bare_latency_stay_bare() -> None:
    text = '[[budget]]\nmodel.arch = "v2"\nparams = 265864\nlatency = "12 ms"\n'
    values: Mapping[str, tuple[Verdict, float, float]] = {
        "params": ("FAIL", 3_504_872, 3_504_872),
        "latency p50": ("FAIL", 14 * MS, 15 * MS),
    }
    diff = proposed(text, found(text, values), "b.toml")
    assert changes(diff) == [("265864", "3504872"), ('"12 ms"', '"17 ms"')]
