"""``mncost calibrate`` and ``mncost predict``, with the scripted runtime."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs
from syrupy.assertion import SnapshotAssertion

import mncost
from mncost.errors import InputError
from mncost.measure.runtimes.fake import Fault, Script
from mncost.place import OnePlace
from mncost.predict.calibrate import designed, merged
from mncost.predict.predictor import Predictor
from mncost.predict.profile import file_of, place_of, read_profile, write_profile
from mncost.results.results import Results
from tests.measure.scripted import Launcher, instead_of_processes, interrupt_when
from tests.printed import Printed, refused
from tests.running import in_process, use_state

FAKE = OnePlace("fake")


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start nothing, and let no time pass."""
    instead_of_processes(monkeypatch)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibrate once, in a directory of its own, and return it; every process is equally fast."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        use_state(patch.setenv, folder)
        instead_of_processes(patch)
        line = "calibrate v2 --resolution 96,128,224 --runtime fake --max-time 4s --save run.json"
        patch.chdir(folder)
        result = in_process(line.split())
        assert result.status == 0, result
        assert "families: v2" in result.out
    return folder


@pytest.fixture
def state(calibrated: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a copy of this directory, which may be changed."""
    shutil.copytree(calibrated, here, dirs_exist_ok=True)
    use_state(monkeypatch.setenv, here)
    return here


def rows(*words: str) -> list[dict[str, str]]:
    result = in_process([*["predict", "--runtime", "fake", "--format", "csv"], *words])
    assert result.status == 0, result
    return list(csv.DictReader(io.StringIO(result.out)))


def test_predict(state: Path) -> None:
    made = rows("v2", "v1", "--alpha", "0.35,0.6", "--resolution", "96")
    assert [(one["arch"], one["alpha"]) for one in made] == [
        ("v2", "0.35"),
        ("v2", "0.6"),
        ("v1", "0.35"),
        ("v1", "0.6"),
    ]
    assert [one["basis"] for one in made] == ["measured", "predicted", *["extrapolated"] * 2]
    for one in made:  # the script: 40 MACs a nanosecond, 20 µs a call; 3 % between processes
        assert float(one["latency"]) == pytest.approx(int(one["macs"]) / 40e9 + 20e-6, rel=0.09)
        assert float(one["latency_lo"]) < float(one["latency"]) < float(one["latency_hi"])


def test_check_measures_some(state: Path) -> None:
    result = in_process(
        [
            "predict",
            "v2",
            "--alpha",
            "0.4:0.9:0.1",
            "--runtime",
            "fake",
            "--check",
            "--max-time",
            "2s",
        ]
    )
    assert result.status == 0, result
    assert "checked 6 networks: " in result.out
    assert "measured" in result.out


def test_interrupted_they_say_what_is_known(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check prints the predictions; a refined or new profile is not kept, its samples are."""
    profile = file_of(place_of(FAKE))
    assert profile is not None
    kept = profile.read_bytes()
    interrupt_when(monkeypatch, lambda now: (now.phase, now.done) == ("measure", 2))
    words = ["predict", "--runtime", "fake", "v2", "--alpha", "0.4,0.6", "--resolution", "128"]
    checked, refined = in_process([*words, "--check"]), in_process([*words, "--target-error", "1%"])
    for ended, said in ((checked, "the check is not complete"), (refined, "as it was")):
        assert ended.status == 130
        assert [ended.out.count(f" {alpha} ") for alpha in (0.4, 0.6)] == [1, 1], ended.out
        assert ended.err.endswith(f"{said}\n")
    assert "measured" in checked.out
    line = "calibrate v2 --resolution 96,128,224 --runtime fake --save cut.json"
    ended = in_process(line.split())
    assert (ended.status, ended.out) == (130, "")
    assert "there is no profile; mncost calibrate --from cut.json makes one" in ended.err
    assert profile.read_bytes() == kept
    assert in_process(["calibrate", "--from", "cut.json", "--runtime", "fake"]).status == 0


def test_target_error_measures_the_widest(state: Path) -> None:
    before = len(read_profile(FAKE).cells)
    words = ["v1", "--alpha", "0.5,0.75,1.0", "--resolution", "128"]
    wide = [float(one["latency_hi"]) / float(one["latency"]) for one in rows(*words)]
    made = rows(*words, "--target-error", "50%", "--max-time", "2s")
    assert len(read_profile(FAKE).cells) == before  # all are within it
    made = rows(*words, "--target-error", "1%", "--max-time", "2s")
    assert [one["basis"] for one in made] == ["measured"] * 3
    assert len(read_profile(FAKE).cells) == before + 3
    assert min(wide) > 1.01
    line = ["predict", "v1", "--runtime", "fake", *words[1:], "--target-error", "0.1%"]
    shown = in_process([*line, "--max-time", "1s"])
    assert "3 measured networks are not within 0.1%: a median differs by " in shown.out


def test_from_python(state: Path) -> None:
    (one,) = mncost.load("v2", 0.6, 96).predict(runtime="fake")
    assert one.latency.center == pytest.approx(
        float(rows("v2", "--alpha", "0.6", "-r", "96")[0]["latency"])
    )
    with pytest.raises(InputError, match="mncost calibrate makes one"):
        mncost.load("v2").predict()


def test_places_of_a_run(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime, the threads and the precision choose among those of the run."""
    places = "--runtime onnxruntime,torch --threads 1,2 --precision fp32,int8"
    line = f"bench v2 --alpha 0.35:1.0 --resolution 96,128 {places} --no-twin --max-time 3s"
    file = "places.json"
    assert in_process([*line.split(), "--save", file]).status == 0
    asked = ["predict", "v2", "--alpha", "0.6", "--run", file]
    open_ = in_process(asked)
    assert (open_.status, open_.out) == (2, "")
    assert "--runtime, --threads, --precision and --host choose one" in open_.err
    seen = set()
    for place in itertools.product(("onnxruntime", "torch"), ("1", "2"), ("fp32", "int8")):
        words = ["--runtime", place[0], "--threads", place[1], "--precision", place[2]]
        made = in_process([*asked, *words])
        if place[0] == "torch" and place[2] == "int8":  # torch has no such models
            assert (made.status, made.err.count("\n")) == (2, 1)
            continue
        assert f"{place[0]}, {place[2]}, {place[1]} thread" in made.out, made
        kept = in_process(["calibrate", "--from", file, *words])
        assert f"{place[0]}, {place[2]}, {place[1]} thread" in kept.out, kept
        seen.add(place)
    assert len(seen) == 6


def test_from_a_run(state: Path) -> None:
    run = str(state / "run.json")
    (one,) = rows("v2", "--alpha", "0.6", "--run", run)
    (again,) = Predictor.fit(run).predict(mncost.load("v2", 0.6))
    assert float(one["latency"]) == pytest.approx(again.latency.center)


BAD = (
    "v2 --runtime fake --threads 2",
    "v2 --runtime fake --precision int8",
    "v2",
    "v2 --runtime fak",
    "v2 --runtime fake --max-time 3s",
    "v2 --runtime fake --target-error 500%",
    "v2 --run nowhere.json",
)


def test_refused(state: Path, snapshot: SnapshotAssertion) -> None:
    assert refused(in_process, "predict", BAD) == snapshot(extension_class=Printed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: "{", "no profile"),
        (lambda text: _with_sides(text, []), "no profile"),
        (lambda text: text.replace('"schema_version":3', '"schema_version":9'), "no profile"),
        (lambda text: re.sub('"seconds":\\[', '"seconds":[1e308,', text, count=1), "no profile"),
        (lambda text: text.replace('"totals":[', '"totals":[1,', 1), "no profile of this version"),
        (lambda text: _with(text, "cpu", "Z80"), "another machine (CPU: Z80"),
        (lambda text: _with(text, "memory_bytes", 1), "another machine (memory"),
        (lambda text: text.replace('"threads":1', '"threads":3', 1), "3 threads"),
    ],
)
def test_other_profiles_are_refused(
    state: Path, change: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_of(place_of(FAKE))
    assert file is not None
    old = file.read_text()
    try:
        file.write_text(change(old))  # type: ignore[operator]
        result = in_process(["predict", "v2", "--runtime", "fake"])
    finally:
        file.write_text(old)
    assert result.status == 2
    assert said in result.err
    assert "mncost calibrate --runtime fake" in result.err


def test_another_version_of_the_runtime(state: Path) -> None:
    """A profile of ONNX Runtime 0.1 is refused wherever another version is installed."""
    pytest.importorskip("onnxruntime")
    place = place_of(OnePlace())
    made = structs.replace(read_profile(FAKE), place=place, versions={"onnxruntime": "0.1"})
    file = write_profile(made)
    try:
        result = in_process(["predict", "v2"])
    finally:
        file.unlink()
    assert result.status == 2
    assert "of onnxruntime 0.1, and this is" in result.err


@pytest.mark.parametrize(
    ("runtime", "versions", "installed", "is_refused"),
    [
        ("litert", {"ai_edge_litert": "1.0"}, "2.0", True),
        ("litert", {"ai_edge_litert": "2.0"}, "2.0", False),
        ("torch", {"torch": "2.8.0+cu126"}, "2.8.0", False),
        ("openvino", {"openvino": "2025.3.0-19807-44526285f24"}, "2025.3.0", False),
        ("ncnn", {"ncnn": "?"}, "1.0", False),
    ],
)
def test_versions_of_modules_and_packages(
    runtime: str,
    versions: dict[str, str],
    installed: str,
    is_refused: bool,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mncost.predict.profile._version", lambda name: installed)
    place = OnePlace(runtime)
    write_profile(structs.replace(read_profile(FAKE), place=place_of(place), versions=versions))
    if is_refused:
        with pytest.raises(InputError):
            read_profile(place)
    else:
        assert read_profile(place).versions == versions


def test_a_run_of_another_batch_makes_no_profile(state: Path) -> None:
    profile = file_of(place_of(FAKE))
    assert profile is not None
    kept = profile.read_bytes()
    line = "bench v2 --alpha 0.35:1.0 --resolution 96,128 --runtime fake --no-twin --max-time 3s"
    assert in_process([*line.split(), "--batch", "8", "--save", "8.json"]).status == 0
    refused = in_process(["calibrate", "--from", "8.json"])
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "batch 8" in refused.err
    assert profile.read_bytes() == kept
    assert in_process([*line.split(), "--batch", "1,8", "--save", "both.json"]).status == 0
    refused = in_process(["calibrate", "--from", "both.json"])
    assert refused.status == 2
    assert "--threads" not in refused.err
    assert "one of each: batch" in refused.err


def failing(monkeypatch: pytest.MonkeyPatch, macs: int) -> None:
    """Let the runtime refuse the networks of these MACs."""
    launch = Launcher({"fake": Script(faults=(Fault("load", "refuse", macs=macs),))})
    monkeypatch.setattr(
        "mncost.measure.workers.process.start_worker",
        lambda spec, *, seed, quiet: launch(spec, seed),
    )


def test_what_cannot_be_run_is_said(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = mncost.load("v1", 0.5, 128).macs
    failing(monkeypatch, refused)
    words = ["v1", "--alpha", "0.5,0.75,1.0", "--resolution", "128"]
    made = rows(*words, "--target-error", "1%", "--max-time", "20s")
    assert {int(one["macs"]) for one in made if one["basis"] != "measured"} == {refused}
    alone = ["predict", "v1", "--alpha", "0.5", "--resolution", "128", "--runtime", "fake"]
    for option in (["--target-error", "1%"], ["--check"]):
        ended = in_process([*alone, *option])
        assert (ended.status, ended.out) == (2, "")
        assert "nothing was measured: " in ended.err
        assert "too little time" not in ended.err


def _with(text: str, name: str, value: object) -> str:
    made = json.loads(text)
    made["machine"][name] = value
    return json.dumps(made)


def _with_sides(text: str, sides: list[int]) -> str:
    made = json.loads(text)
    made["kernels"][next(iter(made["kernels"]))] = sides
    return json.dumps(made)


def test_calibrate_from_a_run(state: Path) -> None:
    shutil.rmtree("mncost")
    result = in_process(["calibrate", "--from", str(state / "run.json")])
    assert result.status == 0, result
    assert rows("v2", "--alpha", "0.35", "-r", "96")[0]["basis"] == "measured"
    refused = in_process(["calibrate", "v2", "--from", str(state / "run.json")])
    assert (refused.status, "--arch does not go with --from" in refused.err) == (2, True)
    other = json.loads((state / "run.json").read_text())
    other["machine"]["cpu"] = "Z80"
    Path("other.json").write_text(json.dumps(other))
    assert in_process(["calibrate", "--from", "other.json"]).status == 2


def test_designed_are_corners_and_the_middle() -> None:
    grid = mncost.grid("v1,v2", alpha="0.25,0.5,0.75,1.0", resolution="96,160,224")
    chosen = {(one.arch, one.alpha, one.resolution) for one in designed(grid, 5)}
    for arch in ("v1", "v2"):
        corners = {(arch, alpha, px) for alpha in (0.25, 1.0) for px in (96, 224)}
        assert {one for one in chosen if one[0] == arch} - corners == {(arch, 0.5, 160)}
    assert len(designed(mncost.grid("v1"), 7)) == 1


def test_merged_knows_both(state: Path) -> None:
    old = read_profile(FAKE)
    new = merged(old, old)
    assert [one.totals for one in new.cells] == [one.totals for one in old.cells]
    assert Predictor(new).calibration.seen == pytest.approx(Predictor(old).calibration.seen)


@pytest.fixture
def usual(state: Path) -> Iterator[None]:
    """Let the profile be that of ONNX Runtime with one thread."""
    made = structs.replace(read_profile(FAKE), place=place_of(OnePlace()), versions={})
    file = write_profile(made)
    yield
    file.unlink()


def test_table_has_predicted_latencies(usual: None) -> None:
    words = "table v2 --alpha 0.35,0.6 --resolution 96 --latency predicted --format csv"
    result = in_process(words.split())
    assert result.status == 0, result
    made = list(csv.DictReader(io.StringIO(result.out)))
    assert made[0]["latency_basis"] == "measured"
    seconds = int(made[0]["macs"]) / 40e9 + 20e-6
    assert float(made[0]["latency"]) == pytest.approx(seconds, rel=0.09)
    for words, said in (
        ("--latency measured", "accepted"),
        ("--latency predicted --pivot macs", "does not go with --latency"),
        ("--latency predicted --precision fp16", "no models in fp16"),
        ("--latency predicted --published", "does not go with --published"),
    ):
        result = in_process(["table", "v2", *words.split()])
        assert (result.status, said in result.err) == (2, True), result


def test_pick_measures_only_what_may_win(state: Path) -> None:
    """Nothing that the profile rules out is measured, and the answer is the same."""
    line = "pick v1 v2 --max-latency 3ms --runtime fake --max-time 20s --save picked.json -f csv"
    without = in_process(line.split())
    first = Results.read("picked.json")
    with_it = in_process([*line.split(), "--predicted"])
    second = Results.read("picked.json")
    assert (without.status, with_it.status) == (0, 0)
    assert without.out.splitlines()[1].split(",")[:5] == with_it.out.splitlines()[1].split(",")[:5]
    assert len(second.run.cells) < len(first.run.cells)
    limit = 3e-3
    for cell in second.run.cells:  # by the script, with the 3 % between processes
        assert cell.macs / 40e9 + 20e-6 < 1.5 * limit
    for words, said in (
        ("--predicted", "needs --max-latency"),
        ("--predicted --max-latency 3ms --percentile 99", "does not go with --predicted"),
        ("--predicted --max-latency 3ms --run run.json", "does not go with --run"),
    ):
        result = in_process(["pick", *words.split()])
        assert (result.status, said in result.err) == (2, True), result


def test_nothing_can_be_fast_enough(state: Path) -> None:
    line = "pick v1 v2 --max-latency 0.01ms --runtime fake --predicted --max-time 5s"
    result = in_process(line.split())
    assert result.status == 1, result


def test_plot_predicted(state: Path) -> None:
    pytest.importorskip("matplotlib")
    line = "plot v1 v2 --predicted --runtime fake --x latency -o out.svg"
    result = in_process(line.split())
    assert result.status == 0, result
    assert "predicted latencies, 90% intervals" in Path("out.svg").read_text()
    line = "plot v1 v2 --alpha 0.25:1.0 --predicted --runtime fake --y latency -o out.svg"
    assert in_process(line.split()).status == 0
    for words, said in (
        ("v2 --predicted", "goes with latency"),
        ("run.json --predicted --y latency", "does not go with a run file"),
        ("v2 --predicted --y latency --max-time 3s", "does not go with --predicted"),
        ("v2 --predicted --kind layers", "does not go with --kind layers"),
    ):
        refused = in_process(["plot", *words.split()])
        assert (refused.status, said in refused.err) == (2, True), refused
