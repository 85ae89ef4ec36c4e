"""Names of checkpoints: which network, dialect, width, resolution and classes each stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import asdict, replace

from mncost.errors import SpecError
from mncost.spec.catalog import Choice, index, load_spec
from mncost.spec.schema import Checkpoint, Spec

__all__ = ["checkpoint"]

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


def checkpoint(name: str, owner: str | None = None) -> Choice | None:
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
