"""Runs on several machines: one server on loopback, hosts with a lock and a cache of their own."""

from __future__ import annotations

import fcntl
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import mncost
from mncost.errors import InputError
from mncost.hosts.host import Host
from mncost.measure.run_file import read_run
from tests.hosts.sshd import Server
from tests.running import in_process

pytestmark = [pytest.mark.ssh, pytest.mark.slow]

QUICK = ("bench", "v2", "--alpha", "0.35", "--no-twin", "--runtime", "fake", "--max-time", "0.3")


SLOW = '{"macs_per_ns": 20, "overhead_ns": 40000}'  # half the speed of the usual script


def run_on(file: Path, *hosts: str, save: Path, more: tuple[str, ...] = QUICK) -> tuple[int, str]:
    """Measure, and return the status and what was printed."""
    words = [word for host in hosts for word in ("--host", host)]
    result = in_process([*more, *words, "--hosts", str(file), "--save", str(save)])
    return result.status, result.out + result.err


def test_two_hosts_and_this_machine(server: Server, tmp_path: Path) -> None:
    """The scripted runtime is twice as slow on one of them: so are its latencies."""
    file = server.hosts(
        fast="",
        slow=f"environment = {{ OWN, MNCOST_FAKE_SCRIPT = '{SLOW}' }}",
    )
    status, said = run_on(file, "fast", "slow", ".", save=tmp_path / "run.json")
    assert status == 0, said
    run = read_run(tmp_path / "run.json")
    assert [cell.place.host for cell in run.cells] == [".", "fast", "slow"]
    assert set(run.hosts) == {"fast", "slow"}
    assert {process.worker.host for process in run.processes} == {".", "fast", "slow"}
    assert {one.host for one in run.conditions} == {".", "fast", "slow"}
    rows = json.loads(in_process(["show", str(tmp_path / "run.json"), "-f", "json"]).out)["rows"]
    latency = {row["host"]: row["latency"] for row in rows}
    assert latency["slow"] / latency["fast"] == pytest.approx(2.0, rel=0.1)
    assert latency["."] == pytest.approx(latency["fast"], rel=0.1)
    assert "as fast as on slow" in said


