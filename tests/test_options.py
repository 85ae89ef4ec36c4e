"""No option is accepted and ignored: every pair of options of every command.

Beside any other option, an option changes what is printed or written, or it is refused, or it is
listed below with the reason why it changes nothing.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from mncost.cli.main import COMMANDS, _app
from tests.measure.scripted import instead_of_processes
from tests.running import in_process

TINY = Path(__file__).parent / "tiny.toml"
# One limit that holds, one that does not, and one at the very latency of the script.
BUDGET = (
    '[[budget]]\nmodel = { arch = "v2", alpha = 0.35 }\nruntime = "fake"\n'
    'macs = "70 M"\nparams = "1 M"\nlatency = { p50 = "1.5 ms" }\n'
)
# The call that all options are added to: the least that works.
BASES = {
    "table": "table --arch v3-large --alpha 0.75",
    "layers": "layers --arch v3-large --alpha 0.75",
    "explain": "explain --arch v3-large --alpha 0.75",
    "verify": "verify --arch tiny.toml",
    "export": "export --arch tiny.toml --output net.onnx",
    "list": "list",
    "bench": "bench --arch v2 --runtime fake",
    "compare": "compare --arch v3-large --alpha 0.75",
    "compare --bench": "compare --arch v3-large --alpha 0.75 --bench --runtime fake",
    "show": "show run.json",
    "report": "report run.json",
    "diff": "diff run.json other.json",
    "pick": "pick --arch v2,v3-small --max-size 16MB",
    "plot": "plot --arch v2,v3-small --x macs --y top1",
    "check": "check budgets.toml",
    "schema": "schema run",
}
# A value that is not what the option has by default; first for one command, then for all.
VALUES = {
    "table --columns": "arch,macs,weight_bytes",
    "layers --columns": "name,macs,bytes_read",
    "layers --by": "kind",
    "compare --columns": "arch,macs",
    "bench --columns": "arch,runtime,latency",
    "show --columns": "arch,latency",
    "diff --columns": "arch,ratio",
    "pick --columns": "arch,macs",
    "bench --twin": "--no-twin",
    "compare --bench --layers": "--no-layers",
    "compare --bench --memory": "--no-memory",
    "bench --by": "layer",
    "show --by": "layer",
    "plot --by": "block",
    "plot --kind": "layers",
    "plot --format": "svg",
    "plot --output": "out.svg",
    "plot --precision": "int8",
    "report --output": "out.html",
    "export --output": "net.onnx",
    "bench --output": "out.json",
    "compare --run": "pairs.json",
    "pick --run": "run.json",
    "verify --alpha": "0.5",
    "verify --dialect": "small",
    "--arch": "v1",
    "--alpha": "0.5",
    "--resolution": "128",
    "--rho": "0.5",
    "--dialect": "torchvision",
    "--classes": "10",
    "--precision": "int8",
    "--format": "csv",
    "--output": "out.txt",
    "--pivot": "weight_bytes",
    "--pareto": "top1,macs",
    "--convention": "fvcore",
    "--twin": "fused",
    "--seed": "3",
    "--weights": "net.pt",
    "--copies": "2",
    "--device": "cpu",
    "--runtime": "torch",
    "--provider": "CPUExecutionProvider",
    "--threads": "2",
    "--batch": "4",
    "--python": "python3",
    "--target-error": "10%",
    "--max-time": "3s",
    "--processes": "8",
    "--percentiles": "90,99",
    "--percentile": "99",
    "--resume": "run.json",
    "--export": "pyperf",
    "--max-twin-gmacs": "0.01",
    "--save": "saved.json",
    "--title": "A title",
    "--max-macs": "150M",
    "--max-params": "3M",
    "--max-size": "10MB",
    "--max-memory": "4MiB",
    "--min-top1": "65",
    "--max-latency": "8ms",
    "--top": "1",
    "--x": "params",
    "--y": "weight_bytes",
    "--baseline": "run.json",
    "--baseline-python": "python3",
    "--baseline-arch": "tiny.toml",
    "--inconclusive": "pass",
    "--junit": "out.xml",
}
# What changes nothing, and why: (command or "", option, beside or "").
REASONS: dict[tuple[str, str, str], str] = {
    ("", "--percentiles", "--columns"): "--columns names those that it wants",
    ("", "--flops", "--columns"): "--columns names flops if it wants them",
    ("", "--device", ""): "the CPU is the only device that is accepted",
    ("table", "--convention", "--pivot"): "a convention counts MACs and parameters, not bytes",
    ("layers", "--classes", "--memory"): "the largest tensor is not the classifier's",
    ("diff", "--allow-different-machine", ""): "both runs are of this machine",
    ("compare", "--fp32", ""): "the default",
    ("compare", "--precision", "--int8"): "both say the same",
    ("compare", "--int8", "--precision"): "both say the same",
    ("pick", "--max-macs", ""): "a limit that keeps nothing out changes nothing",
    ("pick", "--max-params", ""): "a limit that keeps nothing out changes nothing",
    ("pick", "--max-size", ""): "a limit that keeps nothing out changes nothing",
    ("pick", "--top", ""): "fewer than so many fit",
}
SLOW = ("bench", "compare", "plot", "verify", "export", "pick", "check", "report")


class Left(NamedTuple):
    """What a call leaves behind."""

    status: int
    printed: str
    files: dict[str, str]


Try = Callable[..., Left]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two runs, one of them of pairs of layers, a budget and an architecture."""
    pytest.importorskip("scipy")
    folder = tmp_path_factory.mktemp("options")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        instead_of_processes(patch)
        small = "--arch v2 --alpha 0.35,0.5,0.75 --resolution 96 --runtime fake --max-time 2s"
        for line in (
            f"bench {small} --by layer -o run.json",
            f"bench {small} --seed 1 -o other.json",
            "compare --arch v1 --bench --runtime fake --max-time 2s --save pairs.json",
        ):
            assert in_process(line.split()).status == 0
    (folder / "budgets.toml").write_text(BUDGET)
    (folder / "tiny.toml").write_text(TINY.read_text())
    return folder


