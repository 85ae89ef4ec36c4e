"""Widths that a runtime dislikes: what is slower than its multiply-accumulates say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mncost.errors import InputError
from mncost.label import Label, fact_words
from mncost.measure.runtimes.blocked import layout_of
from mncost.network import Network
from mncost.which import Which

__all__ = ["hints", "layout_words", "nearby_alphas", "some"]

_STEP, _STEPS = 0.01, 15  # of α, on either side
_NAMED = 3  # layers


def hints(which: Which) -> Iterator[str]:
    """Say which networks leave ONNX Runtime's blocked layout, and which α nearby do not."""
    for network in {one.label: one for one in which.grid()}.values():  # at any resolution
        if words := layout_words(network):
            file = network.architecture.file if network.architecture else ""
            file = "-" if file == "standard input" else file
            named = replace(which, arch=file or network.arch, dialect=network.dialect)
            yield f"{words}; {_nearby(network, named)}"


def layout_words(network: Network) -> str:
    """Say which convolutions leave the blocked layout; ``""`` if none does."""
    layout = layout_of(network.graph)
    if not layout.unblocked:
        return ""
    names = some(layout.unblocked)
    name = " ".join([network.arch, *fact_words(network.label, "alpha", "dialect")])
    channels = some(map(str, layout.channels))
    return (
        f"{name}: {len(layout.unblocked)} of {layout.convolutions} convolutions leave "
        f"ONNX Runtime's blocked layout on x86 and are slower: {channels} channels do not fit into "
        f"it ({names})"
    )


def nearby_alphas(label: Label) -> str:
    """Say which α near that of a network keep all convolutions; ``""`` if its name is not known."""
    known = Which(arch=label.arch, dialect=label.dialect)
    try:
        network = replace(known, alpha=label.alpha).grid()[0]
    except InputError:  # the file of a run that was measured elsewhere
        return ""
    return _nearby(network, known)


def some(names: Iterable[str]) -> str:
    """Return the first of some names."""
    every = [*names]
    return ", ".join(every[:_NAMED]) + " ..." * (len(every) > _NAMED)


def _nearby(network: Network, which: Which) -> str:
    """Say which α on either side keep all convolutions in the layout."""
    alpha = network.alpha
    if alpha is None:
        return "its file decides"
    kept = []
    for side in (-1, 1):
        for step in range(1, _STEPS + 1):
            tried = round(alpha + side * step * _STEP, 2)
            try:
                other = replace(which, alpha=tried).grid()[0]
            except InputError:  # α 0, or a checkpoint, whose name says α
                break
            if not layout_of(other.graph).unblocked:
                kept.append(f"{tried:g}")
                break
    if not kept:
        return f"no α within {_STEP * _STEPS:g} keeps all in it"
    return f"α {' and '.join(kept)} keep{'s' * (len(kept) == 1)} all in it"
