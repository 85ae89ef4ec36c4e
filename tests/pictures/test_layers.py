"""Layers as bars: every count worked out by hand for a network that is small enough."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import scipy.stats

import mncost
from mncost.errors import UnknownNameError
from mncost.interval import Interval
from mncost.measure.bursts import Counts
from mncost.measure.cells import digest
from mncost.measure.records import LayerShare, ModelRecord, Profile, Run
from mncost.network import Network
from mncost.pictures.bars import layer_bars
from mncost.pictures.layer_rows import KINDS, OTHER, OUTSIDE, Row, layer_rows, network_of, said
from mncost.pictures.points import percent
from mncost.results.results import Results
from tests.measure.synthetic import cell, process, run_of
from tests.pictures.svg import bars, texts

TINY = Path(__file__).parents[1] / "tiny.toml"


class Hand(NamedTuple):
    """A row as it is worked out on paper."""

    name: str
    kind: str
    macs: int
    bytes: int


# 3 × 8 × 8 pixels; 8 × 4 × 4 after the stem, 16 × 4 × 4 from row 2 on. Bytes: 4 for each element of
# the inputs, the weights, the biases that the batch norms become, and the output.
BY_HAND = [
    Hand("stem.conv", "conv", 9 * 3 * 8 * 16, 4 * (192 + 9 * 3 * 8 + 8 + 128)),
    Hand("row2.depthwise.conv", "depthwise", 9 * 8 * 16, 4 * (128 + 9 * 8 + 8 + 128)),
    Hand("row2.pointwise.conv", "pointwise", 8 * 16 * 16, 4 * (128 + 8 * 16 + 16 + 256)),
    Hand("row3.expand.conv", "pointwise", 16 * 32 * 16, 4 * (256 + 16 * 32 + 32 + 512)),
    Hand("row3.depthwise.conv", "depthwise", 9 * 32 * 16, 4 * (512 + 9 * 32 + 32 + 512)),
    Hand("row3.project.conv", "pointwise", 32 * 16 * 16, 4 * (512 + 32 * 16 + 16 + 256)),
    Hand("row3.add", OTHER, 0, 4 * (256 + 256 + 256)),
    Hand("row4.pool", OTHER, 0, 4 * (256 + 16)),
    Hand("classifier.linear", "linear", 16 * 10, 4 * (16 + 16 * 10 + 10 + 10)),
]
MACS, BYTES = sum(row.macs for row in BY_HAND), sum(row.bytes for row in BY_HAND)


@pytest.fixture(scope="module")
def tiny() -> Network:
    return mncost.load(str(TINY))


def measured(network: Network, shares: list[dict[str, float]], ns: list[int]) -> Run:
    """Return a run of one cell: in each process the layers' shares, and how long a call takes."""
    own = cell(
        0,
        arch=network.arch,
        dialect=network.dialect,
        resolution=network.resolution,
        classes=network.classes,
        digest=digest(network.graph, network.inputs),
    )
    profiles = [
        Profile(
            cell=0,
            generation=generation,
            profiled_ns=[10**6],
            plain_ns=[10**6],
            layers=[
                LayerShare(
                    layer=name, kind="", macs=0, kernels=[], ns=Counts([round(share * 10**6)])
                )
                for name, share in found.items()
            ],
        )
        for generation, found in enumerate(shares)
    ]
    processes = [process(generation, {0: [[whole]]}) for generation, whole in enumerate(ns)]
    return run_of([own], processes, profiles=profiles)


SHARES = [
    {"row2.depthwise.conv": 0.2, "row3.depthwise.conv": 0.1, "(session)": 0.7},
    {"row2.depthwise.conv": 0.1, "row3.depthwise.conv": 0.3, "(session)": 0.6},
    {"row2.depthwise.conv": 0.25, "row3.depthwise.conv": 0.1, "(session)": 0.65},
]
NS = [4_000_000, 5_000_000, 6_000_000]


