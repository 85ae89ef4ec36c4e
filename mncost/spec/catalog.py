"""Names of architectures: the built-in families, groups of them, files, and checkpoints."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from mncost.errors import GridError, SpecError, UnknownNameError
from mncost.spec.names import closest, spelled, without_owner
from mncost.spec.parse import MAX_FILE_BYTES, PAPER, parse_spec, read_spec
from mncost.spec.schema import Checkpoint, Spec

__all__ = [
    "Choice",
    "Entry",
    "families",
    "find",
    "groups",
    "index",
    "indexed",
    "load_spec",
    "networks",
]

FAMILIES = Path(__file__).parent / "families"
_PLACEHOLDERS = {
    "alpha": r"(?P<alpha>\d+(?:\.\d+)?)",
    "percent": r"(?P<percent>\d{3})",
    "resolution": r"(?P<resolution>\d{2,4})",
    "tag": r"(?:\.(?P<tag>\w+))?",
}
# The data sets in timm's tags, by their classes; the last in a tag is what it was trained on last.
# ImageNet-21k has 21,843 classes as Google counts them, and 21,841 as Meta does ("in22k").
_DATA_SETS = {"in1k": 1000, "in12k": 11_821, "miil_in21k": 11_221, "in21k": 21_843, "in22k": 21_841}
_WITHOUT_CLASSES = re.compile(r"mae|dino|orig_in21k|(dinov3|eupe)_\w+")  # tags of mere features


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


def indexed() -> list[Entry]:
    """Return what the index should say: reads every file."""
    specs = [(path.stem, read_spec(path)) for path in FAMILIES.glob("*.toml")]
    entries = []
    for file, spec in sorted(specs, key=lambda one: (one[1].order, one[0])):
        if not spec.variants:
            entries.append(Entry(spec.name, file, spec.groups, tuple(spec.checkpoints)))
        for name, variant in spec.variants.items():
            patterns = tuple(variant.checkpoints)
            entries.append(Entry(name, file, spec.groups, patterns, is_variant=True))
    return entries


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
        raise _unknown(name)
    return read_spec(FAMILIES / f"{entry.file}.toml", name if entry.is_variant else None)


def _unknown(name: str) -> UnknownNameError:
    short = [entry.file if entry.is_variant else entry.name for entry in index().values()]
    accepted = [*networks(), *groups()]
    error = UnknownNameError(
        "architecture", name, accepted, [*short, *groups()], closest(name, accepted) or ""
    )
    if re.fullmatch(r"[A-Za-z]+[\w.]*(\d|_)[\w.]*", name) and len(name) > 5:
        error.args = (f"{error}; a model of timm or torchvision as it is: timm:{name}",)
    return error


def find(names: str) -> list[Choice]:
    """Resolve what ``--arch`` was given: names with commas between them.

    Each is an architecture (``v2``), a group (``v3``, ``all``), an architecture file
    (``my_net.toml``, or ``-`` for standard input) or a checkpoint (``mobilenet_v2_0.75_160``). With
    ``+`` a head stands on it: ``v2+ssdlite``, ``resnet50+deeplabv3``, ``v1+my_head.toml``.
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
    if "+" in name and (made := _with_head(name)):
        return made
    if name.lower().endswith(".onnx"):
        raise SpecError(f"{name} is a model: what is asked for needs an architecture")
    name, dialect = without_owner(name)
    path, suffix, variant = name.partition(".toml:")
    if suffix:
        return [Choice(_read_whole(Path(f"{path}.toml"), variant), file=name)]
    if name.endswith(".toml") or "/" in name or "\\" in name:
        return [Choice(_read_whole(Path(name)), file=name)]
    if name in index():
        return [Choice(load_spec(name))]
    if name in (members := groups()):
        return [Choice(load_spec(member)) for member in members[name]]
    if choice := _checkpoint(name, dialect):
        return [choice]
    if "_" in name and (choice := _segmenter(name)):
        return [choice]
    if (meant := spelled(name, [*networks(), *members])) is not None:
        return [Choice(load_spec(one), dialect or PAPER) for one in members.get(meant, [meant])]
    raise _unknown(name)


