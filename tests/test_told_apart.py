"""Networks of one name from different files, or made by different programs: their words differ."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import mncost
from mncost.titles import told_apart
from tests.measure.scripted import instead_of_processes
from tests.running import Result

Cli = Callable[..., Result]


@pytest.fixture
def exported(here: Path, run_cli: Cli) -> None:
    """Write two files that both say that their network is called v2: at α 0.46 and at α 0.75."""
    Path("nets").mkdir()
    for alpha, name in ((0.46, "small.toml"), (0.75, "nets/small.toml")):
        assert run_cli(["export", "v2", "--alpha", str(alpha), "-o", name]).status == 0


@pytest.mark.usefixtures("exported")
def test_the_file_becomes_part_of_the_name() -> None:
    assert [network.arch for network in mncost.grid("v2,small.toml")] == ["v2", "v2 (small.toml)"]
    both = mncost.grid("small.toml,nets/small.toml")
    assert [network.arch for network in both] == ["v2 (small.toml)", "v2 (nets/small.toml)"]
    assert [network.arch for network in mncost.grid("v1,small.toml")] == ["v1", "v2"]


@pytest.mark.usefixtures("exported")
def test_sentences_and_twins_of_a_run_keep_them_apart(
    run_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script takes 25 ps a MAC, so each speed-up is known from the counts."""
    pytest.importorskip("scipy")
    instead_of_processes(monkeypatch)
    result = run_cli(["bench", "v2,small.toml", "--runtime", "fake", "--save", "run.json"])
    assert result.status == 0
    assert re.search(r"^v2 \(small\.toml\) is .* times as fast as v2$", result.out, re.MULTILINE)
    rows = mncost.grid("v2,small.toml")
    show = run_cli(["show", "run.json", "--format", "csv", "--columns", "arch,twin,macs_ratio"])
    ratios = [line.split(",") for line in show.out.splitlines()[1:]]
    said = {arch: float(ratio) for arch, twin, ratio in ratios if not twin}
    assert said == pytest.approx({one.arch: one.standard.macs / one.macs for one in rows})


@pytest.mark.usefixtures("exported")
def test_networks_in_hand_are_named_after_their_files_or_numbered() -> None:
    networks = [mncost.load(name) for name in ("v2", "small.toml", "nets/small.toml")]
    compared = mncost.compare(networks).networks
    assert [one.arch for one in compared] == ["v2", "v2 (small.toml)", "v2 (nets/small.toml)"]
    assert [one.arch for one in networks] == ["v2"] * 3, "those in hand stay as they are"
    torch = pytest.importorskip("torch")
    narrow, wide = (
        mncost.from_torch(torch.nn.Conv2d(3, width, 3), (1, 3, 8, 8)) for width in (8, 16)
    )
    kept = told_apart([narrow, wide, narrow])
    assert [one.arch for one in kept] == ["Conv2d", "Conv2d (2)", "Conv2d"]
