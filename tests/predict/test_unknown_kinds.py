"""Networks with a kind of kernel that was never measured: they have a latency and no interval.

Only V2 was measured; V3-Small has squeeze-excites, whose factors are scaled by a kernel of its own.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from msgspec import structs

import mncost
from mncost.place import OnePlace
from mncost.predict.calibrate import AT_ONCE, refine
from mncost.predict.predictor import Predictor
from mncost.predict.profile import place_of, read_profile, write_profile
from mncost.results.results import Results
from tests.measure.scripted import instead_of_processes
from tests.pictures.svg import texts
from tests.running import in_process, use_state

FAKE = OnePlace("fake")
BOTH = ["v2", "v3-small", "--alpha", "0.6,0.8", "--resolution", "96"]
WHY = "no scale kernel was measured"


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start nothing, and let no time pass."""
    instead_of_processes(monkeypatch)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measure V2 once, and make a profile of it in a directory of its own."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        use_state(patch.setenv, folder)
        instead_of_processes(patch)
        patch.chdir(folder)
        line = "bench v2 --alpha 0.35:1.0 --resolution 96,128 --runtime fake --no-twin"
        assert in_process([*line.split(), "--max-time", "4s", "--save", "run.json"]).status == 0
        assert in_process(["calibrate", "--from", "run.json"]).status == 0
    return folder


