"""Run files: what is written is read again, the schema fits, and everything else is one line."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

import mncost.measure
from mncost.errors import RunFileError
from mncost.measure.bursts import Burst, Bursts, Counts
from mncost.measure.records import (
    Agreement,
    Commit,
    Failure,
    LayerShare,
    ModelFile,
    Profile,
    Run,
)
from mncost.measure.run_file import encode, parse_run, read_run, run_schema, write_run
from tests.measure.synthetic import cell, simulated

SCHEMA_FILE = Path(mncost.measure.__file__).with_name("run.schema.json")


def full_run() -> Run:
    """Return a run with something in each of its lists."""
    cells = [cell(0), cell(1, twin="standard"), cell(2, precision="int8", python="π")]
    run = simulated({None: 1e6, 0: 9e6, 1: 5e7}, cells, processes=2, rounds=3)
    run.processes[0].first_runs = run.processes[0].bursts[:2]
    run.asked = {"arch": "v2"}
    run.git = Commit(id="0" * 40, dirty=True)
    agreement = Agreement(images=8, same_top1=8, error=0.04)
    run.files = [ModelFile(cells=[0, 1], bytes=14, seconds=0.5, agreement=agreement)]
    layers = [LayerShare(layer="conv1", kind="conv", macs=10, kernels=["Conv"], ns=Counts([3]))]
    run.profiles = [
        Profile(cell=0, generation=0, profiled_ns=[9], plain_ns=[8], layers=layers),
    ]
    run.failures = [Failure(cell=2, generation=0, reason="out of memory")]
    run.notes = ["a note"]
    return run


def message(data: bytes) -> str:
    """Return the message with which a file is refused: one printable line that names it."""
    with pytest.raises(RunFileError) as caught:
        parse_run(data, "run.json")
    found = str(caught.value)
    assert found.startswith("run.json: ")
    assert found.isprintable()
    assert len(found) < 300
    return found


def changed(change: Callable[[Any], object]) -> bytes:
    """Return a good file with one change, as JSON."""
    document = json.loads(encode(full_run()))
    change(document)
    return json.dumps(document).encode()


def test_a_run_is_read_as_it_was_written(here: Path) -> None:
    run = full_run()
    write_run(run, here / "run.json")
    assert read_run(here / "run.json") == run


def test_a_run_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    run = full_run()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(encode(run))))
    assert read_run(Path("-")) == run


def test_the_schema_fits_what_is_written() -> None:
    schema = json.loads(run_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(json.loads(encode(full_run())))
    validator.validate(json.loads(encode(simulated({}, [], processes=0))))


WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "no kind": (lambda d: d.pop("kind"), "no run: a run file is what `mncost bench -o` writes"),
    "another kind": (lambda d: d.update(kind="pyperf"), "no run"),
    "no version": (lambda d: d.pop("schema_version"), "schema version None; accepted: 2"),
    "older version": (
        lambda d: d.update(schema_version=1), "schema version 1; accepted: 2: measure it again"
    ),
    "newer version": (
        lambda d: d.update(schema_version=3), "schema version 3; accepted: 2: a newer mncost"
    ),
    "no cells": (lambda d: d.pop("cells"), "missing required field `cells`"),
    "text for a number": (
        lambda d: d["processes"][0]["bursts"][1]["ns"].__setitem__(0, "12"),
        "processes[0].bursts[1].ns: expected a list of whole numbers from 0"
    ),
    "negative time": (
        lambda d: d["processes"][1]["bursts"][0]["ns"].__setitem__(2, -1),
        "processes[1].bursts[0].ns: expected a list of whole numbers from 0",
    ),
    "batch 0": (
        lambda d: d["cells"][1]["place"].update(batch=0),
        "cells[1].place.batch: expected `int` >= 1"
    ),
    "no runs": (
        lambda d: d["processes"][0]["bursts"][0].update(runs=0),
        "processes[0].bursts[0].runs: expected `int` >= 1",
    ),
    "unknown end": (lambda d: d.update(stopped="later"), "stopped: invalid enum value 'later'"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_the_types_refuse_the_schema_refuses(name: str) -> None:
    change, words = WRONG[name]
    data = changed(change)
    assert words in message(data)
    validator = jsonschema.Draft202012Validator(json.loads(run_schema()))
    assert not validator.is_valid(json.loads(data))


INCONSISTENT: dict[str, tuple[Callable[[Any], object], str]] = {
    "id": (lambda d: d["cells"][1].update(id=0), "cells[1].id: 0, and should be its position"),
    "burst": (
        lambda d: d["processes"][1]["bursts"][2].update(cell=3),
        "processes[1].bursts[2].cell: there is no cell 3; the file has 3",
    ),
    "first run": (
        lambda d: d["processes"][0]["first_runs"][1].update(cell=9),
        "processes[0].first_runs[1].cell: there is no cell 9",
    ),
    "cpu time": (
        lambda d: d["processes"][1]["bursts"][0].update(cpu_ns=[1, 2, 3]),
        "processes[1].bursts[0].cpu_ns: 3 values; 3 visits need 15",
    ),
    "file": (
        lambda d: d["files"][0]["cells"].append(7),
        "files[0].cells[2]: there is no cell 7",
    ),
    "profile": (lambda d: d["profiles"][0].update(cell=5), "profiles[0].cell: there is no cell 5"),
    "failure": (lambda d: d["failures"][0].update(cell=5), "failures[0].cell: there is no cell 5"),
}


def damaged(old: bytes, new: bytes) -> bytes:
    """Return a good file in which some bytes are others."""
    data = encode(full_run())
    assert old in data
    return data.replace(old, new, 1)


DAMAGED = {
    "invalid UTF-8": (damaged(b'"a note"', b'"a \xff\xfe note"'), "a text in it is not UTF-8"),
    "a huge time": (damaged(b'"ns":[', b'"ns":[1' + b"0" * 400 + b","), "ns: expected a list of"),
    "infinity": (damaged(b'"seconds":60.0', b'"seconds":1e999'), "seconds"),
    "no profiled time": (changed(lambda d: d["profiles"][0].update(profiled_ns=[])), "profiles[0]"),
    "zero profiled time": (
        changed(lambda d: d["profiles"][0].update(profiled_ns=[0])),
        "profiles[0]",
    ),
    "no plain time": (changed(lambda d: d["profiles"][0].update(plain_ns=[])), "profiles[0]"),
    "short profile": (
        changed(lambda d: d["profiles"][0]["layers"][0].update(ns=[])),
        "profiles[0].layers[0].ns: 0 times of 1 runs",
    ),
    "no model": (changed(lambda d: d["models"].clear()), "cells[0].digest: there is no model 0000"),
    "no operators": (
        changed(lambda d: d["models"]["0" * 16]["graph"].update(nodes=[], outputs=[])),
        "models[0000000000000000]: it has no operators",
    ),
    "a loop": (
        changed(lambda d: d["models"]["0" * 16]["graph"]["nodes"][0].update(inputs=[0])),
        "models[0000000000000000]: an operator reads one that does not come before it",
    ),
    "too little": (
        changed(lambda d: d["models"]["0" * 16].update(inputs={"other": [3, 8, 8]})),
        "models[0000000000000000]: ",
    ),
    "an operator that reads nothing": (
        changed(
            lambda d: d["models"]["0" * 16]["graph"]["nodes"][0].update(
                op={"type": "Dropout", "rate": 0.1}
            ),
        ),
        "models[0000000000000000]: an operator reads nothing",
    ),
    "layers that another process has not": (
        changed(
            lambda d: d["profiles"].append({**d["profiles"][0], "layers": []}),
        ),
        "profiles[1].layers: 0, and ",
    ),
    "threads beyond all bounds": (
        changed(lambda d: d["processes"][0]["worker"].update(threads=10**400)),
        "processes[0].worker.threads: at most",
    ),
    "a cell twice": (
        changed(lambda d: d["processes"][0]["bursts"][2].update(cell=0)),
        "processes[0].bursts: a cell stands there twice",
    ),
    "baseline": (
        changed(lambda d: d["cells"][1].update(baseline_of=7)),
        "cells[1].baseline_of: there is no cell 7",
    ),
    "zero plain time": (changed(lambda d: d["profiles"][0].update(plain_ns=[0])), "profiles[0]"),
    "0 MACs with a twin": (
        changed(lambda d: d["cells"][0].update(macs=0)),
        "cells[0]: it has a twin, and no MACs or no parameters",
    ),
    "a twin without parameters": (
        changed(lambda d: d["cells"][1].update(params=0)),
        "cells[1]: it has a twin, and no MACs or no parameters",
    ),
    "layers with MACs of a cell without": (
        changed(
            lambda d: (d["cells"][2].update(macs=0), d["profiles"][0].update(cell=2)),
        ),
        "profiles[0]: its layers have MACs, and cells[2] has none",
    ),
    "one round twice": (
        changed(lambda d: d["processes"][0]["bursts"][0].update(rounds=[0, 1, 1])),
        "processes[0].bursts[0].rounds: not one after the other",
    ),
    "before the run": (
        changed(lambda d: d["processes"][0]["bursts"][0].update(at=[-1.0, 1.0, 2.0])),
        "processes[0].bursts[0].at: accepted are seconds from 0",
    ),
    "a huge batch": (
        changed(lambda d: d["cells"][0]["place"].update(batch=10**15)),
        "cells[0].place.batch: at most 4096 is accepted",
    ),
    "memory beyond all measure": (
        changed(lambda d: d["machine"].update(memory_bytes=10**400)),
        "machine.memory_bytes: expected `int` <=",
    ),
    "a visit less": (
        changed(lambda d: d["processes"][0]["bursts"][0]["at"].pop()),
        "processes[0].bursts[0].at: 2 values; 3 visits need 3",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_in_one_line(name: str) -> None:
    data, words = DAMAGED[name]
    assert words in message(data)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
@pytest.mark.parametrize("device", ["zero", "full"])
def test_a_device_without_an_end_is_no_run(device: str) -> None:
    with pytest.raises(RunFileError, match="truncated or not JSON at byte 0"):
        read_run(Path("/dev", device))


def test_a_pipe_without_an_end_is_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mncost.measure.run_file.MAX_BYTES", 5 << 20)
    given = iter([b"{" + b" " * (1 << 20)] * 100)
    stream = SimpleNamespace(buffer=SimpleNamespace(read=lambda size: next(given)))
    monkeypatch.setattr(sys, "stdin", stream)
    with pytest.raises(RunFileError, match="standard input: more than 5 MiB"):
        read_run(Path("-"))
    assert len(list(given)) > 90


@pytest.mark.parametrize("name", INCONSISTENT)
def test_references_are_checked(name: str) -> None:
    change, words = INCONSISTENT[name]
    assert words in message(changed(change))


OTHER_FILES = {
    b"": "empty",
    b" \n": "empty",
    b"hello": "truncated or not JSON at byte 0",
    b"PK\x03\x04": "truncated or not JSON at byte 0",
    b"\xff\xfe{": "truncated or not JSON at byte 0",
    b'{"kind": "mncost run", x}': "truncated or not JSON at byte 23",
    b"[1, 2]": "JSON, but no run",
    b"[[budget]]": "truncated or not JSON at byte 2",
    b"null": "JSON, but no run",
    b"{}": "JSON, but no run",
    b'{"benchmarks": [], "version": "1.0"}': "JSON, but no run",
    b'{"schema_version": 1, "table": "bench", "rows": []}': "a table that mncost printed",
    b'{"kind": "mncost run", "schema_version": "\\u001b[31m' + b"9" * 5000 + b'"}': "accepted: 2",
    b'{"kind": "mncost run", "schema_version": "1"}': "schema version 1; accepted: 2",
    b'{"kind": "mncost run", "schema_version": 3}': "accepted: 2: a newer mncost wrote it",
    b'{"kind": "mncost run"}': "accepted: 2: a run file is what",
    b'{"a": ' + b"[" * 100_000: "not JSON",
}


@pytest.mark.parametrize("data", OTHER_FILES, ids=range(len(OTHER_FILES)))
def test_other_files_are_refused_in_one_line(data: bytes) -> None:
    assert OTHER_FILES[data] in message(data)


def test_a_file_that_was_cut_anywhere_is_refused() -> None:
    data = encode(full_run()).strip()
    for end in range(1, len(data), 97):
        assert f"truncated or not JSON at byte {end:,}" in message(data[:end])


def test_files_that_cannot_be_read(here: Path) -> None:
    (here / "directory").mkdir()
    reasons = {"none.json": "No such file", "directory": "Is a directory", "a\0b": "null byte"}
    for name, reason in reasons.items():
        with pytest.raises(RunFileError, match=rf"cannot be read: .*{reason}") as caught:
            read_run(Path(name))
        assert str(caught.value).isprintable()


def test_the_shipped_schema_is_up_to_date() -> None:
    """If not: python -c "from mncost.measure.run_file import *; print(run_schema(), end='')"."""
    assert SCHEMA_FILE.read_text("utf-8") == run_schema()


def test_a_column_with_a_gap_is_dropped() -> None:
    """A counter that a system had for a while says nothing of the whole process."""
    bursts = Bursts(cell=0, warmups=0, runs=2)
    for number, (stolen, cpu) in enumerate([(5, [3, 4]), (None, [3, 4]), (7, [])]):
        bursts.append(Burst(number, 0, 0.5, [], [8, 9], cpu_ns=cpu, stolen_us=stolen, faults=1))
    assert list(bursts.problems()) == []
    assert (list(bursts.stolen_us), list(bursts.cpu_ns)) == ([], [])
    assert list(bursts.faults) == [1, 1, 1]
    assert [list(burst.ns) for burst in bursts] == [[8, 9]] * 3
