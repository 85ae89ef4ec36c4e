"""How printed words are stored in snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from mncost.errors import InputError
from tests.running import Result

__all__ = ["Printed", "refusals", "refused"]


class Printed(SingleFileSnapshotExtension):
    """A text file for each output."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


def refused(run: Callable[[list[str]], Result], command: str, calls: Iterable[str]) -> str:
    """Return what calls of a command print that refuses them: status 2 and one line each."""
    lines = []
    for words in calls:
        status, out, err = run([*command.split(), *words.split()])
        assert (status, out, err.count("\n")) == (2, "", 1), words
        lines.append(" ".join(filter(None, ("$ mncost", command, words))) + f"\n{err}")
    return "".join(lines)


def refusals(
    function: Callable[..., Any], calls: Iterable[Mapping[str, Any]], *first: Any, without: Any = ""
) -> str:
    """Return what a function says of arguments that it refuses, one line each.

    Args:
        function: raises an InputError for each of the calls.
        calls: arguments by name.
        first: arguments of every call.
        without: a folder whose path is left out.
    """
    lines = []
    for arguments in calls:
        with pytest.raises(InputError) as error:
            function(*first, **arguments)
        said = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        lines.append(f"{said}\n  {error.value}\n".replace(f"{without or chr(0)}/", ""))
    return "".join(lines)