def test_a_second_run_waits_and_says_for_whom(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = server.hosts(plain="")
    lock = server.folder / "plain" / "tmp" / "mncost.measuring"
    with lock.open("w") as held:
        held.write("alice of laptop, since 12:01\x1b[2J")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        checked = in_process(["hosts", "check", "--hosts", str(file)])
        assert "busy" in checked.out
        assert "plain: alice of laptop, since 12:01\\x1b[2J measures there now" in checked.out
        real = Host.lock

        def free_then(self: Host) -> str | None:
            holder = real(self)
            if holder is not None:
                fcntl.flock(held, fcntl.LOCK_UN)
            return holder

        monkeypatch.setattr(Host, "lock", free_then)
        status, said = run_on(file, "plain", save=tmp_path / "run.json")
    assert status == 0, said
    (note,) = [note for note in read_run(tmp_path / "run.json").notes if "waited" in note]
    assert note == "plain: waited for alice of laptop, since 12:01\\x1b[2J"


def test_a_host_is_free_for_others_once_it_has_measured(server: Server, tmp_path: Path) -> None:
    """Two names of one machine: the second waits for the first, not for the end of the run."""
    file = server.hosts(plain="")
    entry = file.read_text()
    file.write_text(entry + entry.replace("name = 'plain'", "name = 'again'"))
    status, said = run_on(file, "plain", "again", save=tmp_path / "run.json")
    assert status == 0, said
    run = read_run(tmp_path / "run.json")
    assert {process.worker.host for process in run.processes} == {"plain", "again"}


def test_a_host_that_others_keep_is_a_failure_that_people_see(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, saved = server.hosts(plain="", other=""), tmp_path / "run.json"
    monkeypatch.setattr("mncost.hosts.fleet.LOCK_SECONDS", 0.0)
    with (server.folder / "plain" / "tmp" / "mncost.measuring").open("w") as held:
        held.write("alice of laptop")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        status, said = run_on(file, "plain", "other", save=saved)
    lost = "failed: plain: alice of laptop measures there: its cells have only what was measured"
    assert status == 1
    assert lost in said
    shown = in_process(["show", str(saved)])
    assert lost in shown.out


PHASES = {
    "sending a model": ("_sent", 1),
    "starting a worker": ("launch", 1),
    "loading": ("ask", 1),
    "pilot": ("ahead", 1),
    "a round": ("ahead", 6),
    "the counters": ("_counters", 2),
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_connection_that_is_cut_costs_the_cells_of_its_host(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    method, number = PHASES[phase]
    real, calls = getattr(Host, method), 0

    def cut(self: Host, *words: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            server.cut()
        return real(self, *words)

    file, saved = server.hosts(plain=""), tmp_path / "run.json"
    with monkeypatch.context() as patch:
        patch.setattr(Host, method, cut)
        status, said = run_on(file, "plain", ".", save=saved)
    assert status == 1, said
    assert "plain: " in said
    run = read_run(saved)
    assert run.hosts["plain"].lost is not None
    assert not run.failures
    here = [process for process in run.processes if process.worker.host == "."]
    assert here
    before = len(run.processes) - len(here)
    resumed = in_process(
        ["bench", "--resume", str(saved), "--hosts", str(file), "--save", str(saved)]
    )
    assert resumed.status == 0, resumed.err
    run = read_run(saved)
    assert run.hosts["plain"].lost is None
    there = [process for process in run.processes if process.worker.host == "plain"]
    assert len(there) > before
    assert len({process.generation for process in there}) == len(there)


def patched(server: Server, name: str, code: str) -> str:
    """Return an interpreter that changes the agent before it starts."""
    script = server.folder / f"{name}.py"
    script.write_text(
        "import sys\ncode = sys.argv[2]\n"
        "marker = 'from mncost.hosts.agent import main'\n"
        f"change = 'from mncost.hosts import agent\\n' + {code!r} + '\\n'\n"
        "assert marker in code\n"
        "exec(code.replace(marker, change + marker))\n"
    )
    program = server.folder / f"{name}.sh"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    program.chmod(0o755)
    return f"python = '{program}'"


RUBBISH = {
    "negative times": "agent.Agent.do_ask = lambda s, **k: {'answer': {'ns': [-5]}, 'gained': {}}",
    "no answer": "agent.Agent.do_ask = lambda s, **k: {'answer': 3}",
    "escapes": "agent._say = lambda a, m: (a.write('\\x1b[2J rubbish\\n' if 'visit' in m else "
    "agent.json.dumps(m) + '\\n'), a.flush())",
    "no round": "agent.Agent.round = lambda s, **k: iter([{'visit': 'x'}])",
    "no counters": "agent.Agent.do_counters = lambda s: {'counters': ['x']}",
    "no line": "agent.Agent.do_start = lambda s, **k: agent.sys.exit(3)",
}


@pytest.mark.parametrize("name", RUBBISH)
def test_a_host_that_answers_rubbish(server: Server, tmp_path: Path, name: str) -> None:
    file = server.hosts(plain=patched(server, name.replace(" ", "-"), RUBBISH[name]))
    status, said = run_on(file, "plain", ".", save=tmp_path / "run.json")
    assert status == 1, said
    assert "\x1b" not in said
    run = read_run(tmp_path / "run.json")
    assert "\x1b" not in str(run.hosts["plain"].lost)
    assert str(run.hosts["plain"].lost).startswith("plain: ")
    assert any(process.worker.host == "." for process in run.processes)


def test_a_host_without_room_for_a_model(server: Server, tmp_path: Path) -> None:
    """Its shell allows no file above 100 kB, which a model is: the source is not."""
    program = server.folder / "small.sh"
    program.write_text(f'#!/bin/bash\nulimit -f 100\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    file = server.hosts(plain=f"python = '{program}'")
    real = (*QUICK[:4], "--no-twin", "--resolution", "96", "--runtime", "onnxruntime")
    more = (*real, "--max-time", "2")
    status, said = run_on(file, "plain", ".", save=tmp_path / "run.json", more=more)
    assert status == 1, said
    run = read_run(tmp_path / "run.json")
    assert "File too large" in str(run.hosts["plain"].lost)
    assert any(process.worker.host == "." for process in run.processes)
    roomy = server.hosts(plain="")
    words = ["--resume", str(tmp_path / "run.json"), "--hosts", str(roomy), "--max-time", "2"]
    assert in_process(["bench", *words]).status == 0
    run = read_run(tmp_path / "run.json")
    assert {process.worker.host for process in run.processes} == {".", "plain"}
    models = server.folder / "plain" / "cache" / "mncost" / "models"
    assert not [*models.glob(".new-*")]
    assert any(models.glob("*/model.onnx")), [*models.rglob("*")]


def test_python_takes_hosts_too(server: Server) -> None:
    file = server.hosts(plain="label = 'the plain one'")
    results = mncost.bench(
        "v2", alpha=0.35, twin=False, runtime="fake", max_time=2, host="plain", hosts=file
    )
    assert results.run.hosts["plain"].label == "the plain one"
    assert [cell.place.host for cell in results.run.cells] == ["plain"]
    with pytest.raises(InputError, match="--hosts needs --host"):
        mncost.bench("v2", hosts=file)


def test_pick_calibrate_and_predict_on_a_host(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile is that of the machine: it serves it under another name too."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    noiseless = 'MNCOST_FAKE_SCRIPT = \'{"process": 0.001, "noise": 0.001}\''
    file = str(
        server.hosts(**dict.fromkeys(("one", "two"), f"environment = {{ OWN, {noiseless} }}"))
    )
    there = ["--runtime", "fake", "--hosts", file]
    limit = ["--max-latency", "1.6ms", "--max-time", "30", "--top", "1", "--format", "json"]
    picked = in_process(["pick", "v2", *limit, *there, "--host", "one"])
    assert picked.status == 0, picked.out
    (row,) = json.loads(picked.out)["rows"]
    # The script: 20 µs, and 40 MACs in a nanosecond.
    assert row["latency"] == pytest.approx(20e-6 + row["macs"] / 40e9, rel=0.02)
    without = in_process(["predict", "v2", *there, "--host", "one"])
    assert without.status == 2
    assert "mncost calibrate --runtime fake --host one makes one" in without.err
    made = in_process(["calibrate", "v2", "--max-time", "5", *there, "--host", "one"])
    assert made.status == 0, made.err
    assert "next: mncost predict v2 --runtime fake --host one" in made.err
    words = ["predict", "v2", "--alpha", "0.5", "--resolution", "224", "--format", "json"]
    predicted = in_process([*words, *there, "--host", "two"])
    assert predicted.status == 0, predicted.err
    (row,) = json.loads(predicted.out)["rows"]
    assert row["latency"] == pytest.approx(20e-6 + row["macs"] / 40e9, rel=0.1)
    assert in_process(["pick", "v2", "--host", "one", "--hosts", file]).status == 2


def test_a_budget_of_another_machine(server: Server, tmp_path: Path) -> None:
    """The script: V2 α 0.35 takes 1.5 ms, and twice as long on the slow host."""
    quiet = '"process": 0.001, "noise": 0.001'
    script = f"MNCOST_FAKE_SCRIPT = '{SLOW[:-1]}, {quiet}}}'"
    file = server.hosts(slow=f"environment = {{ OWN, {script} }}", plain="")
    budgets = tmp_path / "budgets.toml"
    one = (
        '[[budget]]\nmodel = {{ arch = "v2", alpha = 0.35 }}\nruntime = "fake"\n'
        'latency = {{ p50 = "{}" }}\n{}\n'
    )
    budgets.write_text(
        one.format("2ms", "host = 'slow'")
        + one.format("5ms", "host = 'plain'")
        # Another limit of this machine, beside them.
        + one.format("4ms", "")
    )
    words = ["check", str(budgets), "--hosts", str(file), "--max-time", "20s", "--format", "json"]
    result = in_process(words)
    assert result.status == 1, result.out + result.err
    verdicts = {row["budget"]: row["verdict"] for row in json.loads(result.out)["rows"]}
    assert verdicts == {1: "FAIL", 2: "PASS", 3: "PASS"}
    unknown = tmp_path / "unknown.toml"
    unknown.write_text(one.format("2ms", "host = 'slwo'"))
    result = in_process(["check", str(unknown), "--hosts", str(file)])
    assert result.status == 2
    assert "unknown host 'slwo' (did you mean 'slow'?)" in result.err
    unknown.write_text(one.format("2ms", ""))
    result = in_process(["check", str(unknown), "--hosts", str(file)])
    assert (result.status, "no budget names a host" in result.err) == (2, True)


def test_networks_and_twins_on_a_host_and_their_pictures(server: Server, tmp_path: Path) -> None:
    """The script has no time but for MACs, beside 20 µs: a twin's speed-up follows from it."""
    noiseless = 'MNCOST_FAKE_SCRIPT = \'{"process": 0.001, "noise": 0.001}\''
    own = f"environment = {{ OWN, {noiseless} }}"
    file, save = str(server.hosts(one=own, two=own)), tmp_path / "run.json"
    there = ["--runtime", "fake", "--hosts", file]
    words = ["compare", "v1", "--bench", "--no-layers", "--no-memory", "--max-time", "3"]
    on_both = ["--host", "one", "--host", "two", "--save", str(save), "--format", "json"]
    compared = in_process([*words, *there, *on_both])
    assert compared.status == 0, compared.err
    rows = json.loads(compared.out)["rows"]
    assert [row["host"] for row in rows] == ["one", "two"]
    for row in rows:
        expected = (20e-6 + row["macs"] * row["macs_ratio"] / 40e9) / row["latency"]
        assert row["speedup"] == pytest.approx(expected, rel=0.02)
    drawn = ["plot", "--x", "macs", "--y", "latency", "-o", str(tmp_path / "picture.svg")]
    measured = ["v1", "v2", "v3-large", "--host", "two", "--max-time", "3"]
    picture = in_process([*drawn, *measured, *there])
    assert picture.status == 0, picture.err
    assert "on two" in (tmp_path / "picture.svg").read_text()
    both = in_process([*drawn, str(save)])
    assert (both.status, "--host choose one" in both.err) == (2, True)
    report = in_process(["report", str(save), "-o", str(tmp_path / "report.html")])
    assert report.status == 0, report.err
    assert ">two<" in (tmp_path / "report.html").read_text()


def test_every_host_that_cannot_be_reached_is_named(server: Server, tmp_path: Path) -> None:
    file = server.hosts(plain="", gone="python = '/no/python'", lost="python = '/none/either'")
    status, said = run_on(file, "plain", "gone", "lost", save=tmp_path / "run.json")
    assert status == 2
    assert ("gone: " in said, "lost: " in said, "plain: " in said) == (True, True, False), said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "run.json").exists()


def test_a_runtime_that_a_host_is_too_old_for_is_left_out(server: Server, tmp_path: Path) -> None:
    change = "from mncost.measure.runtimes.torch import Torch; Torch.least_python = (4, 0)"
    file = server.hosts(plain=patched(server, "too-old", change))
    words = ("bench", "v2", "--alpha", "0.35", "--resolution", "96", "--no-twin", "--max-time", "1")
    status, said = run_on(file, "plain", save=tmp_path / "run.json", more=words)
    assert status == 0, said
    run = read_run(tmp_path / "run.json")
    assert {cell.place.runtime for cell in run.cells} == {"onnxruntime"}
    assert any("left out: plain: torch needs Python 4.0" in note for note in run.notes)
    named = (*words, "--runtime", "torch")
    status, said = run_on(file, "plain", save=tmp_path / "other.json", more=named)
    assert status == 2
    assert "plain: torch needs Python 4.0" in said
