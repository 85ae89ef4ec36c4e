"""``mncost report`` as users run it: what is in the page, and what it refuses."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mncost.extras import install
from mncost.measure.records import Cell
from mncost.measure.run_file import read_run, write_run
from mncost.pictures import scatter
from mncost.published.accuracy import Candidate, candidates
from tests.measure.synthetic import cell, simulated
from tests.page.reading import Reader, read
from tests.printed import Printed, refused
from tests.running import Result, command, environment

Cli = Callable[..., Result]


def page(run_cli: Cli, *words: str) -> Reader:
    """Run the command, and read the page that it prints."""
    result = run_cli(["report", *words])
    assert (result.status, result.err) == (0, "")
    return read(result.out)


def bench(run_cli: Cli, more: str) -> None:
    """Measure V2 with a scripted runtime."""
    result = run_cli(f"bench --arch v2 --runtime fake -o run.json {more}".split())
    assert result.status == 0, result.err


def sections(found: Reader) -> list[str | None]:
    return [element.attributes["id"] for element in found.all("section")]


def changed(file: str, change: Callable[[dict[str, Any]], object]) -> str:
    """Change a run file."""
    document = json.loads(Path(file).read_text("utf-8"))
    change(document)
    Path(file).write_text(json.dumps(document), "utf-8")
    return file


# --------------------------------------------------------------------------------- what is in it


def test_the_table_holds_the_numbers_of_show(run_cli: Cli, run_file: str) -> None:
    """Bare values are those of the CSV; what is written is what the terminal shows."""
    found = page(run_cli, run_file)
    exact = list(csv.DictReader(io.StringIO(run_cli(["show", run_file, "-f", "csv"]).out)))
    networks = [row for row in exact if not row["twin"]]
    assert len(networks) >= 5
    headers = found.headers("latency-1")
    rows = found.rows("latency-1")
    assert len(rows) == len(networks)
    for name, title in (("latency", "latency ms"), ("macs", "MACs M"), ("speedup", "speed-up")):
        column = headers.index(title)
        keys = [float(str(row[column].attributes["data-key"])) for row in rows]
        assert keys == [float(row[name]) for row in networks]
    shown = run_cli(["show", run_file]).out
    for row in rows:
        assert row[headers.index("latency ms")].text in shown


# The highest that mncost/published/figures.csv has for the paper's network.
TOP1 = {
    ("v2", 0.35): 60.8,
    ("v2", 0.5): 66.0,
    ("v2", 0.75): 69.8,
    ("v2", 1.0): 73.4,
    ("v3-small", 0.35): 49.8,
    ("v3-small", 0.5): 58.0,
    ("v3-small", 0.75): 65.4,
    ("v3-small", 1.0): 68.1,
}


def test_every_point_says_what_it_is(run_cli: Cli, run_file: str) -> None:
    found = page(run_cli, run_file)
    said = [element.text.splitlines() for element in found.all("title")[1:]]
    exact = list(csv.DictReader(io.StringIO(run_cli(["show", run_file, "-f", "csv"]).out)))
    assert len(exact) == 2 * len(TOP1)
    for row in exact:
        key = row["arch"], float(row["alpha"])
        twin = ", standard twin" if row["twin"] else ""
        name = f"{key[0]} α {key[1]:g} at {row['resolution']} px{twin}"
        about = [lines for lines in said if lines[0] == name]
        assert len(about) == (1 if twin else 2), name
        for lines in about:
            (written,) = (line for line in lines if line.startswith("latency "))
            latency = re.fullmatch(r"latency ([\d.,]+) ±[\d.]+ (ms|µs)", written)
            assert latency, written
            seconds = float(latency[1]) * {"ms": 1e-3, "µs": 1e-6}[latency[2]]
            assert seconds == pytest.approx(float(row["latency"]), rel=0.01)
            macs = next(line for line in lines if line.endswith(" M MACs"))
            millions = float(macs.split()[0].replace(",", ""))
            assert millions == pytest.approx(int(row["macs"]) / 1e6, abs=0.05)
        if not twin:
            assert sum(f"top-1 {TOP1[key]:g} %" in lines for lines in about) == 1
    points = [e for e in found.all("use") if e.attributes.get("class") == "point"]
    assert len(points) == len(said) == 3 * len(TOP1)


def test_a_plain_run_has_these_sections(run_cli: Cli, run_file: str) -> None:
    found = page(run_cli, run_file)
    wanted = ["latency", "pictures", "savings", "warnings", "words", "method", "machine"]
    assert sections(found) == wanted
    facts = {e.text for e in found.elements if e.tag == "dd"}
    assert any("arch v2,v3-small; alpha 0.35:1.0; " in fact for fact in facts)
    assert found.all("h1")[0].text == "CPU latency of v2 and v3-small"


def test_cards_have_the_answers(run_cli: Cli, run_file: str) -> None:
    """By the table for programs, and by the figures of the papers."""
    found = page(run_cli, run_file)
    exact = csv.DictReader(io.StringIO(run_cli(["show", run_file, "-f", "csv"]).out))
    rows = [row for row in exact if not row["twin"]]
    fastest = min(rows, key=lambda row: float(row["latency"]))
    best = max(rows, key=lambda row: TOP1[row["arch"], float(row["alpha"])])
    answers = dict(
        zip(
            [e.text for e in found.all("dt")][:4],
            [e.text for e in found.all("strong")][:4],
            strict=True,
        )
    )
    short = {"v2": "V2", "v3-small": "V3-S"}
    for title, row in (("Fastest", fastest), ("Most accurate", best)):
        assert answers[title] == f"{short[row['arch']]} {row['alpha']} @224"
    assert answers["Best trade-off"] not in (answers["Fastest"], answers["Most accurate"])
    assert answers["How reliable"] in ("Reliable", "Doubtful", "Unreliable")


def test_the_words_of_the_tables_are_explained(run_cli: Cli, run_file: str) -> None:
    found = page(run_cli, run_file)
    terms = {e.text for e in found.all("dt")}
    assert {"latency", "MACs", "twin", "speed-up", "efficiency", "Pareto front"} <= terms
    assert "INT8 speed-up" not in terms


def test_a_comparison_has_its_layers_roofline_and_memory(run_cli: Cli, pairs_file: str) -> None:
    found = page(run_cli, pairs_file)
    titles = [element.text for element in found.all("caption")]
    for words in ("Networks and their standard twins", "Peak memory", "Layers on", "Roofline"):
        assert [title for title in titles if title.startswith(words)], words
    notes = [e.text for e in found.elements if e.attributes.get("class") == "note"]
    assert not [note for note in notes if note.startswith("latency: median")], "said in the method"
    numbers = [e for e in found.all("td") if "number" in str(e.attributes.get("class"))]
    assert len(numbers) > 200
    for cell_ in numbers:
        assert ("data-key" in cell_.attributes) == cell_.text[0].isdigit(), cell_


def test_a_run_by_layer_has_a_table_of_them(run_cli: Cli, here: Path) -> None:
    bench(run_cli, "--no-twin --by layer")
    found = page(run_cli, "run.json")
    assert "layers" in sections(found)
    shown = run_cli(["show", "run.json", "--by", "layer", "-f", "csv"]).out
    layers = {row["layer"] for row in csv.DictReader(io.StringIO(shown))}
    assert {row[0].text for row in found.rows("layers-1")} == {*layers, "(one call)"}
    bars = {e.text for e in found.all("title") if " of a call" in e.text}
    # V2, Table 2: a convolution, a block of 2 and 16 of 3 layers, a convolution, a classifier.
    assert sum(" MACs" in text for text in bars) == 1 + 2 + 16 * 3 + 1 + 1
    (first,) = (text.splitlines() for text in bars if text.startswith("stem.conv, conv"))
    assert first[1] == "10.8 M MACs"  # 3 × 3 × 3 × 32 at 112 × 112 pixels


def test_a_page_of_very_many_layers_is_cut_and_says_so(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mncost.page.report._MOST", 7)
    for module in ("figures", "report"):
        monkeypatch.setattr(f"mncost.page.{module}.MOST", 1)
    bench(run_cli, "--alpha 0.5:1.0 --no-twin --by layer")
    found = page(run_cli, "run.json")
    assert len(found.rows("layers-1")) == 7
    text = " ".join(element.text for element in found.all("p"))
    assert "The table has the first 7 of " in text
    assert "The pictures are of the first 1 of 3 networks." in text


def test_what_went_wrong_is_among_the_warnings(run_cli: Cli, run_file: str) -> None:
    def spoil(run: dict[str, Any]) -> None:
        run["failures"] = [{"cell": 0, "generation": 0, "reason": "killed by <SIGKILL>"}]
        run["left_out"] = [{"cell": 1, "reason": "too large"}]
        run["notes"] = ["a note & more"]
        run["conditions"][0]["steal"] = 0.25
        run["stopped"] = "interrupted"

    found = page(run_cli, changed(run_file, spoil))
    facts = dict(
        zip(
            [e.text for e in found.all("dt")],
            [e.text for e in found.all("dd")],
            strict=True,
        )
    )
    assert facts["failed"].endswith("killed by <SIGKILL>")
    assert facts["left out"].endswith("too large")
    assert facts["note"] == "a note & more"
    assert "25.0%" in facts["steal"]
    assert "interrupted" in facts["unfinished"]
    assert found.rows("machine-1")[0][1].text == "25.0"


def test_a_run_of_one_network_has_no_pictures_and_says_nothing_of_them(
    run_cli: Cli, here: Path
) -> None:
    bench(run_cli, "--no-twin")
    found = page(run_cli, "run.json")
    assert not found.all("figure")
    assert "pictures" not in sections(found)


def test_a_run_in_which_everything_failed_is_still_a_page(run_cli: Cli, run_file: str) -> None:
    def fail(run: dict[str, Any]) -> None:
        run["processes"] = []
        run["failures"] = [
            {"cell": one["id"], "generation": 0, "reason": "died"} for one in run["cells"]
        ]

    found = page(run_cli, changed(run_file, fail))
    assert not found.all("figure")
    assert len(found.rows("latency-1")) >= 5


def test_a_run_without_cells_is_a_page_too(run_cli: Cli, run_file: str) -> None:
    def empty(run: dict[str, Any]) -> None:
        run.update(cells=[], processes=[], files=[], stopped="no cells")

    found = page(run_cli, changed(run_file, empty))
    assert found.rows("latency-1") == []
    assert run_cli(["show", run_file]).status == 0


def test_a_run_of_two_sides_says_how_they_were_visited(run_cli: Cli, run_file: str) -> None:
    def compare(run: dict[str, Any]) -> None:
        run["cells"][1]["baseline_of"] = 0
        run["options"]["target_error"] = None
        run["stopped"] = "decided"

    found = page(run_cli, changed(run_file, compare))
    said = " ".join(element.text for element in found.all("dd"))
    assert "sides of a comparison" in said
    assert "within" not in " ".join(element.text for element in found.all("header")) + said


def test_each_place_has_its_pictures(run_cli: Cli, here: Path) -> None:
    bench(run_cli, "--alpha 0.35:1.0 --threads 1,2")
    found = page(run_cli, "run.json")
    titles = [figure.text for figure in found.all("figcaption")]
    assert len(titles) == 4
    assert sum("fake, fp32, 2 threads" in title for title in titles) == 2
    ids = [e.attributes["id"] for e in found.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))


HOSTILE = ("<script>alert(1)</script>", '"></style><b x="', "$\\frac{$", "a\x1b[31m\x00b", "漢字")


def test_an_architecture_of_any_name_stays_text(run_cli: Cli, run_file: str) -> None:
    harmless = page(run_cli, run_file, "--title", "T")
    tags, last = sorted(element.tag for element in harmless.elements), "v2"
    for name in HOSTILE:

        def rename(run: dict[str, Any], before: str = last, name: str = name) -> None:
            for one in run["cells"]:
                if one["subject"]["label"]["arch"] == before:
                    one["subject"]["label"]["arch"] = name
            run["machine"]["cpu"] = run["mncost_version"] = name
            run["asked"] = {"arch": name}

        found = page(run_cli, changed(run_file, rename), "--title", "T")
        assert sorted(element.tag for element in found.elements) == tags
        cells = [row[0].text for row in found.rows("latency-1")]
        names = {text.rpartition(" ")[0].rpartition(" ")[0] for text in cells}
        assert {name.replace("\x00", "�"), "v3-small"} <= {n.replace("\x00", "�") for n in names}
        last = name


def test_options_change_the_title_and_add_percentiles(run_cli: Cli, run_file: str) -> None:
    found = page(run_cli, run_file, "--title", "A & B", "--percentiles", "90,99.9")
    assert found.all("h1")[0].text == found.all("title")[0].text == "A & B"
    assert {"p90 ms", "p99.9 ms"} <= set(found.headers("latency-1"))


def test_a_large_run_makes_a_small_file(run_cli: Cli, here: Path) -> None:
    """400 networks in four places, with pictures of each, are less than 5 MB."""
    cells: list[Cell] = [
        cell(
            index,
            arch=f"net-{index % 20}",
            alpha=0.5 + index / 1000,
            macs=10**6 * (index + 1),
            threads=1 + index % 4,
        )
        for index in range(400)
    ]
    latencies = {one.id: 1e4 * (one.id + 10) for one in cells}
    run = simulated(latencies, cells, processes=3, rounds=3, runs=2)
    write_run(run, Path("run.json"))
    result = run_cli(["report", "run.json", "-o", "report.html"])
    assert result.status == 0
    assert Path("report.html").stat().st_size < 5e6
    found = read(Path("report.html").read_text("utf-8"))
    assert len(found.rows("latency-1")) == 400
    assert len(found.all("figure")) == 4


# ------------------------------------------------------------------------------- where it is put


def test_what_is_published_is_read_once(
    run_cli: Cli, run_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cards and the pictures of each place ask for it; it takes a quarter of a second."""
    read: list[str] = []

    def counted(arch: str, **options: Any) -> list[Candidate]:
        read.append(arch)
        return candidates(arch, **options)

    monkeypatch.setattr(scatter, "candidates", counted)
    scatter._all_published.cache_clear()
    assert run_cli(["report", run_file]).status == 0
    assert len(read) == 1
    assert set(read[0].split(",")) == {cell.label.arch for cell in read_run(Path(run_file)).cells}