@pytest.fixture
def attempt(
    prepared: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Try:
    """Return what runs a command in a copy of the prepared directory."""
    instead_of_processes(monkeypatch)
    inputs = {path.name: path.read_bytes() for path in prepared.iterdir()}
    folder = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(folder)

    def attempt(words: list[str]) -> Left:
        for path in folder.iterdir():
            path.unlink()
        for name, content in inputs.items():
            (folder / name).write_bytes(content)
        status, out, err = in_process(words)
        files = {
            path.name: _same(path)
            for path in sorted(folder.iterdir())
            if inputs.get(path.name) != path.read_bytes()
        }
        return Left(status, _without_changing(out + err), files)

    return attempt


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n.split()[0] in SLOW else []) for n in BASES],
)
def test_no_option_is_ignored(name: str, attempt: Try) -> None:
    base = BASES[name].split()
    first = attempt(base)
    assert first.status == (1 if name == "check" else 0), first
    assert attempt(base) == first
    options = _options(name)
    alone = {option: attempt([*base, *words]) for option, words in options.items()}
    ignored = [
        (name, option, "") for option, left in alone.items() if left == first and left.status != 2
    ]
    for one, other in itertools.combinations(options, 2):
        left = attempt([*base, *options[one], *options[other]])
        assert left.status in (0, 1, 2, 3), (name, one, other, left)
        if left.status != 2:
            ignored += [(name, one, other)] if left == alone[other] else []
            ignored += [(name, other, one)] if left == alone[one] else []
    unexplained = [" ".join(case) for case in ignored if not _reason(case)]
    assert not unexplained, "\n" + "\n".join(unexplained)


def test_every_reason_is_needed() -> None:
    """Of an option that no command has any more, no reason is left."""
    assert {name.split()[0] for name in BASES} == set(COMMANDS)
    known = {option for name in BASES for option in _options(name)}
    assert {option for _, one, other in REASONS for option in (one, other) if option} <= known


def _options(name: str) -> dict[str, list[str]]:
    """Return each option of a command with a value for it."""
    called = name.split()[0]
    command = typer.main.get_command(_app([called])).commands[called]  # type: ignore[attr-defined]
    words = {}
    for parameter in command.params:
        option = parameter.opts[0]
        value = (
            VALUES.get(f"{name} {option}") or VALUES.get(f"{called} {option}") or VALUES.get(option)
        )
        if parameter.param_type_name != "option" or option in name:
            continue
        if getattr(parameter, "is_flag", False):
            words[option] = [value or option]
        else:
            words[option] = [option, str(value)]
    return words


def _reason(case: tuple[str, str, str]) -> str | None:
    name, option, beside = case
    for key in itertools.product((name, name.split()[0], ""), (option,), (beside, "")):
        if key in REASONS:
            return REASONS[key]
    return None


def _same(path: Path) -> str:
    """Return what a file says, without what changes from run to run."""
    text = path.read_bytes().decode("utf-8", "replace")
    if path.suffix == ".json" and '"kind":"mncost run"' in text:
        document = json.loads(text)
        for name in ("started", "machine", "conditions"):
            document.pop(name, None)
        text = json.dumps(document)
    return _without_changing(text)


def _without_changing(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.+Z-]+|pytest-\d+", "", text)
