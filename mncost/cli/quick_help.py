"""typer's help without the parts of rich that it imports and mncost never uses."""

from __future__ import annotations

import sys
from types import ModuleType

__all__ = ["import_help"]

_UNUSED: dict[str, dict[str, object]] = {
    "rich.markdown": {"Markdown": type("Markdown", (), {})},
    "rich.traceback": {"Traceback": type("Traceback", (), {})},
    "rich._emoji_codes": {"EMOJI": {}},
}


def import_help() -> None:
    """Import what draws the help, without a Markdown parser, a syntax highlighter and emoji.

    typer needs them for help in Markdown and for coloured tracebacks: a third of the time of
    ``--help``. Placeholders stand in for them while typer's module is imported.
    """
    if "typer.rich_utils" in sys.modules:
        return
    stand_ins = [name for name in _UNUSED if name not in sys.modules]
    for name in stand_ins:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(_UNUSED[name])
    try:
        import typer.rich_utils  # noqa: F401
    finally:
        for name in stand_ins:
            del sys.modules[name]
