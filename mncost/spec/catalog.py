"""The built-in networks: their names, groups and files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from mncost.errors import GridError, SpecError, UnknownNameError
from mncost.spec.parse import PAPER, read_spec
from mncost.spec.schema import Spec

__all__ = [
    "Choice",
    "Entry",
    "families",
    "groups",
    "index",
    "load_spec",
    "networks",
    "unknown",
]

FAMILIES = Path(__file__).parent / "families"


class Choice(NamedTuple):
    """What a name stands for: a spec, and what a checkpoint's name says beyond it.

    Attributes:
        alpha, resolution: what the name says: nothing else is accepted beside it.
        classes: outputs that the name says or implies; ``only_classes``: nothing else is accepted.
        native: the resolution that the name implies, in the place of the spec's.
        name: the checkpoint's.
        file: the file that was asked for, for messages.
    """

    spec: Spec
    dialect: str = PAPER
    alpha: str | None = None
    resolution: str | None = None
    classes: int | None = None
    only_classes: bool = False
    native: int | None = None
    name: str = ""
    file: str = ""

    @contextmanager
    def placed(self) -> Iterator[None]:
        """Put the file's name in front of what is wrong with the network."""
        try:
            yield
        except (SpecError, GridError) as error:
            if not self.file:
                raise
            said = str(error).removeprefix(f"{self.spec.name}: ")
            raise type(error)(f"{self.file}: {said}") from None

    def notes(self, classes: int | None, *, sized: bool = False) -> Iterator[str]:
        """Say what a checkpoint's name implies, and what rows leave open.

        Args:
            classes: what was asked for.
            sized: whether a resolution was asked for.
        """
        if self.name:
            yield self._implied(classes, sized=sized)
        spec = self.spec
        open_rows = [i for i, row in enumerate(spec.rows, 1) if row.leaves_expand_open(spec.rules)]
        if open_rows:
            rows = f"row{'s' * (len(open_rows) > 1)} {', '.join(map(str, open_rows))}"
            yield (
                f"{spec.name}: {rows}: expansion = 1 makes no expansion convolution, as in "
                "MobileNets; expand = true makes one, as in FBNet"
            )

    def _implied(self, classes: int | None, *, sized: bool) -> str:
        words = [self.spec.name, f"dialect {self.dialect}" if self.dialect != PAPER else ""]
        words += [f"α {self.alpha}"] if self.alpha is not None else []
        words += [f"{self.resolution} px"] if self.resolution is not None else []
        if classes is None and self.classes is not None:
            words.append(f"{self.classes:,} classes" if self.classes else "no classifier")
        said = f"{self.name}: {', '.join(filter(None, words))}, as its name implies"
        if self.native is None or sized:
            return said
        project = self.dialect.partition("-")[0]
        return f"{said}; {self.native} px is {project}'s default"


class Entry(Struct, frozen=True, omit_defaults=True):
    """What the index knows of a network: enough to find its file without reading others.

    Attributes:
        name: the network's.
        file: its file's, without the suffix.
        groups: those that its file names.
        checkpoints: patterns of its checkpoints' names.
        is_variant: whether it is one of the variants of its file.
    """

    name: str
    file: str
    groups: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    is_variant: bool = False

    @property
    def family(self) -> str:
        """The networks of one file, or of files that share what stands before a dash."""
        return self.file if self.is_variant else self.name.partition("-")[0]


@cache
def index() -> dict[str, Entry]:
    """Return the built-in networks by name, in the order of lists, without reading their files.

    ``families/index.json`` is written by ``tools/make_index.py``, and a test says when it is old.
    """
    entries = msgspec.json.decode((FAMILIES / "index.json").read_bytes(), type=list[Entry])
    return {entry.name: entry for entry in entries}


@cache
def families() -> dict[str, tuple[str, ...]]:
    """Return the families, and the names of each one's networks."""
    members: dict[str, list[str]] = {}
    for entry in index().values():
        members.setdefault(entry.family, []).append(entry.name)
    return {family: tuple(names) for family, names in members.items()}


@cache
def networks() -> tuple[str, ...]:
    """Return the names of the built-in networks."""
    return tuple(index())


def groups() -> dict[str, list[str]]:
    """Return the groups of networks: the families, those that files name, and ``all``."""
    named: dict[str, list[str]] = {}
    for entry in index().values():
        for group in entry.groups:
            named.setdefault(group, []).append(entry.name)
    several = {family: [*names] for family, names in families().items() if names != (family,)}
    return several | named | {"all": [*networks()]}


@cache
def load_spec(name: str) -> Spec:
    """Return the built-in network of this name.

    Raises:
        UnknownNameError: there is none.
    """
    entry = index().get(name)
    if entry is None:
        raise unknown(name)
    return read_spec(FAMILIES / f"{entry.file}.toml", name if entry.is_variant else None)


def unknown(name: str) -> UnknownNameError:
    """Return the error of a name that no network has, with the closest one."""
    from mncost.spec.names import closest  # only on the way to an error message

    short = [entry.file if entry.is_variant else entry.name for entry in index().values()]
    accepted = [*networks(), *groups()]
    error = UnknownNameError(
        "architecture", name, accepted, [*short, *groups()], closest(name, accepted) or ""
    )
    if re.fullmatch(r"[A-Za-z]+[\w.]*(\d|_)[\w.]*", name) and len(name) > 5:
        error.args = (f"{error}; a model of timm or torchvision as it is: timm:{name}",)
    return error
