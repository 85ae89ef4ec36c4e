"""Hostile names through every command in every format: they stay text, whoever reads them.

Names of architectures, budgets and cells, notes, the machine; all of them in one call.
``test_escape.py`` has the single formats.
"""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import cycle
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mncost.cli.main import COMMANDS
from tests.measure.scripted import instead_of_processes
from tests.running import Result, in_process
from tests.test_escape import HOSTILE, harmless

pytest.importorskip("scipy")
pytestmark = pytest.mark.slow  # some 15 s
TINY = (Path(__file__).parent / "tiny.toml").read_text("utf-8")
NAMES = (*(name for name in HOSTILE if name != "\ud800"), "n" * 300)
# An architecture file has to have a printable name; a run file may come from anybody.
PRINTABLE = [name for name in NAMES if name.isprintable() and len(name) <= 100]
OWN = " ".join(f"own{n}.toml" for n in range(len(PRINTABLE)))
FORMATS = ("terminal", "csv", "json", "markdown", "svg")
BUDGET = """
[[budget]]
model = {{ arch = "own{n}.toml" }}
name = {name}
runtime = "fake"
macs = "1 k"
latency = {{ p50 = "0.001 us" }}
"""
MEASURED = "--runtime fake --max-time 1s"
# Commands whose output is a table.
TABLES = (
    f"table {OWN}",
    f"table {OWN} --pivot macs",
    f"compare {OWN}",
    "show run.json",
    "space space.toml",
    "show run.json --by layer",
    "show run.json --verbose",
    "prune own0.toml --channels 0.5 --round 1 -o narrow.toml",
    "diff run.json run.json",
    f"bench {OWN} {MEASURED}",
    f"compare {OWN} --bench {MEASURED}",
    "check budgets.toml --max-time 1s",
    *(
        f"{command} own{n}.toml"
        for n, command in zip(
            range(len(PRINTABLE)),
            cycle(("layers", "explain", "compare --layers", "layers --by pair", "diff-models v2")),
            strict=False,
        )
    ),
)
OTHERS = (
    "report run.json -o out.html",
    "plot run.json --x macs --y latency -o out.svg",
    "plot run.json --kind layers -o layers.svg",
    f"plot {OWN} --x macs --y params -o counts.svg",
    "check budgets.toml --max-time 1s --junit out.xml --github",
    "check budgets.toml --exact-only --update",
    "export own0.toml",
    "show run.json --export pyperf",
    f"bench own0.toml {MEASURED} --save -",
    "verify own0.toml --columns arch,macs",
    "init ci own0.toml --gitlab",
    "init ::error::x",
    "list ::stop-commands::x",
    "schema ##vso[task.complete]",
    "pick own0.toml --max-macs 1G",
    "pick --run run.json --max-latency 8ms",
    "space space.toml --sort ::error::x",
    "calibrate --from run.json",  # of a machine with a hostile name: refused
    "predict own0.toml --run run.json",
    "hosts check --hosts hosts.toml --host ::stop-commands::x",
    "hosts check --hosts hostile.toml",
    "hosts check --hosts ::error::x",
    "bench own0.toml --runtime fake --host ##vso[task.complete] --hosts hosts.toml",
    "search own0.toml --max-latency 1ms --runtime fake -o ::error::x.toml",
    "search own0.toml --max-latency 1ms --score ::error::x:y -o found.toml",
    "plot hostile.jsonl -o log.svg",
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with architectures, budgets and a run of hostile names."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        instead_of_processes(patch)
        budgets = ""
        for n, name in enumerate(PRINTABLE):
            quoted = json.dumps(name)
            own = TINY.replace('"tiny"', quoted).replace('"Tiny"', quoted)
            Path(f"own{n}.toml").write_text(own, "utf-8")
            budgets += BUDGET.format(n=n, name=quoted)
        Path("budgets.toml").write_text(budgets, "utf-8")
        choices = 'choices = [{ rows = ["stem"], kernel = [3, 5] }]'
        Path("space.toml").write_text(f'arch = "own0.toml"\n{choices}\n')
        host = "[[hosts]]\nname = {0}\ndestination = {0}\nlabel = {0}\n"
        Path("hosts.toml").write_text(host.format('"plain"'))
        Path("hostile.toml").write_text(host.format(json.dumps(NAMES[0])))
        Path("hostile.jsonl").write_text(
            json.dumps({"record": NAMES[0], NAMES[1]: NAMES[2]}) + "\n"
        )
        alphas = ",".join(str(n / 20) for n in range(5, 5 + len(NAMES)))
        line = f"bench v1 --alpha {alphas} --by layer --runtime fake --max-time 9s --save run.json"
        done = in_process(line.split())
        assert done.status == 0, done
        document = json.loads(Path("run.json").read_text())
        document["notes"] = list(NAMES)
        document["machine"]["cpu"] = NAMES[0]
        for cell, name in zip(document["cells"], cycle(NAMES)):
            cell["subject"]["label"]["arch"] = name
        Path("run.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def beside(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(prepared)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(prepared / "summary.md"))
    instead_of_processes(monkeypatch)
    return prepared


def checked(line: str) -> Result:
    done = in_process(line.split())
    assert done.status in (0, 1, 2), (line, done.err)
    for text in (done.out, done.err):  # without our own annotations, which --github asks for
        harmless(re.sub(r"^::(error|warning|notice) file=budgets", "", text, flags=re.MULTILINE))
    return done


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("line", TABLES, ids=range(len(TABLES)))
def test_tables(line: str, format: str, beside: Path) -> None:
    done = checked(f"{line} --format {format}")
    assert done.out, done.err
    if format == "csv":
        cells = [cell for row in csv.reader(io.StringIO(done.out)) for cell in row]
        assert not [cell for cell in cells if re.match(r"[=@\t]|[+-](?![\d.])", cell)]
    elif format == "json":
        json.loads(done.out)
    elif format == "markdown":
        assert not re.search(r"(?<!\\)\]\(\w+:|https?://|(?<!\\)<\w", done.out), done.out
    elif format == "svg":
        without_scripts(done.out)


@pytest.mark.parametrize("line", OTHERS, ids=range(len(OTHERS)))
def test_other_outputs(line: str, beside: Path) -> None:
    done = checked(line)
    if line.startswith("report"):
        page = (beside / "out.html").read_text("utf-8")
        assert not re.search(r"<script>alert|(href|src)=\W?(javascript|http)", page)
    if line.startswith("plot") and done.status == 0:
        without_scripts((beside / line.rsplit(maxsplit=1)[-1]).read_text("utf-8"))
    if "--junit" in line:
        for element in ET.parse(beside / "out.xml").iter():
            assert "\x1b" not in "".join(element.attrib.values()) + (element.text or "")
        summary = (beside / "summary.md").read_text("utf-8")
        assert not re.search(r"(?<!\\)\]\(\w+:|https?://|(?<!\\)<script", summary)


def without_scripts(svg: str) -> None:
    tags = {element.tag.split("}")[-1] for element in ET.fromstring(svg).iter()}
    assert not tags & {"script", "a", "image", "foreignObject"}


def test_every_command_is_tried() -> None:
    tried = {line.split()[0] for line in (*TABLES, *OTHERS)}
    assert set(COMMANDS) <= tried
