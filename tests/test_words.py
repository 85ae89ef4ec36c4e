"""What the commands print, word for word, in one snapshot each: `tests/__snapshots__/test_words`.

They pin words and layout, not the truth of the numbers: other tests do that, and compare no words.
`python -m pytest tests/test_words.py --snapshot-update` rewrites them; read the difference before
it is committed.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.measure.scripted import instead_of_processes
from tests.printed import Printed
from tests.running import in_process

TINY = Path(__file__).parent / "tiny.toml"
COUNTED = {
    "table": "table --arch v2 --alpha 0.35:1.0",
    "table csv": "table --arch v2 --alpha 0.35:1.0 --format csv",
    "table json": "table --arch v2 --alpha 0.5,0.505 --format json",
    "table markdown": "table --arch v2 --alpha 0.5,0.505 --format markdown",
    "table --pivot": "table --arch v2 --alpha 0.35:1.0 --resolution 96:224 --pivot macs",
    "table --pivot csv": "table --arch v2 --alpha 0.35:1.0 --resolution 96:224 --pivot macs -f csv",
    "table --published": "table --arch v1 --published --alpha 1.0 --resolution 224",
    "table left out": "table --arch v1,v2 --alpha 1.3:1.4 --format csv",
    "layers": "layers --arch {tiny}",
    "layers csv": "layers --arch {tiny} --format csv",
    "layers json": "layers --arch {tiny} --by block --format json",
    "layers markdown": "layers --arch {tiny} --by kind --format markdown",
    "layers --by pair": "layers --arch {tiny} --by pair",
    "layers --by pair fused": "layers --arch v2 --by pair --twin fused --format markdown",
    "layers of a dialect": "layers --arch v3-large --alpha 0.75 --dialect torchvision",
    "compare": "compare --arch v1 --alpha 0.5,1.0",
    "compare --layers": "compare --arch {tiny} --layers",
    "explain": "explain --arch {tiny}",
    "list csv": "list --format csv",
}


MEASURED = {
    "bench": "bench --arch v2,v3-small --alpha 0.5,1.0 --runtime fake",
    "bench csv": "bench --arch v2 --runtime fake --format csv",
    "bench json": "bench --arch v2 --runtime fake --format json",
    "bench --by layer": "bench --arch {tiny} --runtime fake --by layer",
    "show": "show run.json --percentiles 50,99",
    "diff": "diff run.json other.json",
    "pick": "pick --arch v2,v3-small --max-macs 100M --min-top1 60",
    "pick nothing": "pick --arch v2 --max-macs 100M --min-top1 72",
    "pick nothing markdown": "pick --arch v2 --max-macs 100M --min-top1 72 --format markdown",
    "pick hopeless": "pick --max-macs 1k --max-params 1k",
    "pick near ties": "pick mobilenets --max-size 10MB --top 4",
    "pick --max-latency": "pick --arch v2,v3-small --run run.json --max-latency 8ms",
    "pick --percentile": "pick --arch v2 --run run.json --max-latency 8ms --percentile 99.9",
    "check": "check budgets-own.toml",
    "check markdown": "check budgets-own.toml --format markdown",
    "check --update": "check budgets-own.toml --update",
}
REFUSED = (
    "tabel",
    "table --arch v9",
    "table --arch v2 --alpha 0",
    "table --arch v2 --alpha 0.5:",
    "table --arch v2 --resolution 0",
    "table --arch v2 --dialect timn",
    "table --arch v2 --columns mac",
    "table --arch v2 --format xml",
    "table --arch v2 --pivot weight",
    "table --arch v2 --convention thopp",
    "table --arch nowhere.toml",
    "table --arch v2 --published --pivot macs",
    # what other tools call ours
    "table v2 --width 0.5",
    "table v2 --width-mult 0.5",
    "table v2 --image-size 0.5",
    "table v2 --img-size 0.5",
    "table v2 --input-size 0.5",
    "table v2 --num-classes 0.5",
    "layers --arch v2 --by rows",
    "layers --arch v1,v2",
    "compare --arch v2 --twin dense",
    "export --arch v2 --output net.xyz",
    "bench --arch v2 --runtime onnxrutime",
    "bench --arch v2 --max-time soon",
    "bench --arch v2 --batch 0",
    "show nowhere.json",
    "show budgets-own.toml",
    "diff run.json nowhere.json",
    "pick --arch v2 --max-macs 150",
    "pick --arch v2 --run run.json",
    "check nowhere.toml",
    "check budgets-own.toml --baseline nowhere.json",
    "check budgets-own.toml --inconclusive maybe",
    "plot --arch v2 --x latency --y nothing",
    "schema runs",
)


@pytest.mark.parametrize("name", COUNTED)
def test_what_is_counted(name: str, snapshot: SnapshotAssertion) -> None:
    """Notes beside a machine-readable table go to standard error."""
    status, out, err = in_process(COUNTED[name].format(tiny=TINY).split())
    assert status == 0
    assert (out + err).replace(str(TINY), "tiny.toml") == snapshot(extension_class=Printed)


@pytest.fixture
def prepared(prepared_files: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to a copy of these files, on a machine that says nothing of itself."""
    instead_of_processes(monkeypatch)
    shutil.copytree(prepared_files, here, dirs_exist_ok=True)


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("name", MEASURED)
def test_what_is_measured(name: str, snapshot: SnapshotAssertion) -> None:
    """By the scripted runtime. Progress goes to standard error."""
    _, out, _ = in_process(MEASURED[name].format(tiny="tiny.toml").split())
    assert _without_machine(out) == snapshot(extension_class=Printed)


@pytest.mark.usefixtures("prepared")
def test_what_is_refused(snapshot: SnapshotAssertion) -> None:
    """One line each: what, where, and what would be accepted."""
    lines = []
    for call in REFUSED:
        status, out, err = in_process(call.split())
        assert (status, out, err.count("\n")) == (2, "", 1), call
        lines.append(f"$ mncost {call}\n{err}")
    assert "".join(lines) == snapshot(extension_class=Printed)


def _without_machine(text: str) -> str:
    """Return the text without the line of the machine, and without its fields."""
    text = re.sub(
        r"^.*cores?(, .*; python \d|.*, median ±).*$", "MACHINE", text, flags=re.MULTILINE
    )
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+", "DATE", text)
