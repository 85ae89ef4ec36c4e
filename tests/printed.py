"""How printed words are stored in snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tests.running import Result

__all__ = ["Printed", "refused"]


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
        lines.append(f"$ mncost {command} {words}".rstrip() + f"\n{err}")
    return "".join(lines)
