"""How snapshots of printed words are stored."""

from __future__ import annotations

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode


class Printed(SingleFileSnapshotExtension):
    """A text file for each output."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"
