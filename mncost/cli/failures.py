"""What ended a command early: one line and an exit status for every foreseen failure."""

from __future__ import annotations

import sys

import typer

from mncost.cli import interrupts
from mncost.cli.emit import BROKEN_PIPE, discard_stdout
from mncost.cli.streams import tell
from mncost.errors import BudgetError, MncostError

__all__ = ["fail", "status_of"]

_LONGEST = 300  # characters of what a library says

OK, UNUSABLE, INTERNAL = 0, 2, 70  # 70: EX_SOFTWARE of sysexits.h
_MEANT = {
    **dict.fromkeys(("--width", "--width-mult", "--width-multiplier"), "--alpha"),
    **dict.fromkeys(("--image-size", "--img-size", "--input-size", "--size"), "--resolution"),
    **dict.fromkeys(("--model", "--models", "--net", "--network"), "--arch"),
    **dict.fromkeys(("--num-classes",), "--classes"),
}
"""What other tools call an option."""


def status_of(error: BaseException, *, has_traceback: bool) -> int:
    """Say what went wrong; return the exit status.

    Args:
        error: what ended the command.
        has_traceback: whether a traceback of it was asked for.
    """
    match error:
        case BudgetError():
            return max(map(fail, error.problems))
        case MncostError():
            if has_traceback and error.__cause__ is not None:  # of somebody's own code
                import traceback

                traceback.print_exception(error.__cause__)
            return fail(str(error))
        case typer.TyperException():
            return fail(_with_meant(error))
        case SystemExit():  # 1: the reader of typer's help has seen enough
            return BROKEN_PIPE if error.code == 1 else OK
        case OSError():
            return fail(_of_output() or _of_system(error))
        case KeyboardInterrupt() | typer.Abort():
            return interrupts.STATUS
        case _:
            return interrupts.STATUS if interrupts.happened() else _unforeseen(error, has_traceback)


def _unforeseen(error: BaseException, has_traceback: bool) -> int:
    """Say what no check has foreseen: the system's limits, a broken library, a defect of ours."""
    if isinstance(error, MemoryError):
        return fail("not enough memory")
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return fail("no more threads can be started: the system allows no more")
    if isinstance(error, ImportError) and not isinstance(error, ModuleNotFoundError):
        while isinstance(error.__cause__, ImportError):  # numpy explains at length
            error = error.__cause__
        return fail(f"a library cannot be loaded: {error}"[:_LONGEST])
    if has_traceback:
        import traceback

        traceback.print_exception(error)
    return fail(
        f"an error of mncost itself: {type(error).__name__}: {error}; please report it with "
        "what --traceback prints",
        INTERNAL,
    )


def _of_output() -> str | None:
    """Return what is wrong with standard output, if that is full: of what a library printed."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        discard_stdout()
        return f"standard output: cannot be written: {error.strerror or error}"
    return None


def _of_system(error: OSError) -> str:
    """Return what the system refused."""
    name = "" if error.filename is None else f"{error.filename}: "
    return f"{name}{error.strerror or error}"


def _with_meant(error: typer.TyperException) -> str:
    """Return the message; of an option that other tools have, with ours."""
    name = getattr(error, "option_name", "")
    message: str = error.format_message()
    return f"No such option: {name} (did you mean {_MEANT[name]}?)" if name in _MEANT else message


def fail(message: str, status: int = UNUSABLE) -> int:
    """Print a line to standard error; return the exit status."""
    tell(f"mncost: {' '.join(message.split())}")
    return status
