"""A picture that is ready to be drawn, in any format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from mncost.errors import UnknownNameError
from mncost.pictures.look import FORMATS

__all__ = ["Picture"]


class Picture(NamedTuple):
    """What :func:`mncost.plot` returns: notebooks show it, :meth:`save` writes it.

    Attributes:
        draw: takes a format, ``"png"``, ``"svg"`` or ``"pdf"``, and returns the file.
        title: what it shows.
        finding: what there is to see, in one sentence.
        notes: what else there is to know.
    """

    draw: Callable[[str], bytes]
    title: str
    finding: str
    notes: Sequence[str] = ()

    def save(self, path: Path | str) -> None:
        """Write the picture, in the format of the file's suffix.

        Raises:
            UnknownNameError: the suffix is not that of a picture.
            OutputError: the file cannot be written.
        """
        from mncost.render.write import write_atomically

        path = Path(path)
        name = path.suffix.lower().removeprefix(".")
        if name not in FORMATS:
            raise UnknownNameError("format of a picture", name or str(path), FORMATS)
        write_atomically(path, self.draw(name))

    def _repr_png_(self) -> bytes:
        """Return the picture for a notebook."""
        return self.draw("png")

    def __repr__(self) -> str:
        """Say what there is to see."""
        return f"<Picture: {self.title}: {self.finding}>"
