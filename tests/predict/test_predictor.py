"""Predictions of a scripted runtime: 40 MACs a nanosecond and 20 µs a call."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

import mncost
from mncost.counted import Counted
from mncost.errors import MeasureError
from mncost.graph import ops
from mncost.graph.graph import Graph, Node
from mncost.measure.runtimes.fake import SCRIPT
from mncost.measure.where import Where
from mncost.predict.calibration import where_of
from mncost.predict.features import totals_of
from mncost.predict.planner import plan_of
from mncost.predict.predictor import Predictor
from mncost.predict.probes import probe_text, probes
from tests.measure.scripted import instead_of_processes


def measured(networks: list[mncost.Network]) -> mncost.Results:
    where = Where(runtime="fake")
    return mncost.bench(networks, where=where, twin=False, max_time=5, processes=3)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """All processes are equally fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SCRIPT, '{"process": 0.0}')
        anchors = mncost.grid("v1,v2", alpha="0.35,1.0", resolution="96,224")
        return Predictor.fit(measured([*probes(), *anchors]))


def scripted(net: Counted) -> float:
    return net.macs / 40e9 + 20e-6


def test_it_recovers_the_script(predictor: Predictor) -> None:
    made = predictor.predict(mncost.grid("v1,v2", alpha="0.5,0.75", resolution="128:192:32"))
    errors = [one.latency.center / scripted(one.network) - 1 for one in made]
    assert np.abs(errors).max() < 0.03
    assert np.median(np.abs(errors)) < 0.01
    for one in made:
        assert (one.is_measured, one.extrapolated) == (False, ())
        assert one.latency.lo is not None
        assert one.latency.hi is not None
        assert one.latency.lo < one.latency.center < one.latency.hi


def test_measured_networks_are_not_predicted(predictor: Predictor) -> None:
    (one,) = predictor.predict(mncost.load("v2", 0.35, 96))
    assert one.is_measured
    assert one.latency.center == pytest.approx(scripted(one.network), rel=0.03)
    assert one.latency.n >= 2
    (twin,) = predictor.predict(mncost.load("v2", 0.35, 96).standard)
    assert not twin.is_measured


def test_extrapolation_is_wider_and_says_why(predictor: Predictor) -> None:
    known, unknown, odd = (
        predictor.predict(net)[0] for net in map(mncost.load, ("v2", "mnasnet-b1", "mobilevit-s"))
    )
    assert known.extrapolated == ()
    assert unknown.extrapolated == ("no mnasnet-b1 was measured",)
    assert re.search("no .* was measured", odd.extrapolated[1])
    widths = [one.latency.relative_error or 0 for one in (known, unknown, odd)]
    assert widths == sorted(widths)
    assert widths[0] < widths[1]


def test_levels(predictor: Predictor) -> None:
    net = mncost.load("v2", 0.6)
    widths = [predictor.predict(net, level=one)[0].latency.relative_error for one in (0.5, 0.9)]
    assert all(one is not None and one < other for one, other in pairwise(widths) if other)
    with pytest.raises(MeasureError, match="between 0 and 1"):
        predictor.predict(net, level=90)


def test_arrays_are_the_same_as_networks(predictor: Predictor) -> None:
    nets = list(mncost.grid("v2,mnasnet-b1", alpha="0.5,0.65", resolution="192"))
    totals = [totals_of(predictor.plan(net), net.shapes, predictor.kinds) for net in nets]
    where = [where_of(net.alpha, net.inputs) for net in nets]
    seconds, halves = predictor.predict_totals(
        np.array(totals), [net.arch for net in nets], np.array(where)
    )
    for one, center, half in zip(predictor.predict(nets), seconds, halves, strict=True):
        lo, hi = center * np.exp(-half), center * np.exp(half)
        assert one.latency[:3] == pytest.approx((center, lo, hi))


def test_table(predictor: Predictor) -> None:
    made = predictor.predict(mncost.grid("v2", alpha="0.35,0.5", resolution="96"))
    frame = made.to_frame()
    assert list(frame["basis"]) == ["measured", "predicted"]
    assert list(frame["macs"]) == [one.network.macs for one in made]
    assert (frame["latency_lo"] < frame["latency"]).all()
    assert "90% interval" in str(made)
    assert len(predictor.predict([])) == 0


