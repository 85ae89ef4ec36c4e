"""The block ``mobile_mqa``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import Attention, LayerScale
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row
from mncost.spec.values import Kernel, Repeats, size_of

__all__ = ["MobileMQA"]


class MobileMQA(Row, frozen=True, kw_only=True, tag="mobile_mqa"):
    """MobileNetV4: attention with many query heads and one key and value head."""

    dilates = True

    heads: Annotated[int, Meta(ge=1, le=1024)]
    key_dim: Annotated[int, Meta(ge=1, le=4096)]
    kv_kernel: Kernel = 3
    kv_stride: Annotated[int, Meta(ge=1, le=8)] = 1
    repeats: Repeats | None = None
    layer_scale: bool = False
    residual: bool = True

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the norm, the projections, the attention, the layer scale and the sum."""
        start, channels, queries = b.last, block.in_channels, self.heads * self.key_dim
        x = b.norm("", channels)
        query = b.conv("query.", channels, queries, norm=False, bias=False, source=x)
        key = self._keys_or_values(b, "key.", x, block)
        value = self._keys_or_values(b, "value.", x, block)
        b.add("attention", Attention(self.heads, self.key_dim), query, key, value)
        b.conv("output.", queries, channels, norm=False, bias=False)
        if self.layer_scale:
            b.add("layer_scale", LayerScale(channels))
        b.residual(start, block.channels, block.stride, wanted=self.residual)

    def _keys_or_values(self, b: Emitter, role: str, x: int, block: Block) -> int:
        channels = block.in_channels
        if self.kv_stride > 1:
            kernel, stride, dilation = (
                size_of(self.kv_kernel),
                size_of(self.kv_stride),
                block.dilated(1),
            )
            x = b.depthwise(f"{role}down.", channels, kernel, stride, dilation=dilation, source=x)
        return b.conv(role, channels, self.key_dim, norm=False, bias=False, source=x)
