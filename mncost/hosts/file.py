"""``hosts.toml``: the machines that can be measured over ssh."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from mncost.errors import MeasureError, UnknownNameError, one_line
from mncost.measure.cell import HERE
from mncost.toml import load_toml, read_limited
from mncost.toml_errors import Problem, problems, shown_key

__all__ = ["HostEntry", "chosen", "hosts_file", "read_hosts"]

Name = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Word = Annotated[str, Meta(min_length=1, max_length=400, pattern=r"^[^-\x00-\x1f][^\x00-\x1f]*$")]
Variable = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Text = Annotated[str, Meta(min_length=0, max_length=4000, pattern=r"^[^\x00-\x1f]*$")]
Cpus = Annotated[tuple[Annotated[int, Meta(ge=0, le=4095)], ...], Meta(min_length=1)]


class HostEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the file's ``hosts``.

    Attributes:
        name: what ``--host`` takes.
        destination: what ``ssh`` takes: an alias of its configuration, or ``user@host``.
        python: the interpreter there, 3.9 or newer, with the packages of the runtimes.
        pinning: the CPUs that may be measured on, e.g. the large cores; by default all.
        environment: variables of everything that is started there.
        label: words about it, for people.
    """

    name: Name
    destination: Word
    python: Word = "python3"
    pinning: Cpus | None = None
    environment: dict[Variable, Text] = {}
    label: Text = ""


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal[1] = 1
    hosts: Annotated[tuple[HostEntry, ...], Meta(min_length=1, max_length=1000)]


def hosts_file() -> Path | None:
    """Return the file that is read if none is named: here, or in the user's configuration."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", ""))
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    for file in (Path("hosts.toml"), base / "mncost" / "hosts.toml"):
        if file.is_file():
            return file
    return None


def read_hosts(path: Path | None = None) -> Mapping[str, HostEntry]:
    """Return the hosts of a file by name, in its order.

    Args:
        path: the file; ``None`` is the one of :func:`hosts_file`.

    Raises:
        MeasureError: there is none, or something is wrong with it.
    """
    file = path or hosts_file()
    if file is None:
        raise MeasureError(
            "no hosts are known: accepted is hosts.toml here, mncost/hosts.toml in the "
            "configuration directory (~/.config), or --hosts FILE"
        )
    try:
        raw = load_toml(read_limited(file), "hosts file")
    except ValueError as error:
        text = str(error)
        raise MeasureError(text if text.startswith(str(file)) else f"{file}: {text}") from None
    for problem in _problems(raw):
        place = " ".join(map(shown_key, problem.path))
        where = f"{file}: {place}" if place else str(file)
        raise MeasureError(one_line(f"{where}: {problem.text}"))
    return {entry.name: entry for entry in msgspec.convert(raw, _File).hosts}


def _problems(raw: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with a file."""
    yield from problems(raw, _File)
    seen: set[str] = set()
    for place, entry in enumerate(msgspec.convert(raw, _File).hosts):
        if entry.name in seen:
            yield Problem(("hosts", place), f"the name {entry.name!r} stands there twice")
        seen.add(entry.name)


def chosen(names: Iterable[str], path: Path | None = None) -> list[HostEntry]:
    """Return the entries of hosts by their names, but for :data:`HERE`.

    Raises:
        MeasureError: there is no file, or something is wrong with it.
        UnknownNameError: it has no such host.
    """
    wanted = [name for name in dict.fromkeys(names) if name != HERE]
    if not wanted:
        return []
    known = read_hosts(path)
    for name in wanted:
        if name not in known:
            raise UnknownNameError("host", name, [*known, HERE])
    return [known[name] for name in wanted]