def interval(values: list[float]) -> tuple[float, float, float]:
    """Return the geometric mean and Student's interval, by scipy."""
    logs = np.log(values)
    half = scipy.stats.t.ppf(0.975, len(logs) - 1) * scipy.stats.sem(logs)
    return tuple(np.exp([logs.mean(), logs.mean() - half, logs.mean() + half]))


def test_rows_are_the_layers_with_their_counts(tiny: Network) -> None:
    assert [row[:4] for row in layer_rows(tiny)] == BY_HAND
    assert (tiny.macs, sum(row.bytes or 0 for row in layer_rows(tiny))) == (MACS, BYTES)


@pytest.mark.parametrize("by", ["block", "stage", "kind"])
@pytest.mark.parametrize("arch", ["v1", "v3-large", "v4-hybrid-m"])
def test_rows_add_up_to_the_network(arch: str, by: str) -> None:
    network = mncost.load(arch)
    rows = layer_rows(network, by)
    assert sum(row.macs or 0 for row in rows) == network.macs
    moved = sum(layer.bytes_read + layer.bytes_written for layer in network.all_layers)
    assert sum(row.bytes or 0 for row in rows) == moved
    assert len({row.name for row in rows}) == len(rows)


def test_kinds_and_stages_of_the_tiny_one(tiny: Network) -> None:
    found = {row.name: (row.kind, row.macs) for row in layer_rows(tiny, "kind")}
    assert found["depthwise"] == ("depthwise", 9 * 8 * 16 + 9 * 32 * 16)
    assert found["add"] == (OTHER, 0)
    stages = layer_rows(tiny, "stage")
    assert [(row.name, row.kind) for row in stages] == [("stage 1", ""), ("stage 2", "")]
    assert stages[1].macs == 160


def test_times_are_shares_of_a_call_and_what_is_no_layer_comes_last(tiny: Network) -> None:
    rows = layer_rows(tiny, "layer", Results(measured(tiny, SHARES, NS)), 0)
    assert [row.name for row in rows[:-1]] == [row.name for row in BY_HAND]
    assert (rows[-1].name, rows[-1].kind, rows[-1].macs) == ("(session)", OUTSIDE, None)
    time = rows[1].time
    assert time is not None
    expected = interval([0.2 * 4e-3, 0.1 * 5e-3, 0.25 * 6e-3])
    assert (time.center, time.lo, time.hi) == pytest.approx(expected)
    assert rows[0].time is None, "nothing is known of a layer that has no kernel of its own"


def test_the_interval_of_a_group_is_that_of_the_sums_in_each_process(tiny: Network) -> None:
    found = {
        row.name: row for row in layer_rows(tiny, "kind", Results(measured(tiny, SHARES, NS)), 0)
    }
    time = found["depthwise"].time
    assert time is not None
    expected = interval([0.3 * 4e-3, 0.4 * 5e-3, 0.35 * 6e-3])
    assert (time.center, time.lo, time.hi) == pytest.approx(expected)
    assert found["depthwise"].share == pytest.approx((0.3 * 0.4 * 0.35) ** (1 / 3))


def test_what_is_done_to_the_image_is_no_layer(tiny: Network) -> None:
    rows = layer_rows(
        tiny, "layer", Results(measured(tiny, [{"input": 0.1, "(session)": 0.9}], [10])), 0
    )
    assert [row.name for row in rows[-2:]] == ["(input)", "(session)"]


def test_the_title_names_the_kind_that_costs_more_than_its_macs(tiny: Network) -> None:
    depthwise = [row for row in BY_HAND if row.kind == "depthwise"]
    dw_macs, dw_bytes = sum(row.macs for row in depthwise), sum(row.bytes for row in depthwise)
    without = said(layer_rows(tiny, "kind"))
    assert without == (
        f"depthwise: {100 * dw_macs / MACS:.0f} % of the MACs, "
        f"{100 * dw_bytes / BYTES:.0f} % of the bytes"
    )
    assert without == "depthwise: 21 % of the MACs, 25 % of the bytes"
    slow = [{"classifier.linear": 0.6, "(session)": 0.4}] * 2
    with_time = said(layer_rows(tiny, "kind", Results(measured(tiny, slow, [10**6, 10**6])), 0))
    assert with_time == "linear: 0.6 % of the MACs, 60 % of the time, 3 % of the bytes"


