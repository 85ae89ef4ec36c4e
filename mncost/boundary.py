"""What every public function has: short tracebacks, and arguments of the right kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

from mncost.errors import InputError, MncostError, did_you_mean

__all__ = ["check_keywords", "check_one", "check_text", "public"]

F = TypeVar("F", bound=Callable[..., Any])


def public(function: F) -> F:
    """Return a function whose foreseen errors are raised here: a traceback of two lines."""

    @wraps(function)
    def called(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except MncostError as error:
            raise error.with_traceback(None) from None

    return called  # type: ignore[return-value]


def check_text(name: str, value: object, example: str) -> None:
    """Check that a value is a text, or ``None``.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, str | None):
        raise InputError(f"{name} {value!r}: accepted is a text, e.g. {example!r}")


def check_one(alpha: object, resolution: object) -> None:
    """Check that α and resolution are single ones.

    Raises:
        InputError: several are given; the message says what takes several.
    """
    if _is_several(alpha):
        raise InputError(f"alpha {alpha!r}: load takes one; mncost.grid takes several")
    if isinstance(resolution, tuple) and len(resolution) == 2:
        height, width = resolution
        raise InputError(
            f"resolution {resolution!r}: accepted is one number of pixels, or "
            f"'{height}x{width}' for height × width"
        )
    if _is_several(resolution):
        raise InputError(f"resolution {resolution!r}: load takes one; mncost.grid takes several")


def _is_several(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def check_keywords(function: Callable[..., Any], keywords: Sequence[str], *more: str) -> None:
    """Check the names of keywords that are passed on to a function.

    Raises:
        TypeError: it has no such keyword; the message has the closest one.
    """
    accepted = [*signature(function).parameters, *more]
    for name in keywords:
        if name not in accepted:
            raise TypeError(f"unexpected keyword argument {name!r}{did_you_mean(name, accepted)}")