@pytest.fixture(autouse=True)
def state(measured: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a copy of this directory."""
    shutil.copytree(measured, here, dirs_exist_ok=True)
    use_state(monkeypatch.setenv, here)
    return here


def test_tables_say_why() -> None:
    line = ["predict", *BOTH, "--runtime", "fake"]
    shown = in_process(line)
    assert shown.out.count(" ±? ") == 2
    assert f"±?: {WHY} (2 of 4)" in shown.out
    made = list(csv.DictReader(io.StringIO(in_process([*line, "-f", "csv"]).out)))
    assert [bool(one["latency_lo"]) for one in made] == [True, True, False, False]
    assert [bool(one["latency_hi"]) for one in made] == [True, True, False, False]
    assert [WHY in one["doubt"] for one in made] == [False, False, True, True]
    assert {one["basis"] for one in made[2:]} == {"extrapolated"}
    rows = json.loads(in_process([*line, "-f", "json"]).out)["rows"]
    assert [one["latency_hi"] is None for one in rows] == [False, False, True, True]
    assert all(one["latency"] > 20e-6 for one in rows)  # as the script has it: of each call


def test_ten_times_as_large() -> None:
    """No convolution of a tenth of that size was measured; of half of it there was one."""
    (far, near) = Predictor(read_profile(FAKE)).predict(
        [mncost.load("v2", 2.0, 448), mncost.load("v2", 1.0, 224)]
    )
    assert far.latency.warnings == ("no pointwise of a tenth of that size was measured",)
    assert near.latency.hi is not None
    assert near.extrapolated[-1].endswith("as large as that was measured")


def test_from_python() -> None:
    made = mncost.load("v3-small", 0.6, 96).predict(runtime="fake")
    assert made[0].latency[1:] == (None, None, 0, (WHY,))
    assert made.to_frame()["latency_hi"].isna().all()


def test_operators_that_cannot_be_counted() -> None:
    """So do models of which a part cannot be counted."""
    onnx = pytest.importorskip("onnx")
    info, node = onnx.helper.make_tensor_value_info, onnx.helper.make_node
    ends = (info(name, onnx.TensorProto.FLOAT, [1, 3, 32, 32]) for name in ("x", "y"))
    graph = onnx.helper.make_graph(
        [node("Odd", ["x"], ["y"], domain="my")], "g", *([e] for e in ends)
    )
    opsets = [onnx.helper.make_opsetid(*one) for one in (("", 17), ("my", 1))]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets), "odd.onnx")
    (one,) = mncost.load("odd.onnx").predict(runtime="fake")
    assert one.latency.warnings == ("not all of its operators can be counted",)


def test_a_check_counts_them_apart() -> None:
    line = ["predict", *BOTH, "--runtime", "fake", "--check", "--max-time", "2s"]
    checked = in_process(line)
    assert "checked 4 networks: " in checked.out
    assert "2 inside the 90% interval; 2 have no interval" in checked.out


def test_they_are_measured_first() -> None:
    predictor = Predictor(read_profile(FAKE))
    known = mncost.grid("v2", alpha="0.4:1.3:0.1", resolution="160")
    odd = mncost.grid("v3-small", alpha="0.6,0.8", resolution="96")
    before = {one.digest for one in predictor.calibration.cells}
    refined = refine(predictor, [*known, *odd], 0.001, max_time=0.1)
    new = [one.arch for one in refined.calibration.cells if one.digest not in before]
    assert sorted(new) == ["v2"] * (AT_ONCE - 2) + ["v3-small"] * 2
    for one in refined.predict(mncost.grid("v3-small", alpha="0.7", resolution="96")):
        assert one.latency.hi is not None


def test_pick_never_rules_them_out() -> None:
    line = "pick v2 v3-small --alpha 0.35:1.0 --max-latency 0.01ms --predicted --runtime fake"
    words = [*line.split(), "--max-time", "3s", "--save", "picked.json"]
    assert in_process(words).status == 1
    assert {cell.label.arch for cell in Results.read("picked.json").run.cells} == {"v3-small"}


def test_a_picture_shows_them_hollow() -> None:
    pytest.importorskip("matplotlib")
    line = "plot v2 v3-small --predicted --runtime fake --x latency -o out.svg"
    assert in_process(line.split()).status == 0
    words = " ".join(texts(Path("out.svg").read_bytes()))
    assert re.search("hollow: \\d+ of a kind of kernel that was never measured", words), words


def test_table_with_latencies() -> None:
    made = structs.replace(read_profile(FAKE), place=place_of(OnePlace()), versions={})
    write_profile(made)
    line = "table v2 v3-small --alpha 0.6 --resolution 96 --latency predicted"
    shown = in_process(line.split())
    assert (shown.status, shown.out.count(" ±? ")) == (0, 2)
    assert "±?: no first conv kernel was measured" in shown.out  # the script has no such layout


def test_a_space() -> None:
    Path("space.toml").write_text('arch = "v3-small"\nalpha = [0.6, 0.8]\nresolution = [96]\n')
    line = ["space", "space.toml", "--runtime", "fake"]
    shown = in_process([*line, "--predicted"])
    assert (shown.status, shown.out.count(" ±?")) == (0, 2)
    assert "2 networks have no interval (±?)" in shown.out
    made = list(csv.DictReader(io.StringIO(in_process([*line, "--predicted", "-f", "csv"]).out)))
    assert [(one["latency_lo"], one["latency_hi"]) for one in made] == [("", "")] * 2
    limited = in_process([*line, "--max-latency", "1s"])
    assert (limited.status, "--max-latency leaves them out" in limited.out) == (1, True)
    front = json.loads(in_process([*line, "--pareto", "latency,macs:max", "-f", "json"]).out)
    assert [one["latency_hi"] for one in front["rows"]] == [None, None]


def test_a_space_in_parquet() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    Path("space.toml").write_text('arch = "v3-small"\nalpha = [0.6, 0.8]\nresolution = [96]\n')
    line = "space space.toml --runtime fake --predicted -o made.parquet"
    assert in_process(line.split()).status == 0
    table = parquet.read_table("made.parquet")
    assert table.column("latency_hi").null_count == 2
    assert table.column("latency").null_count == 0


def test_a_search_measures_or_refuses() -> None:
    line = "search v3-small --max-latency 1.4ms --runtime fake --step 5% -o found.toml"
    refused = in_process([*line.split(), "--no-measure"])
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert f"{WHY}, so its latency has no interval" in refused.err
    Path("found.toml").unlink(missing_ok=True)
    assert in_process([*line.split(), "--max-time", "20s"]).status in (0, 3)
    log = [json.loads(one) for one in Path("found.jsonl").read_text().splitlines()]
    assert log[0]["start"]["hi"] is None
    assert log[-1]["record"] == "measured"


def test_an_evolution_without_intervals() -> None:
    Path("space.toml").write_text('arch = "v3-small"\nalpha = [0.6, 0.8]\nresolution = [96]\n')
    line = "search space.toml --max-latency 5ms --runtime fake --no-measure -o found.toml"
    refused = in_process(line.split())
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "of some no interval is known: mncost calibrate" in refused.err
