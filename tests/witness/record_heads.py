"""Record what torchvision's detectors and segmenters are, and what they compute.

Of each: multiply-accumulates at several sizes, parameters, shapes of the outputs, and some elements
of the outputs with weights that :func:`filled` makes, for an image of :func:`wave`.

Usage: python record_heads.py
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import segmentation
from torchvision.models.detection import ssd300_vgg16, ssdlite320_mobilenet_v3_large

SIZES = ((320, 320), (224, 224), (97, 160))
SMALL = (97, 128)
# Its last convolutions pad nothing, so that smaller images leave nothing.
LARGE = ((300, 300), (320, 320), (310, 352)), (289, 304)
SEGMENTERS = (
    *("lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large", "fcn_resnet50"),
    "deeplabv3_resnet50",
)


def wave(*shape: int, phase: float = 0.0) -> Tensor:
    """Return a sine, the same everywhere."""
    count = torch.Size(shape).numel()
    return (torch.arange(count, dtype=torch.float64) * 0.7 + phase).sin().float().reshape(shape)


def filled(name: str, shape: tuple[int, ...], place: int) -> Tensor:
    """Return the values of a tensor of a state dict, by its place there."""
    values = wave(*shape, phase=float(place))
    if len(shape) > 1:
        return values * float((2 / torch.Size(shape[1:]).numel()) ** 0.5)
    centred = name.endswith(("bias", "running_mean"))
    return values * 0.1 if centred else 1 + 0.3 * values


class Detector(nn.Module):
    """A detector without resizing, normalising and choosing boxes."""

    def __init__(self, make: Callable[..., nn.Module] = ssdlite320_mobilenet_v3_large) -> None:
        super().__init__()
        self.whole = make(weights=None, weights_backbone=None)

    def forward(self, x: Tensor) -> list[Tensor]:
        heads = self.whole.head([*self.whole.backbone(x).values()])
        return [heads["cls_logits"], heads["bbox_regression"]]


class Segmenter(nn.Module):
    """A segmenter."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.whole = getattr(segmentation, name)(weights=None, weights_backbone=None)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.whole(x)["out"]]


def facts(
    model: nn.Module, sizes: Sequence[tuple[int, int]] = SIZES, small: tuple[int, int] = SMALL
) -> dict[str, Any]:
    """Return what is recorded of a model; its outputs for the small image."""
    model.eval()
    state = model.state_dict()
    held = [name for name in state if not name.endswith("num_batches_tracked")]
    for place, name in enumerate(held):
        state[name].copy_(filled(name, tuple(state[name].shape), place))
    macs, shapes = {}, {}
    for height, width in (*sizes, small):
        image = wave(1, 3, height, width)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            outputs = model(image)
        macs[f"{height}x{width}"] = counter.get_total_flops() // 2
        shapes[f"{height}x{width}"] = [list(output.shape[1:]) for output in outputs]
    some = [output.flatten()[:: output.numel() // 40].tolist() for output in outputs]
    params = sum(p.numel() for p in model.parameters())
    return {"params": params, "macs": macs, "shapes": shapes, "outputs": some}


if __name__ == "__main__":
    models = {"ssdlite320_mobilenet_v3_large": Detector()}
    models |= {name: Segmenter(name) for name in SEGMENTERS}
    recorded = {name: facts(model) for name, model in models.items()}
    recorded["ssd300_vgg16"] = facts(Detector(ssd300_vgg16), *LARGE)
    whole = {"torchvision": torchvision.__version__, "networks": recorded}
    file = Path(__file__).with_name("heads.json")
    file.write_text(json.dumps(whole, separators=(",", ":")) + "\n")
