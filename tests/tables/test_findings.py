"""What a run says in a sentence, from latencies that are known: simulated runs."""

from __future__ import annotations

from mncost.measure.records import Cell
from mncost.results.results import Results
from mncost.tables.findings import findings
from tests.measure.synthetic import cell, simulated


def _found(latencies: dict[int, float], cells: list[Cell]) -> list[str]:
    return findings(Results(simulated(latencies, cells)))


def test_the_fastest_is_compared_with_each_of_a_few() -> None:
    cells = [cell(0, alpha=0.5), cell(1, alpha=0.75), cell(2, alpha=1.0)]
    (line,) = _found({0: 1e6, 1: 2e6, 2: 4e6}, cells)
    assert line.startswith("v2 α 0.5 is ")
    first, second = line.removeprefix("v2 α 0.5 is ").split(", ")
    for text, ratio, name in ((first, 2, "v2 α 0.75"), (second, 4, "v2 α 1")):
        assert abs(float(text.split()[0]) - ratio) < 0.2
        assert text.endswith(f"times as fast as {name}")


def test_of_many_the_fastest_and_the_slowest() -> None:
    cells = [cell(index, alpha=(index + 1) / 8) for index in range(8)]
    (line,) = _found({index: (index + 1) * 1e6 for index in range(8)}, cells)
    assert line.startswith("the fastest of 8, v2 α 0.125 (1.0")
    assert line.endswith("times as fast as v2 α 1")


def test_what_is_as_fast_is_not_called_faster() -> None:
    cells = [cell(0, alpha=0.5), cell(1, alpha=1.0)]
    (line,) = _found({0: 1e6, 1: 1e6}, cells)
    assert "not clearly faster than v2" in line


def test_one_network_is_compared_with_its_twin() -> None:
    cells = [cell(0, macs=10**8), cell(1, twin="standard", macs=8 * 10**8)]
    (line,) = _found({0: 1e6, 1: 4e6}, cells)
    assert line.startswith("v2 is ")
    assert line.endswith("times as fast as its standard twin, with 8.00 times fewer MACs")


def test_one_network_at_several_places() -> None:
    cells = [cell(0, threads=1), cell(1, threads=2)]
    (line,) = _found({0: 2e6, 1: 1e6}, cells)
    assert line.startswith("v2 α 1 on 2 threads is ")
    assert line.endswith("times as fast as 1 thread")


def test_places_are_named_and_of_many_only_the_fastest_is_said() -> None:
    cells = [cell(2 * t + a, alpha=a + 1.0, threads=t + 1) for t in range(2) for a in range(2)]
    lines = _found({0: 2e6, 1: 4e6, 2: 1e6, 3: 2e6}, cells)
    assert [line.split(":")[0] for line in lines] == ["1 thread", "2 threads"]
    cells = [cell(2 * t + a, alpha=a + 1.0, threads=t + 1) for t in range(5) for a in range(2)]
    lines = _found({i: (i + 1) * 1e6 for i in range(10)}, cells)  # too many: one a network is left
    assert [line.split(" is ")[0] for line in lines] == ["v2 α 1 on 1 thread", "v2 α 2 on 1 thread"]
