"""What ``--arch`` was given: networks, groups, files, checkpoints, and heads on any of them."""

from __future__ import annotations

import sys
from pathlib import Path

from mncost.errors import SpecError, UnknownNameError
from mncost.spec.catalog import Choice, groups, index, load_spec, networks, unknown
from mncost.spec.names import spelled, without_owner
from mncost.spec.parse import MAX_FILE_BYTES, PAPER, parse_spec, read_spec
from mncost.spec.schema import Spec

__all__ = ["find"]


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
        text = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        return [Choice(parse_spec(text, "standard input"), file="standard input")]
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
    from mncost.spec.checkpoints import checkpoint  # a name of a network needs none

    if choice := checkpoint(name, dialect):
        return [choice]
    if "_" in name and (choice := _segmenter(name)):
        return [choice]
    if (meant := spelled(name, [*networks(), *members])) is not None:
        return [Choice(load_spec(one), dialect or PAPER) for one in members.get(meant, [meant])]
    raise unknown(name)


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
    from mncost.spec.checkpoints import checkpoint
    from mncost.spec.heads import network_named, with_head

    if (named := network_named(name)) is None:
        return None
    network, head = named
    choice = checkpoint(network.backbone)
    assert choice is not None
    spec = with_head(choice.spec, head, network.output_stride)
    return choice._replace(spec=spec, name=name)


def _read_whole(path: Path, variant: str | None = None) -> Spec:
    """Read somebody's file, and check its other variants too."""
    spec = read_spec(path, variant)
    for other in spec.variants.keys() - {spec.name}:
        read_spec(path, other)
    return spec
