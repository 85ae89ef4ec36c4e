"""The block ``uib``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import LayerScale
from mncost.spec.blocks.inverted import Inverted
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block
from mncost.spec.values import KernelSides, size_of

__all__ = ["UniversalInvertedBottleneck"]

OptionalKernel = Annotated[
    Annotated[int, Meta(ge=0, le=64)] | KernelSides,
    Meta(description="Side of the kernel, or [height, width]; 0 is absent."),
]


class UniversalInvertedBottleneck(Inverted, frozen=True, kw_only=True, tag="uib"):
    """MobileNetV4: [depthwise K1], expand 1×1, [depthwise K2], project 1×1.

    Both kernels: ExtraDW. Only the middle one: IB. Only the start: ConvNext. None: FFN.
    """

    start_kernel: OptionalKernel = 0
    middle_kernel: OptionalKernel = 0
    layer_scale: bool = False

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        super().__post_init__()
        if size_of(self.stride) != (1, 1) and not (self.start_kernel or self.middle_kernel):
            raise ValueError("a `stride` needs a `start_kernel` or a `middle_kernel` to stand on")

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the convolutions, the layer scale and the sum."""
        start, channels, expanded = b.last, block.in_channels, block.expanded
        dilation = block.dilated(1)
        assert expanded is not None
        # The stride stands on the middle depthwise where there is one, else on the start.
        start_stride = (1, 1) if self.middle_kernel else block.stride
        if self.start_kernel:
            kernel = size_of(self.start_kernel)
            b.depthwise("start.", channels, kernel, start_stride, dilation=dilation)
        b.conv("expand.", channels, expanded, activation=self.activation)
        if self.middle_kernel:
            kernel = size_of(self.middle_kernel)
            stride, act = block.stride, self.activation
            b.depthwise("middle.", expanded, kernel, stride, dilation=dilation, activation=act)
        b.conv("project.", expanded, block.out_channels)
        if self.layer_scale:
            b.add("layer_scale", LayerScale(block.out_channels))
        b.residual(start, block.channels, block.stride, wanted=self.residual)