def test_the_same_run_makes_the_same_file(run_cli: Cli, run_file: str) -> None:
    found = run_cli(["report", run_file, "-o", "report.html"])
    assert found.status == 0
    assert found.out.startswith("report.html: ")
    first = Path("report.html").read_bytes()
    assert run_cli(["report", run_file]).out.encode() == first
    data = Path(run_file).read_bytes()
    assert run_cli(["report", "-", "-o", "-"], data).out.encode() == first


def test_a_page_stays_as_it_is_if_there_is_no_new_one(run_cli: Cli, run_file: str) -> None:
    Path("report.html").write_text("old")
    changed(run_file, lambda run: run.update(schema_version=99))
    assert run_cli(["report", run_file, "-o", "report.html"]).status == 2
    assert Path("report.html").read_text() == "old"
    assert sorted(path.name for path in Path().iterdir()) == ["report.html", "run.json"]


BAD = (
    "run.json -o report.pdf",
    "run.json -o report",
    "run.json -o none/report.html",
    "none.json -o report.html",
    "run.json --percentiles 101",
    "run.json --by layer",
    ". -o report.html",
)


@pytest.mark.usefixtures("run_file")
def test_bad_input_is_one_line(run_cli: Cli, snapshot: SnapshotAssertion) -> None:
    assert refused(run_cli, "report", BAD) == snapshot(extension_class=Printed)
    assert [path.name for path in Path().iterdir()] == ["run.json"]


