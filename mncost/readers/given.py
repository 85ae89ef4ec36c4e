"""The shapes of inputs that are given beside a model: ``--input [name=]1x3x224x224``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from mncost.errors import InputError, did_you_mean

__all__ = ["GivenInput", "GivenInputs", "InputMisfitError", "parse_inputs", "unknown_input"]

_SHAPE = re.compile(r"\d{1,9}(?:[x×X]\d{1,9})*")
_ACCEPTED = "accepted is e.g. 1x3x224x224 or name=1x3x224x224"

GivenInputs: TypeAlias = str | Sequence[int] | Mapping[str, Sequence[int]] | Sequence[str] | None
"""What Python takes: the command line's text, one shape, or shapes by the inputs' names."""


class InputMisfitError(InputError):
    """A shape is given for an input that a model has not, or that takes other shapes.

    Attributes:
        name: of the input, as it was given.
    """

    def __init__(self, name: str | None, message: str) -> None:
        """Keep the name."""
        super().__init__(message)
        self.name = name


def unknown_input(model: str, name: str, accepted: Iterable[str]) -> InputMisfitError:
    """Return the error for an input that a model has not."""
    names = list(accepted)
    hint = did_you_mean(name, names)
    listed = ", ".join(names) or "none"
    return InputMisfitError(name, f"{model} has no input {name!r}{hint}; it has {listed}")


class GivenInput(NamedTuple):
    """The shape of one input, with its batch; ``name`` is ``None`` for the only input."""

    name: str | None
    shape: tuple[int, ...]


def parse_inputs(given: GivenInputs) -> list[GivenInput]:
    """Read the shapes of inputs.

    Args:
        given: ``"1x3x224x224"``, ``"image=1x3x224x224,mask=1x224"``, ``(1, 3, 224, 224)`` or
            ``{"image": (1, 3, 224, 224)}``.

    Raises:
        InputError: it is none of these, a dimension is 0, or an input is given twice.
    """
    if given is None:
        return []
    if isinstance(given, Mapping):
        parsed = [_checked(name, shape, f"{name}={shape}") for name, shape in given.items()]
    elif isinstance(given, str):
        parsed = [_parsed(text) for text in given.split(",")]
    else:
        parsed = _of_sequence(given)
    names = [one.name for one in parsed]
    for name in names:
        if names.count(name) > 1:
            what = "an input without a name" if name is None else f"the input {name}"
            raise InputError(f"--input gives {what} twice")
    return parsed


def _of_sequence(given: Sequence[int] | Sequence[str]) -> list[GivenInput]:
    texts = [one for one in given if isinstance(one, str)]
    if texts and len(texts) == len(given):
        return [_parsed(part) for text in texts for part in text.split(",")]
    return [_checked(None, [one for one in given if isinstance(one, int)], str(given), len(given))]


def _parsed(text: str) -> GivenInput:
    name, equals, shape = text.strip().rpartition("=")
    if not _SHAPE.fullmatch(shape) or (equals and not name):
        raise InputError(f"--input {text.strip()!r}: {_ACCEPTED}")
    return _checked(name or None, [int(side) for side in re.split("[x×X]", shape)], text)


def _checked(
    name: str | None, shape: Iterable[int], text: str, length: int | None = None
) -> GivenInput:
    sides = tuple(shape)
    whole = all(type(side) is int for side in sides)
    if not sides or not whole or length not in (None, len(sides)):
        raise InputError(f"--input {text!r}: {_ACCEPTED}")
    if min(sides) < 1:
        raise InputError(f"--input {text}: a dimension of {min(sides)}; at least 1 is accepted")
    return GivenInput(name, sides)
