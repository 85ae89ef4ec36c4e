"""Two networks side by side: what changed from one to the other, layer by layer."""

from __future__ import annotations

from mncost.cost.model_changes import LayerChange, changes
from mncost.network import Network
from mncost.render.shown import Shown

__all__ = ["ModelChanges", "diff_models"]


class ModelChanges(Shown):
    """What changed from one network to another.

    Attributes:
        old: the network that was.
        new: the network that is.
        layers: all layers of both, in order; see :attr:`changed` for those that differ.
    """

    def __init__(self, old: Network, new: Network) -> None:
        """Use :func:`diff_models`."""
        self.old, self.new = old, new
        self.layers: tuple[LayerChange, ...] = tuple(changes(old.layers, new.layers))

    def __repr__(self) -> str:
        """Say how many layers differ."""
        return f"<mncost.ModelChanges of {len(self.layers)} layers: {len(self.changed)} differ>"

    @property
    def changed(self) -> tuple[LayerChange, ...]:
        """The layers that are new, gone, or have another shape or cost."""
        return tuple(one for one in self.layers if one.change != "same")


def diff_models(old: Network, new: Network) -> ModelChanges:
    """Return what changed from one network to another: shapes, parameters, MACs, bytes, by layer.

    Layers are matched by name, or, if less than half of the names agree, by kind and shape.

    Args:
        old: the network that was: of an architecture, a file, or a module in hand.
        new: the network that is.
    """
    return ModelChanges(old, new)
