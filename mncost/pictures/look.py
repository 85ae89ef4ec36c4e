"""What all pictures share: their size, their letters, their colours, and how they are saved."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "DARK", "FORMATS", "LIGHT", "SMALL", "canvas", "headed", "saved"]

FORMATS = ("png", "svg", "pdf")
# Okabe and Ito's colours, which people who confuse colours can tell apart, and one more.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
DARK, LIGHT = "#444444", "#bbbbbb"  # of lines and words; of areas
SMALL = 6.5  # of the size of letters

_INCHES_WIDE = 6.4  # the text of a page
_DPI = 200  # of PNG
_LETTERS = 110  # of a small line across it
_EDGE = 0.012  # where titles begin, as a share of the width
_LOOK: dict[str, Any] = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.markersize": 4.5,
    "svg.hashsalt": "mncost",
    "text.parse_math": False,  # a $ in a name is a $
    "pdf.fonttype": 42,  # letters that stay letters
}
_METADATA: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


@contextmanager
def canvas(inches_high: float) -> Iterator[Figure]:
    """Yield an empty figure as wide as a page's text; the reader's own settings do not matter."""
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(["default", _LOOK]), warnings.catch_warnings():
        # A letter that matplotlib's font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # Names that are longer than the picture leave no room for it.
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        yield Figure(figsize=(_INCHES_WIDE, inches_high), layout="constrained")


def headed(figure: Figure, title: str, finding: str = "", caption: str = "") -> None:
    """Write above a picture what it shows and what there is to see, and below it, in small, how.

    A title is a heading; alone it is a line.
    """
    head = "\n".join(filter(None, [title, finding]))
    if head:
        figure.suptitle(head, x=_EDGE, ha="left", fontsize=9.5)
    if caption:
        words = "\n".join(wrap(caption, _LETTERS))
        figure.supxlabel(words, x=_EDGE, ha="left", fontsize=SMALL, color=DARK)


def saved(figure: Figure, format: str) -> bytes:
    """Return the file: the same for the same picture. Within :func:`canvas`.

    ``svg-text`` is an SVG whose words are text: for a page, which has letters of its own.
    """
    import matplotlib as mpl

    out = BytesIO()
    kind = format.removesuffix("-text")
    with mpl.rc_context({"svg.fonttype": "path" if kind == format else "none"}):
        figure.savefig(out, format=kind, dpi=_DPI, metadata=_METADATA.get(kind))
    if kind != "svg":
        return out.getvalue()
    # What is drawn stands in a comment too, where XML allows no control characters.
    text = re.sub(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", b"", out.getvalue())
    return _for_light_and_dark(text) if format == "svg" else text


# Inks on light paper, and on dark.
_ON_DARK = {
    "#000000": "#d8dee4",
    DARK: "#aab4be",
    LIGHT: "#5b646e",
    "#e6e6e6": "#2f363d",
}


def _for_light_and_dark(svg: bytes) -> bytes:
    """Return an SVG without a background, whose words and lines suit a dark page too.

    The browser decides by the reader's preference, also where the picture is an ``<img>``.
    """
    text = svg.decode()
    text = re.sub(r'(<g id="patch_\d+">\s*<path [^>]*style="fill: )#ffffff', r"\1none", text)
    rules = "".join(
        f'[style*="{what}: {light}"]{{{what}:{dark} !important}}'
        for light, dark in _ON_DARK.items()
        for what in ("fill", "stroke")
    )
    words = 'g[id^="text"] g:not([style*="fill"]){fill:#d8dee4}'
    style = f"@media (prefers-color-scheme: dark){{{words}{rules}}}"
    return text.replace("</style>", f"{style}</style>", 1).encode()