def test_a_network_without_macs_has_a_title_too() -> None:
    assert said([Row("pool", OTHER, 0, 100)]) == "no layer has multiply-accumulates"


def test_the_title_names_a_kind_that_has_no_colour_of_its_own() -> None:
    rows = [Row("recurrent", OTHER, 30, 60), Row("linear", "linear", 70, 40)]
    assert said(rows) == "recurrent: 30 % of the MACs, 60 % of the bytes"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.0004, "0.04 %"), (0.006, "0.6 %"), (0.0149, "1 %"), (0.356, "36 %")],
)
def test_percentages_are_short_and_never_nothing_for_something(share: float, text: str) -> None:
    assert percent(share) == text


def test_there_is_no_such_grouping(tiny: Network) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown --by 'blok' \(did you mean 'block'"):
        layer_rows(tiny, "blok")


# ----------------------------------------------------------------------- back from a cell of a run


def test_the_network_of_a_cell_is_that_which_was_measured(tiny: Network) -> None:
    """Of an architecture that no file is at hand for, too."""
    model = ModelRecord(graph=tiny.graph, inputs=tiny.inputs, label=tiny.label)
    run = measured(tiny, SHARES, NS)
    run.models = {run.cells[0].digest: model}
    again = network_of(run, run.cells[0])
    assert (again.arch, again.graph, again.inputs) == ("tiny", tiny.graph, tiny.inputs)
    assert layer_rows(again) == layer_rows(tiny)


# ------------------------------------------------------------------------------------- the picture


def test_bars_are_as_long_as_what_they_stand_for(tiny: Network) -> None:
    rows = layer_rows(tiny, "layer", Results(measured(tiny, SHARES, NS)), 0)
    picture = layer_bars(rows, title="one", caption="two")
    panels: dict[str, dict[int, float]] = {
        "macs": {n: row.macs for n, row in enumerate(BY_HAND) if row.macs},
        "bytes": {n: row.bytes for n, row in enumerate(BY_HAND)},
        "time": {n: row.time.center for n, row in enumerate(rows) if row.time},
    }
    for panel, values in panels.items():
        lengths = bars(picture, panel)
        assert lengths.keys() == values.keys()
        unit = sum(lengths.values()) / sum(values.values())
        assert lengths == pytest.approx({n: unit * value for n, value in values.items()}, rel=1e-4)
    said_there = texts(picture)
    expected = ["one", "two", "MACs (thousands)", "in all 27.81", "time (ms)", "(session)"]
    expected += ["bytes moved at least (KiB)", *(KINDS[kind] for kind in ("depthwise", "linear"))]
    assert set(expected) <= set(said_there)
    assert f"{100 * 3456 / MACS:.0f} %" in said_there, "a few rows have their shares beside them"


def test_without_times_there_are_two_panels_and_the_same_file_each_time(tiny: Network) -> None:
    picture = layer_bars(layer_rows(tiny))
    assert not bars(picture, "time")
    assert len(bars(picture, "macs")) == 7
    assert picture == layer_bars(layer_rows(tiny))


def test_wide_intervals_do_not_shrink_the_bars() -> None:
    def longest(hi: float) -> float:
        time = Interval(100_000.0, 90_000.0, hi, 2)
        return bars(layer_bars([Row("a", "conv", 1, 1, time, 1.0)] * 30), "time")[0]

    assert longest(1e12) == pytest.approx(longest(3.0 * 100_000))
    assert longest(1e12) < longest(110_000.0)


@pytest.mark.parametrize(("format", "head"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_other_formats(tiny: Network, format: str, head: bytes) -> None:
    first = layer_bars(layer_rows(tiny, "kind"), format=format)
    assert first.startswith(head)
    assert first == layer_bars(layer_rows(tiny, "kind"), format=format)
