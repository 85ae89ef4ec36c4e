"""The command line: one file a command. Only here is anything printed, only here does it exit."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and exit."""
    # Before anything else is imported: a run is short, and its many small objects form no cycles.
    gc.disable()
    # numpy's library makes a thread a core when it is imported: nothing here needs them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from mncost.cli import interrupts, streams

    interrupts.watch()
    streams.prepare()
    try:
        from mncost.cli.main import run

        status = run(sys.argv[1:])
    except (Exception, KeyboardInterrupt):  # while all that is imported
        if not interrupts.happened():
            raise
        status = interrupts.STATUS
    gc.freeze()  # the interpreter looks for cycles once more when it ends, in what this leaves it
    sys.exit(status)
