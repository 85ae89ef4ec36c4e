"""What changed from one network to another, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple, TypeAlias

from mncost.cost.layers import Layer

__all__ = ["Change", "LayerChange", "changes"]

Change: TypeAlias = Literal["same", "changed", "added", "removed"]


class LayerChange(NamedTuple):
    """A layer of the old network, of the new one, or of both."""

    old: Layer | None
    new: Layer | None

    @property
    def name(self) -> str:
        """What it is called; in the new network if it is there."""
        layer = self.new or self.old
        assert layer is not None
        return layer.name

    @property
    def change(self) -> Change:
        """What happened to it."""
        if self.old is None or self.new is None:
            return "added" if self.old is None else "removed"
        return "same" if _signature(self.old) == _signature(self.new) else "changed"


def changes(old: Sequence[Layer], new: Sequence[Layer]) -> list[LayerChange]:
    """Return the layers of two networks side by side, in the order of the new one.

    Layers of one name are the same layer. Where exporters named the two networks differently (less
    than half of the names are shared), layers are aligned by what they are.
    """
    shared = {layer.name for layer in old} & {layer.name for layer in new}
    by_name = 2 * len(shared) >= min(len(old), len(new))
    keys = [[_key(layer, by_name=by_name) for layer in layers] for layers in (old, new)]
    aligned: list[LayerChange] = []
    matcher = SequenceMatcher(None, keys[0], keys[1], autojunk=False)
    for what, first, last, begin, end in matcher.get_opcodes():
        before, after = old[first:last], new[begin:end]
        if what == "equal" or (len(before) == len(after) and not by_name):
            aligned += map(LayerChange, before, after)
        else:
            aligned += [LayerChange(layer, None) for layer in before]
            aligned += [LayerChange(None, layer) for layer in after]
    return aligned


def _key(layer: Layer, *, by_name: bool) -> object:
    return layer.name if by_name else _signature(layer)


def _signature(layer: Layer) -> tuple[object, ...]:
    """Return everything about a layer but its name and its place."""
    return tuple(
        getattr(layer, name)
        for name in layer.__struct_fields__
        if name not in ("name", "block", "stage")
    )
