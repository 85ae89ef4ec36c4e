"""``mncost plot`` as users run it: the files it writes, and what it refuses."""

from __future__ import annotations

import importlib.util
import re
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

import mncost
from mncost.extras import install
from mncost.measure.engine import Progress
from mncost.measure.run_file import read_run
from mncost.measure.runtimes.fake import Fault, Script
from tests.measure.scripted import Launcher, instead_of_processes
from tests.pictures.svg import bars, texts
from tests.printed import Printed, refused
from tests.running import Result, use_state

Cli = Callable[..., Result]
words_of = str.split


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every runtime is a scripted one: 40 MACs a nanosecond, 20 µs a call besides."""
    instead_of_processes(monkeypatch)


@pytest.fixture
def run_file(run_cli: Cli, here: Path) -> str:
    words = "bench --arch v2,v3-small --no-twin --runtime fake --alpha 0.35:1.0 -o run.json"
    assert run_cli(words.split()).status == 0
    return "run.json"


def test_a_front_of_published_accuracies(run_cli: Cli, here: Path) -> None:
    found = run_cli(["plot", "--arch", "v1,v2", "-o", "front.svg"])
    assert found.status == 0
    assert found.out.startswith("front.svg: ")
    assert "networks are on the Pareto front" in found.out
    said = texts(Path("front.svg").read_bytes())
    assert {"v1", "v2", "multiply-accumulates (millions)", "V2 0.75 @96"} <= set(said)
    first = Path("front.svg").read_bytes()
    run_cli(["plot", "v1", "v2", "-o", "front.svg"])  # plain words mean the same
    assert Path("front.svg").read_bytes() == first, "the same picture is the same file"


def test_latency_over_macs(run_cli: Cli, run_file: str) -> None:
    found = run_cli(["plot", run_file, "--y", "latency", "-o", "fit.png"])
    assert found.status == 0
    assert "latency follows MACs^" in found.out
    data = Path("fit.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert width > height > 600


def test_accuracy_over_latency(run_cli: Cli, run_file: str) -> None:
    found = run_cli(["plot", run_file, "v2", "--x", "latency", "-o", "front.pdf"])
    assert found.status == 0
    assert Path("front.pdf").read_bytes().startswith(b"%PDF")
    assert "4 of 4 networks" in found.out


# ----------------------------------------------------------------------------------- measured now


def test_accuracy_over_latencies_that_are_measured_now(run_cli: Cli, here: Path) -> None:
    words = "plot --arch v2 --resolution 224 --x latency --runtime fake --save run.json -o f.svg"
    found = run_cli(words.split())
    assert found.status == 0
    run = read_run(Path("run.json"))
    cells = {(cell.label.alpha, cell.label.dialect) for cell in run.cells}
    assert {alpha for alpha, _ in cells} >= {0.35, 0.5, 0.75, 1.0, 1.4}
    assert {cell.subject.resolution for cell in run.cells} == {224}
    assert re.fullmatch(rf"f.svg: \d+ of {len(run.cells)} networks are on .*\n", found.out)
    assert "of a call, median ±" in found.err
    said = texts(Path("f.svg").read_bytes())
    assert "latency, median of one call (ms)" in said
    assert any(text.startswith("medians, 95 % intervals; fake") for text in said)
    again = run_cli(["plot", "run.json", "--x", "latency", "-o", "again.svg"])
    assert (again.status, again.err) == (0, ""), "what was measured before is not explained again"
    assert Path("again.svg").read_bytes() == Path("f.svg").read_bytes()


def test_latencies_over_macs_that_are_measured_now(run_cli: Cli, here: Path) -> None:
    """The script's latency is a line through 20 µs: its power is a little below 1."""
    words = "plot --arch v1,v2 --alpha 0.5:1.0 --y latency --threads 2 --save run.json -o f.pdf"
    found = run_cli(words.split())
    assert found.status == 0
    assert re.search(r"latency follows MACs\^(0\.9\d|1\.0\d): 100 % of 6 networks", found.out)
    run = read_run(Path("run.json"))
    assert {cell.subject.twin for cell in run.cells} == {None}
    assert {(cell.place.runtime, cell.place.threads) for cell in run.cells} == {("onnxruntime", 2)}