@pytest.mark.parametrize("package", ["jinja2", "matplotlib", "scipy"])
def test_what_is_missing_is_named_with_the_command_that_brings_it(
    run_cli: Cli, run_file: str, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    def find_spec(name: str) -> object:
        return None if name == package else importlib.util.find_spec(name)

    monkeypatch.setattr("mncost.extras.find_spec", find_spec)
    found = run_cli(["report", run_file, "-o", "report.html"])
    assert (found.status, found.out) == (2, "")
    assert found.err == f"mncost: needs {package}: {install('report')}\n"
    assert not Path("report.html").exists()


def test_a_page_is_not_written_to_a_terminal(run_file: str) -> None:
    outer, inner = pty.openpty()
    try:
        done = subprocess.run(
            command("report", run_file),
            stdout=inner,
            stderr=subprocess.PIPE,
            env=environment({}),
            check=False,
            timeout=300,
        )
    finally:
        os.close(inner)
        os.close(outer)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        "mncost: missing option '--output': an .html file, or - for standard output\n"
    )


def test_the_help_needs_none_of_the_libraries() -> None:
    program = (
        "import sys\nfrom mncost.cli.main import run\nassert run(['report', '--help']) == 0\n"
        "print(sorted({'jinja2', 'matplotlib', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().splitlines()[-1] == "[]"
