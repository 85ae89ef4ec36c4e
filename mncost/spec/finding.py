"""What ``--arch`` was given: networks, groups, files, checkpoints, and heads on any of them."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from mncost.errors import SpecError, UnknownNameError
from mncost.spec.catalog import Choice, index, load_spec
from mncost.spec.parse import MAX_FILE_BYTES, parse_spec, read_spec
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
    if name in index():
        return [Choice(load_spec(name))]
    if name == "-":
        if sys.stdin is None:
            raise SpecError("standard input: closed")
        text = _standard_input(sys.stdin.buffer)
        return [Choice(parse_spec(text, "standard input"), file="standard input")]
    if "+" in name and not _is_file(name) and (made := _with_head(name)):
        return made
    if name.lower().endswith(".onnx"):
        raise SpecError(f"{name} is a model: what is asked for needs an architecture")
    path, suffix, variant = name.partition(".toml:")
    if suffix:
        return [Choice(_read_whole(Path(f"{path}.toml"), variant), file=name)]
    if name.endswith(".toml"):
        return [Choice(_read_whole(Path(name)), file=name)]
    from mncost.spec.other_names import named  # a network or a file needs none

    if choices := named(name):
        return choices
    return [Choice(_read_whole(Path(name)), file=name)]


@lru_cache(maxsize=1)
def _standard_input(stream: BinaryIO) -> bytes:
    """Return what stands there, which can be read only once."""
    return stream.read(MAX_FILE_BYTES + 1)


def _is_file(name: str) -> bool:
    """Whether a name with a + is that of a file, or of a variant in one, and has no head."""
    path, suffix, variant = name.partition(".toml:")
    file = f"{path}.toml" if suffix else name
    return "+" not in variant and file.endswith(".toml") and Path(file).is_file()


def _with_head(name: str) -> list[Choice]:
    """Return the backbones before the last + with the head behind it; nothing if that is none."""
    from mncost.spec.heads import heads, is_head, with_head  # rarely asked for

    backbone, _, head = name.rpartition("+")
    if not is_head(head):
        if not backbone:
            return []
        raise UnknownNameError("head", head, heads())
    return [
        choice._replace(spec=with_head(choice.spec, head), native=None)
        for choice in _find_one(backbone)
    ]


def _read_whole(path: Path, variant: str | None = None) -> Spec:
    """Read a user's file, and check its other variants too."""
    spec = read_spec(path, variant)
    for other in spec.variants.keys() - {spec.name}:
        read_spec(path, other)
    return spec