def test_the_networks_of_bench_are_the_usual_ones(run_cli: Cli, here: Path) -> None:
    found = run_cli(["plot", "--y", "latency", "--runtime", "fake", "--save", "run.json"])
    assert found.out.startswith("mncost-latency-macs.png: ")
    assert [cell.label.arch for cell in read_run(Path("run.json")).cells] == [
        "v1",
        "v2",
        "v3-large",
    ]


def test_int8_is_measured_as_int8(run_cli: Cli, here: Path) -> None:
    words = "plot --arch v2 --x latency --precision int8 --runtime fake --save run.json"
    assert run_cli(words.split()).status == 0
    assert {cell.place.precision for cell in read_run(Path("run.json")).cells} == {"int8"}


def test_it_may_take_so_long(run_cli: Cli, here: Path) -> None:
    words = "plot --y latency --runtime fake --max-time 2s --save run.json"
    found = run_cli(words.split())
    assert "stopped at --max-time after 2 s" in found.err
    assert "warnings: " in found.err
    assert "mncost show run.json explains them" in found.err
    assert read_run(Path("run.json")).options.max_time == 2.0
    run_cli(["plot", *words_of("--arch v2 --x latency --runtime fake --save run.json")])
    run = read_run(Path("run.json"))
    assert run.options.max_time == 5 * len(run.cells) > 60


def failing(monkeypatch: pytest.MonkeyPatch, *faults: Fault) -> None:
    launch = Launcher({"fake": Script(faults=faults)})
    monkeypatch.setattr(
        "mncost.measure.workers.process.start_worker",
        lambda spec, *, seed, quiet: launch(spec, seed),
    )


def test_what_cannot_be_measured_is_named(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, Fault("load", "refuse", macs=mncost.load("v2", 0.5).macs))
    found = run_cli(["plot", *words_of("--arch v2 --alpha 0.35:1.0 --y latency --runtime fake")])
    assert found.status == 1
    assert "of 3 networks are within" in found.out
    assert "note: failed: v2 α 0.5 at 224 px" in found.err


def test_nothing_can_be_measured(run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, Fault("load", "refuse"))
    for words in ("--y latency", "--arch v2 --x latency", "--arch v2 --kind layers"):
        found = run_cli(["plot", *words.split(), "--runtime", "fake"])
        assert (found.status, found.out) == (2, "")
        assert found.err.startswith("mncost: nothing was measured: ")
        assert list(Path().iterdir()) == []


