"""A run as a file: JSON with the version of its shape, checked when it is read."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mncost.errors import RunFileError, one_line
from mncost.measure.bursts import Bursts, decoded, encodable, schema_of
from mncost.measure.records import Run
from mncost.render.write import write_atomically

__all__ = ["KIND", "SCHEMA_VERSION", "encode", "parse_run", "read_run", "run_schema", "write_run"]

KIND = "mncost run"
SCHEMA_VERSION = 2
_DECODER = msgspec.json.Decoder(Run, dec_hook=decoded)
_ENCODER = msgspec.json.Encoder(enc_hook=encodable)
_HINT = "a run file is what `mncost bench -o` writes"


class _Head(msgspec.Struct):
    """What says whether a JSON object is a run, and of which shape."""

    kind: object = None
    schema_version: object = None
    table: object = None


def write_run(run: Run, path: Path) -> None:
    """Write a run; whoever reads the file sees the old content or the new one, whole.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomically(path, encode(run))


def encode(run: Run) -> bytes:
    """Return a run as the text of its file."""
    return _ENCODER.encode(run) + b"\n"


def read_run(path: Path) -> Run:
    """Read a run; ``-`` is standard input.

    Raises:
        RunFileError: it cannot be read, or is no run of this schema version.
    """
    if str(path) == "-":
        return parse_run(sys.stdin.buffer.read(), "standard input")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a name that no file can have
        raise RunFileError(f"{str(path)!r}: cannot be read: {error}") from None
    return parse_run(data, str(path))


def parse_run(data: bytes, origin: str) -> Run:
    """Check the text of a run file; ``origin`` names it in messages.

    Raises:
        RunFileError: it is empty, not JSON, no run, of another schema version, or inconsistent.
    """
    if not data.strip():
        raise RunFileError(f"{origin}: empty: {_HINT}")
    _check_head(data, origin)
    try:
        run = _DECODER.decode(data)
    except msgspec.ValidationError as error:
        raise RunFileError(f"{origin}: {one_line(_placed(str(error)))}") from None
    for problem in _inconsistencies(run):
        raise RunFileError(f"{origin}: {problem}")
    return run


def run_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of a run file, as text."""
    schema = msgspec.json.schema(Run, schema_hook=schema_of)
    run = schema["$defs"]["Run"]
    run["required"] = ["kind", "schema_version", *run["required"]]  # what _check_head looks at
    return (
        json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema},
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )


def _check_head(data: bytes, origin: str) -> None:
    """Refuse what is not JSON, what is no run, and what has another shape."""
    try:
        try:
            head = msgspec.json.decode(data, type=_Head)
        except msgspec.ValidationError:
            msgspec.json.decode(data)  # "[[" of a TOML file begins like a list
            raise RunFileError(f"{origin}: JSON, but no run: {_HINT}") from None
    except msgspec.DecodeError as error:
        found = re.search(r"\(byte (\d+)\)", str(error))
        byte = int(found[1]) if found else len(data)
        raise RunFileError(f"{origin}: truncated or not JSON at byte {byte:,}") from None
    except (RecursionError, UnicodeDecodeError):
        raise RunFileError(f"{origin}: not JSON that can be read: {_HINT}") from None
    if head.kind != KIND:
        what = "a table that mncost printed" if head.table is not None else "JSON, but no run"
        raise RunFileError(f"{origin}: {what}: {_HINT}")
    if head.schema_version != SCHEMA_VERSION:
        version = one_line(str(head.schema_version))[:20]
        hint = "measure it again" if version == "1" else "a newer mncost wrote it"
        raise RunFileError(
            f"{origin}: a run of schema version {version}; accepted: {SCHEMA_VERSION}: {hint}"
        )


def _placed(message: str) -> str:
    """Say the place first, then msgspec's words: ``cells[0].id: expected ...``."""
    what, _, place = message.partition(" - at `$")
    place = place.strip(".`")
    return f"{place}: {what[0].lower()}{what[1:]}" if place else what


def _inconsistencies(run: Run) -> Iterator[str]:
    """Yield what no single value can know."""
    for position, cell in enumerate(run.cells):
        if cell.id != position:
            yield f"cells[{position}].id: {cell.id}, and should be its position"
    for place, cell_id in _references(run):
        if cell_id >= len(run.cells):
            yield f"{place}: there is no cell {cell_id}; the file has {len(run.cells)}"
        if cell.digest not in run.models:
            yield f"cells[{position}].digest: there is no model {one_line(cell.digest)}"
        if cell.baseline_of is not None and cell.baseline_of >= len(run.cells):
            yield f"cells[{position}].baseline_of: there is no cell {cell.baseline_of}"
    for p, process in enumerate(run.processes):
        for name in ("first_runs", "bursts"):
            yield from _of_samples(f"processes[{p}].{name}", getattr(process, name))
    for n, profile in enumerate(run.profiles):
        runs = len(profile.profiled_ns)
        for m, layer in enumerate(profile.layers):
            if len(layer.ns) != runs:
                yield f"profiles[{n}].layers[{m}].ns: {len(layer.ns)} times of {runs} runs"


def _references(run: Run) -> Iterator[tuple[str, int]]:
    """Yield every mention of a cell, with its place."""
    for p, process in enumerate(run.processes):
        yield from _of_bursts(f"processes[{p}].first_runs", process.first_runs)
        yield from _of_bursts(f"processes[{p}].bursts", process.bursts)
    for n, left in enumerate(run.left_out):
        yield f"left_out[{n}].cell", left.cell
    for n, pair in enumerate(run.pairs):
        yield from ((f"pairs[{n}].counts", cell) for cell in pair.counts)
        for place, cells in enumerate(pair.cells):
            for name in cells.__struct_fields__:
                yield f"pairs[{n}].cells[{place}].{name}", getattr(cells, name)
    for n, peak in enumerate(run.memory):
        yield f"memory[{n}].cell", peak.cell
    for f, file in enumerate(run.files):
        for c, cell in enumerate(file.cells):
            yield f"files[{f}].cells[{c}]", cell
    for p, profile in enumerate(run.profiles):
        yield f"profiles[{p}].cell", profile.cell
    for f, failure in enumerate(run.failures):
        yield f"failures[{f}].cell", failure.cell


def _of_samples(place: str, records: Sequence[Bursts]) -> Iterator[str]:
    """Yield what is wrong with the samples of one process."""
    for b, bursts in enumerate(records):
        yield from (f"{place}[{b}].{problem}" for problem in bursts.problems())
    cells = [bursts.cell for bursts in records]
    if len(set(cells)) < len(cells):
        yield f"{place}: a cell stands there twice"


def _of_bursts(place: str, bursts: Sequence[Bursts]) -> Iterator[tuple[str, int]]:
    for b, burst in enumerate(bursts):
        if burst.cell is not None:
            yield f"{place}[{b}].cell", burst.cell
