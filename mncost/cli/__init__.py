"""The command line: one file a command. Only here is anything printed, only here does it exit."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
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
    except (Exception, KeyboardInterrupt) as error:  # while all that is imported
        if interrupts.happened():
            status = interrupts.STATUS
        elif "--traceback" in sys.argv:
            raise
        else:
            status = _beyond_words(error)
    gc.freeze()  # the interpreter looks for cycles once more when it ends, in what this leaves it
    sys.exit(status)


def _beyond_words(error: BaseException) -> int:
    """Say what went wrong, without further imports; return the exit status."""
    reasons: list[BaseException | None] = [error, error.__cause__, error.__context__]
    is_short = any(isinstance(reason, MemoryError) for reason in reasons)
    said = f"an error of mncost itself: {type(error).__name__}: {error}"
    line = "not enough memory" if is_short else " ".join(said.split())
    with suppress(OSError):  # standard error may be closed
        os.write(2, f"mncost: {line}\n".encode(errors="backslashreplace"))
    return 2 if is_short else 70