def test_too_few_networks(predictor: Predictor) -> None:
    few = structs.replace(predictor.calibration, cells=predictor.calibration.cells[:3])
    with pytest.raises(MeasureError, match=r"3 measured networks .* at least 6"):
        Predictor(few)


def test_probes_are_always_the_same() -> None:
    assert [net.macs for net in probes(3)] == [net.macs for net in probes(3)]
    assert len({net.macs for net in probes()}) == 60
    assert probe_text(5) != probe_text(6)


def test_what_other_programs_do_to_a_median_is_not_learnt() -> None:
    """A network of which most runs take half as long again is known by its undisturbed ones."""
    results = measured(list(mncost.grid("v1,v2", alpha="0.5,1.0", resolution="96,224")))
    before = {one.digest: one for one in Predictor.fit(results).calibration.cells}
    disturbed = results.run.cells[3].digest
    for process in results.run.processes:
        for bursts in (one for one in process.bursts if one.cell == 3):
            for times in (bursts.ns, bursts.cpu_ns):
                for index in range(len(times)):
                    times[index] = times[index] * 3 // 2 if index % 5 else times[index]
    for one in Predictor.fit(results.run).calibration.cells:
        slower = 1.5 if one.digest == disturbed else 1.0
        assert one.seconds == pytest.approx([slower * s for s in before[one.digest].seconds], 0.05)
        assert one.calm == pytest.approx(before[one.digest].calm, rel=0.05) or slower > 1


def test_what_all_cells_of_a_process_share(predictor: Predictor) -> None:
    """Two processes 10 % apart: (2 × 0.05² + 2 × 0.01²) / 3. It makes intervals wider."""
    old = predictor.calibration
    cells = [
        structs.replace(one, seconds=[s * np.exp(-0.05), s * np.exp(0.05)], calm=[s, s])
        for one, s in ((one, one.seconds[0]) for one in old.cells)
    ]
    moody = Predictor(structs.replace(old, cells=cells))
    assert moody.spread.mood == pytest.approx((0.0052 / 3) ** 0.5)
    (one,), (other,) = (each.predict(mncost.load("v2", 0.6)) for each in (predictor, moody))
    widths = [np.log((each.latency.hi or 0) / each.latency.center) for each in (one, other)]
    assert widths[1] == pytest.approx(np.hypot(widths[0], 1.645 * moody.spread.mood), rel=0.1)


def test_measured_twins_are_not_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    instead_of_processes(monkeypatch)
    nets = mncost.grid("v1,v2", alpha="0.35,1.0", resolution="96,224")
    made = Predictor.fit(mncost.bench(nets, where=Where(runtime="fake"), max_time=5))
    network = mncost.load("v2", 0.35, 96)
    for one in made.predict([network, network.standard]):
        assert one.is_measured
        assert one.latency.center == pytest.approx(scripted(one.network), rel=0.09)


def test_a_measured_file_in_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run files have no user's name in their paths."""
    onnx = pytest.importorskip("onnx")
    instead_of_processes(monkeypatch)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    file = tmp_path / "net.onnx"
    onnx.save(mncost.load("v2", 0.35, 96).to_onnx(), file)
    network = mncost.load(str(file))
    made = Predictor.fit(
        measured([*mncost.grid("v1", alpha="0.35:1.0", resolution="96,224"), network])
    )
    (one,) = made.predict(network)
    assert one.is_measured


def test_an_input_without_dimensions() -> None:
    graph = Graph((Node("scalar", "", ops.Input(()), ()),), (0,))
    assert plan_of(graph, "blocked", 8).kernels == ()


def test_a_graph_of_views_alone(predictor: Predictor) -> None:
    nodes = Node("image", "", ops.Input((3, 8, 8)), ()), Node("flat", "", ops.Flatten(), (0,))
    plan = plan_of(Graph(nodes, (1,)), "blocked", 8)
    assert plan.kernels == ()
    assert not totals_of(plan, [(3, 8, 8), (192,)], predictor.kinds).any()
