"""TOML files that people hand in, read within a limit of size."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from mncost.errors import one_line

__all__ = ["MAX_FILE_BYTES", "load_toml", "read_limited"]

MAX_FILE_BYTES = 1 << 18  # no file of ours needs more
MAX_DOTS = 100  # on a line: the time and memory that tomllib takes for a key grow with their square


def read_limited(path: Path) -> bytes:
    """Return the bytes of a file; of one that is too large, one byte too many.

    Raises:
        ValueError: it cannot be read; the message names it.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a name that no file can have
        raise ValueError(f"{str(path)!r}: cannot be read: {error}") from None


def load_toml(data: bytes, kind: str) -> dict[str, Any]:
    """Return what a TOML file holds; ``kind`` says in messages which kind of file it should be.

    Raises:
        ValueError: the bytes are too many, not UTF-8 or not TOML.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES:,} bytes: no {kind}")
    text = ""
    try:
        text = data.decode("utf-8-sig")
        if max(line.count(".") for line in text.split("\n")) > MAX_DOTS:
            raise ValueError(f"a line with more than {MAX_DOTS} dots")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise ValueError("not TOML: nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and what int() and date() raise inside it
        raise ValueError(f"not TOML: {_placed(str(error), text)}") from None


def _placed(message: str, text: str) -> str:
    """Say the line and column of a syntax error even where tomllib says "at end of document"."""
    lines = text.split("\n")
    end = f"at line {len(lines)}, column {len(lines[-1]) + 1}, the end of the file"
    return one_line(message.replace("at end of document", end))
