"""The exceptions that mncost raises on purpose.

::

    MncostError
    └── InputError            what the user gave cannot be used   (exit status 2)
        ├── UnknownNameError  a name that is not in a closed list of names
        ├── SpecError         an architecture file that cannot be used
        ├── GridError         an α, ρ or resolution that cannot be used
        │   └── NothingPublishedError   a range in which a family has no published value
        ├── QuantityError     a number with a unit that cannot be read
        ├── RunFileError      a file of measurements that cannot be used
        ├── BudgetError       a budget file that cannot be used
        ├── MeasureError      a measurement that cannot be made as asked for
        │   └── NotThereError           a runtime that another machine has not installed
        ├── MissingExtraError a feature whose packages are not installed
        └── OutputError       an output that cannot be written

    KeyboardInterrupt
    └── Interrupted           Ctrl-C, SIGTERM or SIGHUP, with what is known by then (status 130)

Each message is one line that says what is wrong, where, and what would be accepted; a BudgetError
has one for each problem of its file. Anything else that escapes is a defect of mncost itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

__all__ = [
    "BudgetError",
    "GridError",
    "InputError",
    "Interrupted",
    "MeasureError",
    "MissingExtraError",
    "MncostError",
    "NotThereError",
    "NothingPublishedError",
    "OutputError",
    "QuantityError",
    "RunFileError",
    "SpecError",
    "UnknownNameError",
    "did_you_mean",
    "one_line",
    "one_of",
]

Name = TypeVar("Name", bound=str)


class MncostError(Exception):
    """Base of every exception that mncost raises on purpose."""


class Interrupted(KeyboardInterrupt):
    """Measuring was interrupted after it had some samples.

    Attributes:
        known: what is known by then: the result that the function would have returned.
    """

    def __init__(self, message: str, known: Any) -> None:
        """Say what is missing."""
        super().__init__(message)
        self.known = known


class InputError(MncostError):
    """An input or an argument that mncost cannot use; the message says why."""


class SpecError(InputError):
    """An architecture file cannot be used: says the file, the place and what is accepted."""


class GridError(InputError):
    """A width multiplier, resolution or ratio cannot be used."""


class NothingPublishedError(GridError):
    """A range in which a family has no published value: says which it has."""


class QuantityError(InputError):
    """A number with a unit that cannot be read: says which units are accepted."""


class RunFileError(InputError):
    """A file of measurements cannot be used: says the file and what is wrong with it."""


class BudgetError(InputError):
    """A budget file cannot be used: says everything that is wrong with it.

    Attributes:
        problems: what is wrong, one line each: the file, the place and what is accepted.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        """Keep the problems, in the order of the file."""
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return the problems, one a line."""
        return "\n".join(self.problems)


class MeasureError(InputError):
    """What was asked for cannot be measured: a runtime, a provider, a batch, a machine."""


class NotThereError(MeasureError):
    """Another machine has not installed a runtime; the message says how to install it."""


class MissingExtraError(InputError):
    """Packages of a feature are not installed.

    Attributes:
        missing: the modules that are not there.
        command: what installs them.
    """

    def __init__(self, missing: Iterable[str], command: str) -> None:
        """Word the message."""
        self.missing, self.command = list(missing), command
        super().__init__(f"needs {', '.join(self.missing)}: {command}")


class OutputError(InputError):
    """An output cannot be written.

    Attributes:
        known: the result that could not be written; ``None`` without one.
    """

    known: Any = None


class UnknownNameError(InputError):
    """A name that is not in a closed list: says the closest match and the accepted names."""

    def __init__(
        self,
        kind: str,
        name: str,
        accepted: Iterable[str],
        shown: Iterable[str] | None = None,
        closest: str | None = None,
    ) -> None:
        """Word the message, e.g. ``UnknownNameError("dialect", "kerras", ["keras", "timm"])``.

        Args:
            kind: what the name is one of.
            name: the one that is unknown.
            accepted: the names that are known.
            shown: those that the message lists, where all would be too many.
            closest: the accepted name that is most like it, where spellings vary; empty: none is.
        """
        names = list(accepted)
        listed = dict.fromkeys(names if shown is None else shown)
        meant = did_you_mean(name, names) if closest is None else _meant(closest)
        super().__init__(f"unknown {kind} {name!r}{meant}; accepted: {', '.join(listed)}")


_ELSEWHERE = {
    "swish": "silu",
    "channels": "out",
    "filters": "out",
    "out_channels": "out",
    "units": "out",
    "exp": "expansion",
    "expand_ratio": "expansion",
    "act": "activation",
    "fc": "linear",
    "dw": "depthwise",
}
"""What torch, Keras and papers call something, and our name for it, where spelling cannot tell."""


def did_you_mean(name: str, accepted: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the accepted name that is meant, or ``""``.

    That is our word for another project's, or the name that is spelled most like this one.
    """
    import difflib  # only on the way to an error message

    names = list(accepted)
    meant = _ELSEWHERE.get(name.lower())
    if meant in names:
        return _meant(meant)
    closest = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    return _meant(closest[0] if closest else "")


def _meant(closest: str) -> str:
    return f" (did you mean {closest!r}?)" if closest else ""


def one_line(text: str) -> str:
    """Escape what could break a line or drive a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_of(kind: str, name: str, accepted: Sequence[Name]) -> Name:
    """Return a name as one of a closed list.

    Raises:
        UnknownNameError: it is not in the list.
    """
    for one in accepted:
        if one == name:
            return one
    raise UnknownNameError(kind, name, accepted)
