"""The words that name networks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from mncost.counted import Counted
from mncost.label import fact_words
from mncost.network import Network

__all__ = ["input_words", "title", "told_apart"]


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
