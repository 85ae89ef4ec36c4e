"""Tables of what was measured, from runs whose numbers are worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

import mncost
from mncost.render.table import Table
from mncost.results.changes import compare
from mncost.results.results import Results
from mncost.tables.changes import changes_table
from mncost.tables.pairs import pair_columns
from mncost.tables.run import run_columns, run_table
from mncost.tables.savings import SAVINGS_COLUMNS, savings_table, savings_tables
from tests.measure.synthetic import cell, simulated
from tests.results.test_savings import NS, measured

UNITS = ("_ns", "_us", "_ms", "gmacs", "gbytes")


def records(table: Table) -> list[dict[str, Any]]:
    """Return the rows of a table for programs, by the names of their columns."""
    table = table.for_programs()
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert not [name for name in names if any(unit in name for unit in UNITS)]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def shown(table: Table) -> list[dict[str, Any]]:
    table = table.for_people()
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


# ------------------------------------------------------------------------------------------ a run


@pytest.fixture
def results() -> Results:
    """Return V2 at two widths with twins, on one and two threads: 1 ms, 2 ms, 8 ms, 9 ms."""
    cells = [
        cell(0, alpha=0.5, macs=10**8),
        cell(1, alpha=1.0, macs=3 * 10**8, threads=2),
        cell(2, alpha=0.5, twin="standard", macs=8 * 10**8),
        cell(3, alpha=1.0, twin="standard", macs=24 * 10**8, threads=2),
    ]
    return Results(simulated({0: 1e6, 1: 2e6, 2: 8e6, 3: 9e6}, cells))


def test_programs_get_every_cell_and_people_a_twin_beside_its_network(results: Results) -> None:
    table = run_table(results)
    for_programs, for_people = records(table), shown(table)
    assert [row["twin"] for row in for_programs] == [None, None, "standard", "standard"]
    assert [row["alpha"] for row in for_people] == [0.5, 1.0]
    first = for_people[0]
    assert first["latency"].center == pytest.approx(1e-3, rel=0.05)
    assert first["twin_latency"].center == pytest.approx(8e-3, rel=0.05)
    assert first["speedup"].center == pytest.approx(8, rel=0.05)
    assert first["macs_ratio"] == 8
    assert for_programs[0]["latency"] == first["latency"].center
    assert for_programs[0]["latency_lo"] == first["latency"].lo
    assert for_programs[0]["macs_per_second"] == pytest.approx(1e8 / first["latency"].center)


def test_a_title_has_only_what_all_cells_share() -> None:
    cells = [
        cell(0, arch="v1", dialect="paper", macs=10**8),
        cell(1, arch="v2", dialect="timm", macs=10**8),
    ]
    title = run_table(Results(simulated({0: 1e6, 1: 2e6}, cells))).title
    assert "v1" not in title
    assert "paper" not in title


def test_people_see_what_tells_cells_apart(results: Results) -> None:
    (row, _) = shown(run_table(results))
    assert {"arch", "alpha", "resolution", "threads"} <= row.keys()
    assert not {"precision", "batch", "provider", "classes", "copy", "python"} & row.keys()
    assert run_table(results).title == "CPU latency: onnxruntime, fp32, batch 1"


def test_percentiles_are_columns_when_they_are_asked_for(results: Results) -> None:
    table = run_table(results, percentiles=(90, 99.9))
    assert {"p90", "p99.9"} <= shown(table)[0].keys()
    assert {"p90_lo", "p99.9_hi"} <= records(table)[0].keys()
    assert not {"p50", "p90"} & shown(run_table(results))[0].keys()
    assert {"p50", "p90", "p99"} <= records(run_table(results))[0].keys()


def test_a_result_shows_itself(results: Results) -> None:
    assert str(results) == str(run_table(results))
    frame = results.to_frame()
    assert list(frame["alpha"]) == [0.5, 1.0, 0.5, 1.0]
    assert (frame["latency_lo"] < frame["latency"]).all()
    assert "<table>" in results._repr_html_()


def test_a_run_without_cells_has_a_table() -> None:
    table = run_table(Results(simulated({}, [])))
    assert table.title == "CPU latency: no cells"
    assert records(table) == []
    assert [c.name for c in table.columns] == list(run_columns())


# ---------------------------------------------------------------------------------------- savings


def test_a_ratio_of_macs_means_the_same_in_every_table() -> None:
    """Once a pair had 7.89 in one table and 0.127 in the other, under one name."""
    pair = mncost.load("v1").pairs_of("standard")[0]
    shares = pair_columns("standard")
    savings = Results(measured([NS, NS])).savings
    (row,) = [row for row in records(savings_table(savings)) if row["level"] == "pair"]
    assert "macs_ratio" not in shares
    assert "macs_share" not in row
    # 3 × 3 pixels, 64 output channels: 1 / (1/64 + 1/9) = 7.89 times the MACs, a share of 0.127.
    assert pair.merged.kernel == (3, 3)
    assert pair.merged.out_channels == 64
    assert shares["theoretical_macs_share"].value(pair) == pytest.approx(0.126736, abs=1e-6)
    assert shares["macs_share"].value(pair) == pytest.approx(pair.macs / pair.merged.macs)
    assert row["macs_ratio"] == 800 / 100
    assert row["theoretical_macs_ratio"] == pytest.approx(1 / 0.1)
    assert row["macs_ratio"] == row["twin_macs"] / row["macs"]


def test_programs_get_all_levels_in_one_table() -> None:
    savings = Results(measured([NS, NS])).savings
    rows = records(savings_table(savings))
    assert [row["level"] for row in rows] == ["network", "pair", "layer", "layer", "layer"]
    network, pair, first, second, merged = rows
    assert (network["latency"], network["twin_latency"]) == pytest.approx((2000e-9, 9000e-9))
    assert (network["speedup"], network["efficiency"]) == pytest.approx((4.5, 4.5 / 8))
    assert (pair["time"], pair["twin_time"]) == pytest.approx((1000e-9, 3000e-9))
    assert (pair["occurrences"], pair["kernel"], pair["in_channels"]) == (2, 3, 32)
    assert [row["kind"] for row in (first, second, merged)] == [
        "depthwise",
        "pointwise",
        "standard",
    ]
    assert [row["time"] for row in (first, second, merged)] == pytest.approx(
        [500e-9, 600e-9, 3000e-9]
    )
    assert network["pairs_speedup"] == pytest.approx(3.0)
    assert network["depthwise_macs_share"] == pytest.approx(0.1)
    assert set(SAVINGS_COLUMNS) <= rows[0].keys() | {"px", "layers"}


def test_people_get_a_table_for_each_level() -> None:
    savings = Results(measured([NS, NS])).savings
    networks, pairs, layers = savings_tables(savings)
    assert networks.title.startswith("Networks and their standard twins")
    assert pairs.title.startswith("Layers on onnxruntime")
    assert layers.title.startswith("Roofline of onnxruntime")
    assert shown(networks) == shown(savings_table(savings))
    assert shown(pairs)[0]["layers"] == "row2"
    assert any("Example CPU 3000" in line for line in layers.for_people().notes)


# ---------------------------------------------------------------------------------------- changes


def test_a_change_between_runs(results: Results) -> None:
    later = Results(simulated({0: 2e6, 1: 2e6, 2: 8e6, 3: 9e6}, results.run.cells))
    table = changes_table(compare(results, later))
    slower, *others = records(table)
    assert slower["verdict"] == "slower"
    assert slower["ratio"] == pytest.approx(2, rel=0.05)
    assert (slower["old_latency"], slower["new_latency"]) == pytest.approx((1e-3, 2e-3), rel=0.05)
    assert slower["ratio_lo"] < slower["ratio"] < slower["ratio_hi"]
    assert {row["verdict"] for row in others} == {"no difference seen"}
    first = shown(table)[0]
    assert (first["arch"], first["alpha"], first["resolution"]) == ("v2", 0.5, 224)
    assert table.title == "New against old: onnxruntime, fp32, batch 1"
