"""Names of architectures: the built-in families, groups of them, files, and checkpoints."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mncost.errors import SpecError, UnknownNameError
from mncost.spec.names import spelled, without_owner
from mncost.spec.parse import MAX_FILE_BYTES, PAPER, parse_spec, read_spec
from mncost.spec.schema import Spec

__all__ = ["Choice", "families", "find", "groups", "load_spec"]

FAMILIES = Path(__file__).parent / "families"
_PLACEHOLDERS = {
    "alpha": r"(?P<alpha>\d+(?:\.\d+)?)",
    "percent": r"(?P<percent>\d{3})",
    "resolution": r"(?P<resolution>\d{2,4})",
    "tag": r"(?:\.\w+)?",
}


class Choice(NamedTuple):
    """What a name stands for: a spec, and what a checkpoint's name says beyond it."""

    spec: Spec
    dialect: str = PAPER
    alpha: str | None = None
    resolution: str | None = None


@cache
def families() -> tuple[str, ...]:
    """Return the names of the built-in architectures, in the order of their files' ``order``."""
    specs = [load_spec(path.stem) for path in FAMILIES.glob("*.toml")]
    return tuple(spec.name for spec in sorted(specs, key=lambda spec: (spec.order, spec.name)))


def groups() -> dict[str, list[str]]:
    """Return the groups of built-in architectures: the names before a dash, and ``all``."""
    members: dict[str, list[str]] = {}
    for name in families():
        members.setdefault(name.partition("-")[0], []).append(name)
    return {group: names for group, names in members.items() if names != [group]} | {
        "all": list(families())
    }


@cache
def load_spec(name: str) -> Spec:
    """Return the built-in architecture of this name.

    Raises:
        UnknownNameError: there is none.
    """
    path = FAMILIES / f"{name}.toml"
    if not name.replace("-", "").isalnum() or not path.is_file():
        raise UnknownNameError("architecture", name, [*families(), *groups()])
    return read_spec(path)


def find(names: str) -> list[Choice]:
    """Resolve what ``--arch`` was given: names with commas between them.

    Each is an architecture (``v2``), a group (``v3``, ``all``), an architecture file
    (``my_net.toml``, or ``-`` for standard input) or a checkpoint (``mobilenet_v2_0.75_160``).
    Case, dashes, underscores and a leading ``mobilenet`` make no difference; ``timm/`` and the like
    may stand before a name.

    Raises:
        UnknownNameError: a name is none of these.
        SpecError: a file cannot be used.
    """
    choices: list[Choice] = []
    for name in names.split(","):
        choices += [choice for choice in _find_one(name.strip()) if choice not in choices]
    return choices


def _find_one(name: str) -> list[Choice]:
    if name == "-":
        if sys.stdin is None:
            raise SpecError("standard input: closed")
        return [Choice(parse_spec(sys.stdin.buffer.read(MAX_FILE_BYTES + 1), "standard input"))]
    name, dialect = without_owner(name)
    if name.endswith(".toml") or "/" in name or "\\" in name:
        return [Choice(read_spec(Path(name)))]
    if (FAMILIES / f"{name}.toml").is_file():
        return [Choice(load_spec(name))]
    if name in (members := groups()):
        return [Choice(load_spec(member)) for member in members[name]]
    if choice := _checkpoint(name):
        return [choice]
    if (meant := spelled(name, [*families(), *members])) is not None:
        return [Choice(load_spec(one), dialect or PAPER) for one in members.get(meant, [meant])]
    raise UnknownNameError("architecture", name, [*families(), *members])


def _checkpoint(name: str) -> Choice | None:
    """Match the name of a checkpoint against the patterns of the built-in files."""
    for family in families():
        spec = load_spec(family)
        for pattern, dialect in spec.checkpoints.items():
            if match := re.fullmatch(_as_regex(pattern), name, re.IGNORECASE):
                found = match.groupdict()
                if percent := found.get("percent"):
                    found["alpha"] = f"{int(percent) / 100:g}"
                return Choice(spec, dialect, found.get("alpha"), found.get("resolution"))
    return None


def _as_regex(pattern: str) -> str:
    pieces = re.split(r"\{(\w+)\}", pattern)
    try:
        return "".join(
            _PLACEHOLDERS[piece] if index % 2 else re.escape(piece)
            for index, piece in enumerate(pieces)
        )
    except KeyError as error:
        raise SpecError(f"checkpoint pattern {pattern!r}: unknown placeholder {error}") from None
