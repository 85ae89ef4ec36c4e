"""A table as a picture of a terminal, for a README or a slide."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from mncost.render.terminal import least_width, show

if TYPE_CHECKING:
    from mncost.render.table import Table

__all__ = ["render"]

_LEAST = 80
_FONTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)  # rich's come from another host


def render(*tables: Table) -> str:
    """Return an SVG that shows tables as a terminal does that is wide enough for them.

    It needs nothing from elsewhere: it is in the reader's own monospace font.
    """
    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        record=True,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    shown = [table.for_people() for table in tables]
    widths = [least_width(table) for table in shown if table.columns]
    console.width = width = max(_LEAST, *widths, _LEAST)
    for number, table in enumerate(shown):
        if number:
            console.print()
        show(table, console, width)
    template = _FONTS.sub("", CONSOLE_SVG_FORMAT)
    return console.export_svg(title="mncost", code_format=template, unique_id="mncost") + "\n"
