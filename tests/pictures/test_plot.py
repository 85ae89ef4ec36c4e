"""``mncost.plot`` and ``results.report`` in Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

import mncost
from mncost.errors import InputError, MeasureError, UnknownNameError
from mncost.measure.records import ModelRecord
from mncost.pictures.look import canvas, headed
from mncost.results.results import Results
from mncost.which import Which
from tests.measure.synthetic import cell, simulated
from tests.pictures.svg import bars, texts


@pytest.fixture
def results() -> Results:
    """Return a run of V2 at four widths: latency is proportional to its MACs."""
    networks = mncost.grid("v2", alpha="0.35,0.5,0.75,1.0")
    cells = [
        cell(
            n,
            arch="v2",
            alpha=network.alpha,
            macs=network.macs,
            digest=mncost_digest(network),
        )
        for n, network in enumerate(networks)
    ]
    run = simulated({one.id: one.macs / 40 for one in cells}, cells)
    run.models = {
        one.digest: ModelRecord(graph=network.graph, inputs=network.inputs, label=network.label)
        for one, network in zip(cells, networks, strict=True)
    }
    return Results(run)


def mncost_digest(network: mncost.Network) -> str:
    from mncost.measure.cells import digest

    return digest(network.graph, network.inputs)


def test_latencies_of_a_run(results: Results, tmp_path: Path) -> None:
    picture = mncost.plot(results, x="macs", y="latency")
    assert picture.title == "Latency over MACs"
    assert picture.finding.startswith("latency follows MACs^1.0")
    assert repr(picture) == f"<Picture: {picture.title}: {picture.finding}>"
    assert picture._repr_png_().startswith(b"\x89PNG")
    picture.save(tmp_path / "fit.svg")
    assert {picture.title, picture.finding} <= set(texts((tmp_path / "fit.svg").read_bytes()))
    with pytest.raises(UnknownNameError, match="'gif'"):
        picture.save(tmp_path / "fit.gif")


def test_accuracies_over_the_latencies_of_a_run(results: Results) -> None:
    every = mncost.plot(results, x="latency")
    assert every.finding == "4 of 4 networks are on the Pareto front"
    one = mncost.plot(results, x="latency", which=Which(alpha="0.5"))
    assert one.finding == "1 of 1 networks is on the Pareto front"
    assert [*every.notes, *one.notes] == []


def test_networks_without_a_published_accuracy_are_counted(results: Results) -> None:
    first, *others = results.run.cells
    results.run.cells[:] = [replace(first, digest="of no network"), *others]
    picture = mncost.plot(Results(results.run), x="latency")
    assert picture.finding == "3 of 3 networks are on the Pareto front"
    assert picture.notes == ["1 left out, whose accuracy is not published"]


def test_a_long_caption_goes_on_in_a_second_line() -> None:
    words = [f"word{n:02}" for n in range(30)]
    with canvas(2) as figure:
        headed(figure, "title", caption=" ".join(words))
        (box,) = [text for text in figure.texts if "word00" in text.get_text()]
        assert box.get_window_extent().x1 < figure.bbox.x1
    assert box.get_text().split() == words


def test_points_say_which_runtime_they_are_of(results: Results) -> None:
    """The same networks on a second runtime, in half the time: they alone are on the front."""
    run, first = results.run, results.run.cells
    cells = [
        replace(one, id=len(first) + one.id, place=replace(one.place, runtime="torch"))
        for one in first
    ]
    times = {one.id: one.macs / (40 if one in first else 80) for one in [*first, *cells]}
    both = simulated(times, [*first, *cells])
    both.models = run.models
    picture = mncost.plot(Results(both), x="latency")
    assert picture.finding == "4 of 8 networks are on the Pareto front"
    assert {"v2 on onnxruntime", "v2 on torch"} <= set(texts(picture.draw("svg")))
    with pytest.raises(MeasureError, match="several places"):
        mncost.plot(Results(both), x="macs", y="latency")
    one = mncost.plot(Results(both), x="latency", runtime="torch")
    assert one.finding == "4 of 4 networks are on the Pareto front"


def test_accuracies_of_networks_in_hand() -> None:
    networks = mncost.grid("v2", alpha="0.5:1.0")
    picture = mncost.plot(networks, x="params")
    assert "of 3 networks" in picture.finding
    assert "of 98 networks" not in picture.finding
    with pytest.raises(InputError, match=r"what mncost\.bench returns"):
        mncost.plot(networks, x="latency")


def test_layers_of_a_network_in_hand() -> None:
    picture = mncost.plot(mncost.load("v1"), kind="layers")
    assert len(bars(picture.draw("svg"), "macs")) == 28  # 27 convolutions, a classifier
    with pytest.raises(InputError, match="needs one network"):
        mncost.plot(mncost.grid("v1", alpha="0.5:1.0"), kind="layers")


def test_what_a_run_does_not_say(results: Results) -> None:
    with pytest.raises(MeasureError, match="no times of layers"):
        mncost.plot(results, kind="layers")
    with pytest.raises(InputError, match="a run is for latency"):
        mncost.plot(results)
    with pytest.raises(UnknownNameError, match="did you mean 'layers'"):
        mncost.plot(results, kind="layer")


def test_a_report_from_python(results: Results, tmp_path: Path) -> None:
    html = results.report(tmp_path / "r.html", title="A board")
    assert (tmp_path / "r.html").read_text("utf-8") == html
    assert "<title>A board</title>" in html
    assert results.report(title="A board") == html
