"""What the commands print, word for word, in one snapshot each: `tests/__snapshots__/test_words`.

They pin words and layout, not the truth of the numbers: other tests do that, and compare no words.
`python -m pytest tests/test_words.py --snapshot-update` rewrites them; read the difference before
it is committed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tests.running import in_process

TINY = Path(__file__).parent / "tiny.toml"
COUNTED = {
    "table": "table --arch v2 --alpha 0.35:1.0",
    "table csv": "table --arch v2 --alpha 0.35:1.0 --format csv",
    "table json": "table --arch v2 --alpha 0.5,0.505 --format json",
    "table markdown": "table --arch v2 --alpha 0.5,0.505 --format markdown",
    "table --pivot": "table --arch v2 --alpha 0.35:1.0 --resolution 96:224 --pivot macs",
    "table --pivot csv": "table --arch v2 --alpha 0.35:1.0 --resolution 96:224 --pivot macs -f csv",
    "table --published": "table --arch v1 --published --alpha 1.0 --resolution 224",
    "layers": "layers --arch {tiny}",
    "layers csv": "layers --arch {tiny} --format csv",
    "layers json": "layers --arch {tiny} --by block --format json",
    "layers markdown": "layers --arch {tiny} --by kind --format markdown",
    "layers --by pair": "layers --arch {tiny} --by pair",
    "compare": "compare --arch v1 --alpha 0.5,1.0",
    "compare --layers": "compare --arch {tiny} --layers",
    "explain": "explain --arch {tiny}",
    "list csv": "list --format csv",
}


class Printed(SingleFileSnapshotExtension):
    """A text file for each output."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.mark.parametrize("name", COUNTED)
def test_what_is_counted(name: str, snapshot: SnapshotAssertion) -> None:
    """Notes beside a machine-readable table go to standard error."""
    status, out, err = in_process(COUNTED[name].format(tiny=TINY).split())
    assert status == 0
    assert (out + err).replace(str(TINY), "tiny.toml") == snapshot(extension_class=Printed)
