"""Several networks, and the words that name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

from mncost.counted import Counted
from mncost.errors import InputError
from mncost.label import fact_words
from mncost.network import Network
from mncost.render.shown import ShownSequence

__all__ = ["Grid", "input_words", "refuse_partial", "title", "told_apart"]


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
        ends = [self[0], self[-1]] if len(self) > 1 else self[:1]
        named = " ... ".join(title(network) for network in ends)
        return f"<mncost.Grid of {len(self)} networks: {named}>"

    def single(self) -> Network:
        """Return the only network.

        Raises:
            InputError: there are several.
        """
        if len(self) != 1:
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


def input_words(network: Counted) -> str:
    """Return the shapes of a network's inputs, without the batch: ``3x224x224``."""
    shapes = ("x".join(map(str, shape)) for shape in network.inputs.values())
    return ", ".join(shape or "scalar" for shape in shapes)


def title(network: Counted) -> str:
    """Return the words that name a network."""
    twin = f", {network.twin} twin" if network.twin else ""
    if network.source is not None or network.alpha is None:
        return f"{network.arch} for {input_words(network)}{twin}"
    stride = "".join(f", {words}" for words in fact_words(network.label, "output_stride"))
    return (
        f"{network.arch} α {network.alpha} at {network.resolution} px, dialect "
        f"{network.dialect}{stride}{twin}"
    )


def told_apart(networks: Iterable[Network]) -> list[Network]:
    """Return networks of which no two that differ have the same :func:`title`.

    Where a file has the name of another network, the file becomes part of the name:
    ``v2 (small.toml)``. What is still named alike is numbered: ``Net``, ``Net (2)``.
    """
    listed = [*networks]
    files: dict[str, set[str]] = {}
    for network in listed:
        files.setdefault(network.arch, set()).add(_file(network))
    alike: dict[str, list[Any]] = {}
    return [_numbered(_with_file(network, files[network.arch]), alike) for network in listed]


def _file(network: Network) -> str:
    return network.architecture.file if network.architecture else ""


def _with_file(network: Network, files: set[str]) -> Network:
    """Return a network with its file in its name, if others of that name have another one."""
    file = _file(network)
    if not file or len(files) == 1:
        return network
    names = [PurePath(one).name for one in files]
    shown = PurePath(file).name
    return network.named(f"{network.arch} ({shown if names.count(shown) == 1 else file})")


def _numbered(network: Network, alike: dict[str, list[Any]]) -> Network:
    """Return a network with a number, if another one is named alike.

    Args:
        network: the next one.
        alike: what those before it run, by their titles; the network's is added.
    """
    known = alike.setdefault(title(network), [])
    runs = network.graph, network.source, network.trained
    if runs not in known:
        known.append(runs)
    number = known.index(runs) + 1
    return network if number == 1 else network.named(f"{network.arch} ({number})")
