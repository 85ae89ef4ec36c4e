"""A run as a file: JSON with the version of its shape, checked when it is read."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from mncost.errors import RunFileError, one_line
from mncost.measure.bursts import decoded, encodable, schema_of
from mncost.measure.consistency import problems
from mncost.measure.records import Run
from mncost.render.write import write_atomically

__all__ = ["KIND", "SCHEMA_VERSION", "encode", "parse_run", "read_run", "run_schema", "write_run"]

KIND = "mncost run"
SCHEMA_VERSION = 2
MAX_BYTES = 1 << 30
_CHUNK = 1 << 20
_ENCODER = msgspec.json.Encoder(enc_hook=encodable)
_HINT = "a run file is what `mncost bench -o` writes"


class _File(Run, kw_only=True):
    """A run in a file has to say that it is one, and of which shape."""

    kind: Literal["mncost run"]
    schema_version: Literal[2]


_DECODER = msgspec.json.Decoder(_File, dec_hook=decoded)


class _Head(msgspec.Struct):
    """What says whether a JSON object is a run, and of which shape."""

    kind: object = None
    schema_version: object = None
    table: object = None


def write_run(run: Run, path: Path) -> None:
    """Write a run; at any moment the file has its old content or its new one, whole.

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
        return parse_run(_read(sys.stdin.buffer, "standard input"), "standard input")
    try:
        with path.open("rb") as stream:
            data = _read(stream, str(path))
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a name that no file can have
        raise RunFileError(f"{str(path)!r}: cannot be read: {error}") from None
    return parse_run(data, str(path))


def _read(stream: BinaryIO, origin: str) -> bytearray:
    """Read a file that may be a device or a pipe without an end.

    Raises:
        RunFileError: it is no JSON from its first bytes on, or too long.
    """
    data = bytearray(stream.read(_CHUNK))
    if (text := data.lstrip()) and not text.startswith(b"{"):
        _check_head(data, origin)
    while more := stream.read(_CHUNK):
        data += more
        if len(data) > MAX_BYTES:
            raise RunFileError(f"{origin}: more than {MAX_BYTES >> 20} MiB: no run is that large")
    return data


def parse_run(data: bytes | bytearray, origin: str) -> Run:
    """Check the text of a run file; ``origin`` names it in messages.

    Raises:
        RunFileError: it is empty, not JSON, no run, of another schema version, or inconsistent.
    """
    if not data or data.isspace():
        raise RunFileError(f"{origin}: empty: {_HINT}")
    try:
        read = _DECODER.decode(data)
    except UnicodeDecodeError:
        raise RunFileError(f"{origin}: a text in it is not UTF-8") from None
    except (msgspec.MsgspecError, RecursionError) as error:
        _check_head(data, origin)
        raise RunFileError(f"{origin}: {one_line(_placed(str(error)))}") from None
    run = Run(**{name: getattr(read, name) for name in Run.__struct_fields__})
    for problem in problems(run):
        raise RunFileError(f"{origin}: {problem}")
    return run


def run_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of a run file, as text."""
    from mncost.spec.json_schema import schema_text

    schema = msgspec.json.schema(_File, schema_hook=schema_of)
    return schema_text(schema)


def _check_head(data: bytes | bytearray, origin: str) -> None:
    """Refuse what is not JSON, what is no run, and what has another shape."""
    try:
        try:
            head = msgspec.json.decode(data, type=_Head)
        except msgspec.ValidationError:
            msgspec.json.decode(data)  # "[[" of a TOML file begins like a list
            raise RunFileError(f"{origin}: JSON, but no run: {_HINT}") from None
    except msgspec.DecodeError as error:
        match = re.search(r"\(byte (\d+)\)", str(error))
        byte = int(match[1]) if match else len(data)
        raise RunFileError(f"{origin}: truncated or not JSON at byte {byte:,}") from None
    except (RecursionError, UnicodeDecodeError):
        raise RunFileError(f"{origin}: not JSON that can be read: {_HINT}") from None
    if head.kind != KIND:
        what = "a table that mncost printed" if head.table is not None else "JSON, but no run"
        raise RunFileError(f"{origin}: {what}: {_HINT}")
    if head.schema_version != SCHEMA_VERSION:
        version = one_line(str(head.schema_version))[:20]
        newer = "a newer mncost wrote it" if version.isdigit() else _HINT
        hint = "measure it again" if version == "1" else newer
        raise RunFileError(
            f"{origin}: a run of schema version {version}; accepted: {SCHEMA_VERSION}: {hint}"
        )


def _placed(message: str) -> str:
    """Say the place first, then msgspec's words: ``cells[0].id: expected ...``."""
    what, _, place = message.partition(" - at `$")
    place = place.strip(".`")
    return f"{place}: {what[0].lower()}{what[1:]}" if place else what