@pytest.mark.parametrize("words", ["--y latency", "--x latency --arch v2", "--kind layers -a v2"])
def test_interrupted_it_draws_nothing_and_keeps_what_was_measured(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    @contextmanager
    def watching(target_error: float | None) -> Iterator[Callable[[Progress], None]]:
        def interrupt(progress: Progress) -> None:
            if progress.rounds >= 2:
                raise KeyboardInterrupt

        yield interrupt

    monkeypatch.setattr("mncost.cli.progress.watching", watching)
    found = run_cli(["plot", *words.split(), "--runtime", "fake", "--save", "run.json"])
    assert (found.status, found.out) == (130, "")
    assert [path.name for path in Path().iterdir()] == ["run.json"]
    assert read_run(Path("run.json")).stopped == "interrupted"


# ----------------------------------------------------------------------------------------- layers


def test_the_layers_of_a_network(run_cli: Cli, here: Path) -> None:
    """In the script a layer takes what its MACs say, of nine tenths of a call."""
    found = run_cli(
        ["plot", *words_of("--arch v2 --kind layers --runtime fake --save run.json -o l.svg")]
    )
    assert found.status == 0
    network = mncost.load("v2")
    linear = next(layer for layer in network.layers if layer.kind == "linear")
    moved = sum(layer.bytes_read + layer.bytes_written for layer in network.all_layers)
    shares = (
        linear.macs / network.macs,
        0.9 * linear.macs / network.macs,
        (linear.bytes_read + linear.bytes_written) / moved,
    )
    said = "linear: {:.1g} % of the MACs, {:.1g} % of the time, {:.0f} % of the bytes"
    assert found.out == f"l.svg: {said.format(*(100 * share for share in shares))}\n"
    picture = Path("l.svg").read_bytes()
    assert len(bars(picture, "macs")) == 53  # 52 convolutions and the classifier
    assert len(bars(picture, "time")) == 53 + 1  # and the session
    assert {"depthwise", "(session)", "row3.1.expand.conv"} <= set(texts(picture))
    again = run_cli(["plot", *words_of("run.json --kind layers -o again.svg")])
    assert (again.status, again.err) == (0, "")
    assert Path("again.svg").read_bytes() == picture


def test_a_twin_has_layers_too(run_cli: Cli, here: Path) -> None:
    words = "plot --arch v1 --kind layers --twin standard --runtime fake --save run.json -o l.svg"
    assert run_cli(words.split()).status == 0
    assert len(bars(Path("l.svg").read_bytes(), "macs")) == 15  # 14 convolutions, a classifier
    again = run_cli(["plot", *words_of("run.json --kind layers -o again.svg")])
    assert again.status == 0
    assert Path("again.svg").read_bytes() == Path("l.svg").read_bytes()


def test_without_time_no_runtime_is_needed(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lacking = importlib.util.find_spec, {"numpy", "scipy", "onnx", "psutil", "onnxruntime"}
    monkeypatch.setattr(
        "mncost.extras.find_spec", lambda name: None if name in lacking else real(name)
    )
    found = run_cli(["plot", *words_of("--arch v4-hybrid-m --kind layers --no-time -o l.svg")])
    assert found.status == 0
    assert "% of the time" not in found.out
    assert found.err == "mncost: note: 195 rows are more than a page holds: --by block\n"
    picture = Path("l.svg").read_bytes()
    assert (len(bars(picture, "bytes")), len(bars(picture, "time"))) == (195, 0)
    assert "attention" in texts(picture)


def test_the_layers_of_somebodys_own_network(run_cli: Cli, here: Path) -> None:
    own = Path(__file__).parents[1] / "tiny.toml"
    words = f"plot --arch {own} --kind layers --runtime fake --save run.json -o l.svg"
    assert run_cli(words.split()).status == 0
    assert len(bars(Path("l.svg").read_bytes(), "macs")) == 7
    for words in ("run.json --kind layers", f"run.json --kind layers --arch {own}"):
        again = run_cli(["plot", *words.split(), "-o", "m.svg"])
        assert again.status == 0, "the run holds the graph"
        assert Path("m.svg").read_bytes() == Path("l.svg").read_bytes()


@pytest.fixture
def layers_file(run_cli: Cli, here: Path) -> str:
    words = "bench --arch v2,v3-small --alpha 0.75:1.0 --twin --by layer --runtime fake -o by.json"
    assert run_cli(words.split()).status == 0
    return "by.json"


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("--arch v2 --alpha 1.0", "v2 α 1 at 224 px: cost by layer"),
        ("--arch v3-small --alpha 0.75", "v3-small α 0.75 at 224 px: cost by layer"),
        ("--arch mobilenet_v2_0.75_224", "v2 α 0.75 at 224 px: cost by layer"),
        (
            "-a v2 --alpha 1 --twin standard",
            "v2 α 1 at 224 px, standard twin: cost by layer",
        ),
    ],
)
def test_one_network_of_a_run(run_cli: Cli, layers_file: str, words: str, title: str) -> None:
    found = run_cli(["plot", layers_file, "--kind", "layers", *words.split(), "-o", "l.svg"])
    assert found.status == 0, found.err
    said = texts(Path("l.svg").read_bytes())
    assert title in said
    assert any(text.startswith("fake") and "fp32, 1 thread" in text for text in said), "where"


NOT_IN_A_RUN = (
    "",
    "--arch v2",
    "--arch v1",
    "--twin fused",
    "--threads 2",
    "--no-time --arch v2",
    "--max-time 9s",
)


