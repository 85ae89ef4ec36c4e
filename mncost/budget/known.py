"""The network of a budget: loaded, and named so that no two are taken for one."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from msgspec import Struct

from mncost.budget.records import Model
from mncost.network import Network
from mncost.spec.parse import PAPER

__all__ = ["Known", "known_network"]


class Known(Struct, frozen=True):
    """A network that can be loaded."""

    model: Model
    same: Hashable  # equal for every description of the same network
    arch: str
    network: Network
    title: str
    short: str  # its architecture, and what the file says beyond it


def known_network(model: Model, network: Network, arch: str) -> Known:
    """Describe a network; ``arch`` is the name or path that no other architecture has."""
    extras = []
    if network.dialect != PAPER:
        extras.append(f"dialect {network.dialect}")
    if network.twin:
        extras.append(f"{network.twin} twin")
    if model.classes is not None:
        extras.append(f"{network.classes} classes")
    size_of = [f"α {network.alpha:g}"] if model.alpha is not None else []
    size_of += [f"at {network.resolution} px"] if model.resolution is not None else []
    if network.original.source is not None:
        from mncost.titles import input_words

        words = " ".join([network.arch, f"for {input_words(network)}", *extras[1:]])
        if model.input_data is not None:
            words += f" of {Path(model.input_data).name}"
        same_input = (arch, model.input, model.resolution, model.input_data, network.twin)
        return Known(model, same_input, network.arch, network, words, words)
    same = (arch, network.dialect, network.alpha, network.resolution, network.classes, network.twin)
    title = f"{network.arch} α {network.alpha:g} at {network.resolution} px"
    short = " ".join([network.arch, *size_of])
    titles = (", ".join([words, *extras]) for words in (title, short))
    return Known(model, same, network.arch, network, *titles)
