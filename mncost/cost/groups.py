"""Layers added up by block, by stage or by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from mncost.cost.layers import Layer

__all__ = ["GROUPINGS", "Group", "group"]

GROUPINGS: dict[str, Callable[[Layer], str]] = {
    "block": lambda layer: layer.block,
    "stage": lambda layer: str(layer.stage),
    "kind": lambda layer: layer.kind,
}


class Group(Struct, frozen=True, kw_only=True):
    """Several layers together.

    Attributes:
        name: the block, the number of the stage, or the kind.
        layers: how many of them have multiply-accumulates or parameters.
        out_channels, out_height, out_width: of the last one; ``None`` if they are no sequence.
        params_share, macs_share: of the whole network's, from 0 to 1.
    """

    name: str
    layers: int
    out_channels: int | None
    out_height: int | None
    out_width: int | None
    params: int
    params_share: float
    buffers: int
    macs: int
    macs_share: float
    bytes_read: int
    bytes_written: int

    @property
    def intensity(self) -> float | None:
        """Arithmetic intensity: multiply-accumulates a byte moved; ``None`` if no byte is."""
        moved = self.bytes_read + self.bytes_written
        return self.macs / moved if moved else None


def group(layers: Iterable[Layer], by: str) -> list[Group]:
    """Add layers up ``by`` block, stage or kind, in order of appearance.

    A group that neither computes, holds nor moves anything (dropout) is left out.
    """
    layers = list(layers)
    total = _sum(layers, "params") or 1, _sum(layers, "macs") or 1
    members: dict[str, list[Layer]] = {}
    for layer in layers:
        members.setdefault(GROUPINGS[by](layer), []).append(layer)
    groups = (_group(name, alike, by, total) for name, alike in members.items())
    return [g for g in groups if g.layers or g.bytes_written]


def _group(name: str, layers: list[Layer], by: str, total: tuple[int, int]) -> Group:
    last = layers[-1] if by != "kind" else None
    params, macs = _sum(layers, "params"), _sum(layers, "macs")
    return Group(
        name=name,
        layers=sum(1 for layer in layers if layer.macs or layer.params),
        out_channels=last.out_channels if last else None,
        out_height=last.out_height if last else None,
        out_width=last.out_width if last else None,
        params=params,
        params_share=params / total[0],
        buffers=_sum(layers, "buffers"),
        macs=macs,
        macs_share=macs / total[1],
        bytes_read=_sum(layers, "bytes_read"),
        bytes_written=_sum(layers, "bytes_written"),
    )


def _sum(layers: list[Layer], field: str) -> int:
    return sum(getattr(layer, field) for layer in layers)