@pytest.mark.usefixtures("layers_file")
def test_a_network_that_a_run_does_not_say(run_cli: Cli, snapshot: SnapshotAssertion) -> None:
    assert refused(run_cli, "plot by.json --kind layers", NOT_IN_A_RUN) == snapshot(
        extension_class=Printed
    )


# --------------------------------------------------------------------------- where, and what not


def test_the_examples_of_the_help_work(
    run_cli: Cli, here: Path, prepared_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shutil.copytree(prepared_files / "state", here / "state")  # a profile, for --predicted
    use_state(monkeypatch.setenv, here / "state")
    shutil.copy(prepared_files / "grid.json", "run.json")
    shutil.copy(prepared_files / "search.jsonl", "found.jsonl")
    lines = map(str.strip, run_cli(["plot", "--help"]).out.splitlines())
    examples = [line.split()[1:] for line in lines if line.startswith("mncost plot ")]
    assert len(examples) >= 6
    for words in examples:
        found = run_cli(words)
        assert (found.status, bool(found.out)) == (0, True), found.err
    made = {path.suffix for path in Path().iterdir() if path.is_file()}
    assert made == {".svg", ".png", ".pdf", ".json", ".jsonl"}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("", "mncost-top1-macs.png"),
        ("--x size --format pdf", "mncost-top1-size.pdf"),
        ("--kind layers --no-time -a v2 -f svg", "mncost-layers.svg"),
    ],
)
def test_without_output_the_file_has_a_name(
    run_cli: Cli, here: Path, words: str, name: str
) -> None:
    found = run_cli(["plot", *words.split()])
    assert found.out.startswith(f"{name}: ")
    assert [path.name for path in Path().iterdir()] == [name]


def test_to_standard_output(run_process: Cli, here: Path) -> None:
    found = run_process(["plot", *words_of("--arch v1 -f svg -o -")], cwd=here)
    assert found.status == 0
    assert "V1 0.5 @128" in texts(found.out.encode())
    assert list(here.iterdir()) == []


BAD = (
    "-o -",
    "-o front.gif",
    "-o front",
    "--kind layer",
    "--x mac",
    "--y top5",
    "run.json",
    "--x latency --y latency run.json",
    "--runtime fake",
    "--threads 2",
    "--max-time 5s",
    "--save r.json",
    "--by block",
    "--twin standard",
    "--no-time",
    "--kind layers --x macs",
    "a.json b.json",
    "--kind layers",
    "--kind layers --arch v1,v2",
    "--kind layers --arch v2 --by pair",
    "--kind layers --arch v2 --no-time --save r.json",
    "--kind layers --arch v2 --runtime torch",
    "--kind layers run.json",
    "run.json --y latency --save r.json",
    "run.json --y latency --arch v2",
    "run.json --y latency --threads 4",
    "run.json --x latency --arch v1",
    "--y latency --arch v2",
    "--x latency --runtime fak",
    "--x latency --threads 0",
    "--x latency --max-time never",
    "--y latency --save none/r.json",
    "none.json --y latency",
    "--arch v9",
    "-o none/f.svg",
)


@pytest.mark.usefixtures("run_file")
def test_bad_input_is_one_line(run_cli: Cli, snapshot: SnapshotAssertion) -> None:
    assert refused(run_cli, "plot", BAD) == snapshot(extension_class=Printed)
    assert [path.name for path in Path().iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("package", "words", "extra"),
    [
        ("matplotlib", "--arch v2", "plot"),
        ("scipy", "--arch v2 --x latency", "bench"),
        ("scipy", "--arch v2 --kind layers", "bench"),
        ("psutil", "--y latency", "bench"),
        ("scipy", "run.json --y latency", "results"),
    ],
)
def test_a_missing_extra_is_one_line(
    run_cli: Cli,
    run_file: str,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    words: str,
    extra: str,
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "mncost.extras.find_spec", lambda name: None if name == package else real(name)
    )
    found = run_cli(["plot", *words.split()])
    assert (found.status, found.out) == (2, "")
    assert found.err == f"mncost: needs {package}: {install(extra)}\n"
