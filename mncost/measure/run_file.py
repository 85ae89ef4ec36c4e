"""A run as a file: JSON with the version of its shape, checked when it is read."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from mncost.errors import RunFileError, did_you_mean
from mncost.measure.records import Run
from mncost.report.write import write_atomically

__all__ = ["SCHEMA_VERSION", "read_run", "run_schema", "write_run"]

SCHEMA_VERSION = 1


def write_run(run: Run, path: Path) -> None:
    """Write a run; whoever reads the file sees the old content or the new one, whole.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomically(path, encode(run))


def encode(run: Run) -> bytes:
    """Return a run as the text of its file."""
    return msgspec.json.encode(run) + b"\n"


def read_run(path: Path) -> Run:
    """Read a run.

    Raises:
        RunFileError: it cannot be read, or is no run of this schema version.
    """
    raise NotImplementedError


def run_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of a run file, as text."""
    schema = msgspec.json.schema(Run)
    return json.dumps(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema},
        indent=2,
        ensure_ascii=False,
    ) + "\n"
