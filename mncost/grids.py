"""Several networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mncost.errors import InputError
from mncost.network import Network
from mncost.render.shown import ShownSequence

__all__ = ["Grid", "refuse_partial"]


class Grid(ShownSequence[Network]):
    """The networks of an α × resolution grid.

    Attributes:
        notes: what was left out, and which α give one and the same network.
    """

    _in_frames = (("columns", "all"),)

    def __init__(self, networks: Sequence[Network], notes: Sequence[str] = ()) -> None:
        """Use :func:`grid`."""
        super().__init__(networks)
        self.notes = tuple(notes)

    def __repr__(self) -> str:
        """Name the first and the last network."""
        from mncost.titles import title

        ends = [self[0], self[-1]] if len(self) > 1 else self[:1]
        named = " ... ".join(title(network) for network in ends)
        return f"<mncost.Grid of {len(self)} networks: {named}>"

    def single(self) -> Network:
        """Return the only network.

        Raises:
            InputError: there are several.
        """
        if len(self) != 1:
            from mncost.titles import title

            first, second = (title(network) for network in self[:2])
            said = f"needs one network, and these are {len(self)}: {first}; {second} ..."
            hints = [note for note in self.notes if "square images" in note]
            raise InputError("; ".join([said, *hints]))
        return self[0]


def refuse_partial(networks: Iterable[Network]) -> None:
    """Refuse networks with operators whose work is not known.

    Raises:
        InputError: there is one.
    """
    for network in networks:
        if not network.is_complete:
            listed = ", ".join(f"{name} ({count})" for name, count in network.unknown.items())
            raise InputError(f"{network.arch}: the count is partial: no rule for {listed}")
