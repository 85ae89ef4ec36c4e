"""Names of architectures: the built-in families, groups of them, files, and checkpoints."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mncost.errors import SpecError, UnknownNameError
from mncost.spec.names import spelled, without_owner
from mncost.spec.parse import MAX_FILE_BYTES, PAPER, parse_spec, read_spec
from mncost.spec.schema import Checkpoint, Spec

__all__ = ["Choice", "families", "find", "groups", "load_spec"]

FAMILIES = Path(__file__).parent / "families"
_PLACEHOLDERS = {
    "alpha": r"(?P<alpha>\d+(?:\.\d+)?)",
    "percent": r"(?P<percent>\d{3})",
    "resolution": r"(?P<resolution>\d{2,4})",
    "tag": r"(?:\.(?P<tag>\w+))?",
}
# The data sets in timm's tags, by their classes; the last in a tag is what it was trained on last.
_DATA_SETS = {"in1k": 1000, "in12k": 11_821, "miil_in21k": 11_221, "in21k": 21_841, "in22k": 21_841}


class Choice(NamedTuple):
    """What a name stands for: a spec, and what a checkpoint's name says beyond it.

    Attributes:
        alpha, resolution: what the name says: nothing else is accepted beside it.
        classes: outputs that the name says or implies; ``only_classes``: nothing else is accepted.
        native: the resolution that the name implies, in the place of the spec's.
        name: the checkpoint's.
    """

    spec: Spec
    dialect: str = PAPER
    alpha: str | None = None
    resolution: str | None = None
    classes: int | None = None
    only_classes: bool = False
    native: int | None = None
    name: str = ""

    def notes(self, classes: int | None) -> Iterator[str]:
        """Say what follows from the name and is not obvious; ``classes`` is what was asked for."""
        in_tag = self.resolution is not None and f"_{self.resolution}" not in self.name
        if in_tag and self.resolution != str(self.spec.resolution):
            yield f"{self.name}: {self.resolution} px, as its name says"
        if self.native is not None:
            yield f"{self.name}: {self.native} px, as its name implies, unless told otherwise"
        if classes is None and self.classes is not None:
            yield f"{self.name}: {self.classes:,} classes, as its name implies"


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
        for pattern, implied in spec.checkpoints.items():
            if match := re.fullmatch(_as_regex(pattern), name, re.IGNORECASE):
                kind = Checkpoint(dialect=implied) if isinstance(implied, str) else implied
                return _said(spec, name, match.groupdict(), kind)
    return None


def _said(spec: Spec, name: str, parts: dict[str, str | None], implied: Checkpoint) -> Choice:
    """Return what the parts of a checkpoint's name say, and what its kind implies."""
    alpha, resolution = parts.get("alpha"), parts.get("resolution")
    if percent := parts.get("percent"):
        alpha = f"{int(percent) / 100:g}"
    tag = (parts.get("tag") or "").lower()
    if trained_at := re.search(r"(?:^|_)r(\d{2,4})(?=_|$)", tag):
        resolution = trained_at[1]
    ends = {word: tag.rfind(word) + len(word) for word in _DATA_SETS if word in tag}
    last = max(ends, key=lambda word: (ends[word], len(word)), default=None)
    classes = None if last is None else _DATA_SETS[last]
    special = classes not in (None, spec.rules.classes)
    return Choice(
        spec,
        implied.dialect,
        alpha,
        resolution,
        classes if special else implied.classes,
        only_classes=special,
        native=None if resolution else implied.resolution,
        name=name,
    )


def _as_regex(pattern: str) -> str:
    pieces = re.split(r"\{(\w+)\}", pattern)
    try:
        return "".join(
            _PLACEHOLDERS[piece] if index % 2 else re.escape(piece)
            for index, piece in enumerate(pieces)
        )
    except KeyError as error:
        raise SpecError(f"checkpoint pattern {pattern!r}: unknown placeholder {error}") from None