def _with_head(name: str) -> list[Choice]:
    """Return the backbones before the last + with the head behind it; nothing if that is none."""
    from mncost.spec.heads import heads, is_head, with_head  # rarely asked for

    backbone, _, head = name.rpartition("+")
    if not is_head(head):
        if Path(name).suffix == ".toml" or not backbone:
            return []
        raise UnknownNameError("head", head, heads())
    return [
        choice._replace(spec=with_head(choice.spec, head), native=None)
        for choice in _find_one(backbone)
    ]


def _segmenter(name: str) -> Choice | None:
    """Match what torchvision calls a backbone with a head on it."""
    from mncost.spec.heads import network_named, with_head

    if (named := network_named(name)) is None:
        return None
    network, head = named
    choice = _checkpoint(network.backbone)
    assert choice is not None
    spec = with_head(choice.spec, head, network.output_stride)
    return choice._replace(spec=spec, name=name)


def _read_whole(path: Path, variant: str | None = None) -> Spec:
    """Read somebody's file, and check its other variants too."""
    spec = read_spec(path, variant)
    for other in spec.variants.keys() - {spec.name}:
        read_spec(path, other)
    return spec


def _checkpoint(name: str, owner: str | None = None) -> Choice | None:
    """Match the name of a checkpoint against the patterns of the built-in networks.

    Args:
        name: the checkpoint's.
        owner: the project that publishes it, where it is known: its patterns go before others, and
            where it has none, its dialect before that of the pattern.
    """
    if owner is None:
        return next(_checkpoints(name), None)
    choices = list(_checkpoints(name))
    theirs = [one for one in choices if one.dialect.partition("-")[0] == owner]
    for choice in theirs or choices:
        if theirs or owner not in choice.spec.dialects:
            return choice
        return choice._replace(dialect=owner, native=None)
    return None


def _checkpoints(name: str) -> Iterator[Choice]:
    """Yield what a name stands for by each pattern that it matches."""
    lower = name.lower()
    for entry in index().values():
        for pattern in entry.checkpoints:
            if not lower.startswith(pattern.partition("{")[0].lower()):
                continue
            if match := re.fullmatch(_as_regex(pattern), name, re.IGNORECASE):
                spec = load_spec(entry.name)
                implied = spec.checkpoints[pattern]
                kind = Checkpoint(dialect=implied) if isinstance(implied, str) else implied
                yield _said(spec, name, match.groupdict(), kind)


def _said(spec: Spec, name: str, parts: dict[str, str | None], implied: Checkpoint) -> Choice:
    """Return what the parts of a checkpoint's name say, and what its kind implies."""
    alpha, resolution = parts.get("alpha"), parts.get("resolution")
    if implied.alpha is not None:
        alpha = f"{implied.alpha:g}"
    if percent := parts.get("percent"):
        alpha = f"{int(percent) / 100:g}"
    tag = (parts.get("tag") or "").lower()
    if trained_at := re.search(r"(?:^|_)(?:r(?=\d{2,4}(?:_|$))|(?=\d{3}$))(\d+)", tag):
        resolution = trained_at[1]
    ends = {word: tag.rfind(word) + len(word) for word in _DATA_SETS if word in tag}
    last = max(ends, key=lambda word: (ends[word], len(word)), default=None)
    classes = None if last is None else _DATA_SETS[last]
    special = classes not in (None, spec.rules.classes)
    if trained := implied.tags.get(tag):
        said = {key: value for key, value in asdict(trained).items() if value is not None}
        implied = replace(implied, **said)
    if _WITHOUT_CLASSES.fullmatch(tag):
        classes, special, implied = 0, False, replace(implied, classes=0)
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
