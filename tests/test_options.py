"""No option is accepted and ignored: every pair of options of the commands that are quick.

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

from mncost.cli.main import COMMANDS
from tests.measure.scripted import instead_of_processes
from tests.options import BASES, options_of
from tests.running import in_process, use_state

# What changes nothing, and why: (command or "", option, beside or "").
REASONS: dict[tuple[str, str, str], str] = {
    ("", "--percentiles", "--columns"): "--columns names those that it wants",
    ("", "--flops", "--columns"): "--columns names flops if it wants them",
    ("", "--strict", ""): "the count of an architecture is never partial",
    ("", "--device", ""): "the CPU is the only device that is accepted",
    ("table", "--hints", ""): "no width of V3-Large leaves the fast layout",
    ("table", "--convention", "--pivot"): "a convention counts MACs and parameters, not bytes",
    ("layers", "--classes", "--memory"): "the largest tensor is not the classifier's",
    ("table", "--in-channels", "--pivot"): "the stem's weights are less than a digit that is shown",
    ("layers", "--in-channels", "--memory"): "the largest tensor is not the image",
    ("table", "--in-place", ""): "the peak is 16 + 64 channels at 112 × 112 either way",
    ("layers", "--in-place", ""): "the peak is 16 + 64 channels at 112 × 112 either way",
    ("diff", "--allow-different-machine", ""): "both runs are of this machine",
    ("check", "--exact-only", "--update"): "the limit on latency is left as it is",
    ("check", "--clock", "--update"): "the limit on latency is left as it is",
    ("check", "--max-time", "--update"): "the limit on latency is left as it is",
    ("check", "--inconclusive", "--exact-only"): "the limit that is inconclusive is left out",
    ("check", "--github", "--exact-only"): "all limits that are left hold",
    ("compare", "--in-place", ""): "the peak is 16 + 64 channels at 112 × 112 either way",
    ("compare", "--classes", "--layers"): "the classifier is in no pair",
    ("compare", "--in-channels", "--layers"): "the stem is in no pair",
    ("diff-models", "--classes", "--format"): "the classifier is in both and has the same shape",
    ("diff-models", "--precision", "--columns"): "--columns names no bytes",
    ("space", "--predicted", "--max-latency"): "a limit on latency predicts by itself",
    ("compare", "--fp32", ""): "the default",
    ("bench", "--processes", ""): "the time ends before so many processes have run",
    ("bench", "--twin", "--training"): "the default",
    ("bench", "--twin", "--by"): "the default",
    ("bench", "--seed", "--by"): "one network without its twin has no order",
    ("bench", "--weights", ""): "scripted runtimes are equally fast with any weights",
    ("compare --bench", "--output-stride", ""): "no stride of it is larger",
    ("compare --bench", "--processes", ""): "the time ends before so many processes have run",
    ("compare --bench", "--memory", "--columns"): "--columns names those that it wants",
    ("compare --bench", "--classes", "--columns"): "the classifier is less than a digit",
    ("compare --bench", "--layers", "--arch"): "of two networks the layers are not shown",
    ("compare --bench", "--memory", "--arch"): "of two networks the memory is not shown",
    ("predict --run", "--dialect", ""): "this V2 is the same network in both",
    ("predict --run", "--in-channels", "--columns"): "--columns names no MACs",
    ("compare --bench", "--arch", "--twin"): "of two networks the layers are not shown",
    ("predict", "--max-time", "--target-error"): "one network is measured in less",
    ("predict --run", "--max-time", "--target-error"): "one network is measured in less",
    ("predict", "--dialect", "--columns"): "--columns names no MACs",
    ("predict", "--classes", "--columns"): "--columns names no MACs",
    ("predict", "--in-channels", "--columns"): "--columns names no MACs",
    ("search", "--max-time", "--measure"): "the few networks are measured in less",
    ("compare", "--precision", "--int8"): "both say the same",
    ("compare", "--int8", "--precision"): "both say the same",
    ("pick", "--max-macs", ""): "a limit that keeps nothing out changes nothing",
    ("pick", "--max-params", ""): "a limit that keeps nothing out changes nothing",
    ("pick", "--max-size", ""): "a limit that keeps nothing out changes nothing",
    **{
        ("space", one, other): "what the other limit lets through is within this one"
        for one in ("--max-macs", "--max-params", "--max-size", "--max-memory")
        for other in (
            *("--max-macs", "--max-params", "--max-size", "--max-memory"),
            *("--max-latency", "--precision"),
        )
    },
    **{
        ("space", "--sort", limit): "what the limit leaves has one peak"
        for limit in ("--max-macs", "--max-size", "--max-memory")
    },
    ("pick", "--with-weights", "--dialect"): "torchvision publishes all of its weights",
    ("pick", "--columns", "--max-memory"): "nothing fits, so there is no table",
    ("pick", "--predicted", "--max-latency"): "no prediction is clearly above the limit",
    ("pick", "--runtime", "--max-latency"): "nothing fits, and scripted runtimes are equally fast",
    ("pick", "--top", ""): "fewer than so many fit",
}
QUICK = ("table", "layers", "explain", "list", "schema", "show", "diff", "space")
# `hosts` connects over ssh.
LONG = tuple(name for name in BASES if name not in (*QUICK, "hosts"))
STATE = "state"
KEPT = f"{STATE}/mncost/runs"  # runs without a name: they are named after the time


class Left(NamedTuple):
    """What a call leaves behind."""

    status: int
    printed: str
    files: dict[str, str]


Try = Callable[..., Left]


@pytest.fixture
def attempt(
    prepared_files: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Try:
    """Return what runs a command in a copy of the prepared directory."""
    instead_of_processes(monkeypatch)
    inputs = files_of(prepared_files)
    folder = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(folder)
    use_state(monkeypatch.setenv, folder / STATE)

    def attempt(words: list[str]) -> Left:
        now = files_of(folder)
        for name in now.keys() - inputs.keys():
            (folder / name).unlink()
        for name, content in inputs.items():
            if now.get(name) != content:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        status, out, err = in_process(words)
        files = {
            name: _same(folder / name)
            for name, content in files_of(folder).items()
            if inputs.get(name) != content and KEPT not in name
        }
        return Left(status, _without_changing(out + err), files)

    return attempt


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)]
)
def test_no_option_is_ignored(name: str, attempt: Try) -> None:
    base = BASES[name].split()
    first = attempt(base)
    assert first.status in (0, 3), first  # 3: of check, whose limit is at the latency
    assert attempt(base) == first
    options = options_of(name)
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
    known = {option for name in BASES for option in options_of(name)}
    assert {option for _, one, other in REASONS for option in (one, other) if option} <= known


def _reason(case: tuple[str, str, str]) -> str | None:
    name, option, beside = case
    for key in itertools.product((name, name.split()[0], ""), (option,), (beside, "")):
        if key in REASONS:
            return REASONS[key]
    return None


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what a folder and those in it hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _same(path: Path) -> str:
    """Return what a file says, without what changes from run to run."""
    text = path.read_bytes().decode("utf-8", "replace")
    if path.suffix == ".json" and text.startswith('{"kind":"mncost '):
        document = json.loads(text)
        for name in ("started", "machine", "conditions"):
            document.pop(name, None)
        text = json.dumps(document)
    return _without_changing(text)


def _without_changing(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.+Z-]+|pytest-\d+", "", text)
