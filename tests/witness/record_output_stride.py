"""Record which filters torchvision and timm build where strides become dilations.

Of each convolution that is no 1×1, in execution order: channels in, side of the kernel, stride,
dilation, side of its result.

Usage: python record_output_stride.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import nn
from torchvision.models import mobilenetv3

TIMM = (
    *("mobilenetv1_100", "mobilenetv2_100", "mobilenetv3_large_100", "mobilenetv4_conv_small"),
    *("mobilenetv4_hybrid_medium", "resnet18", "resnet50"),
)
SIDES = (224, 97)


def filters(model: nn.Module, side: int) -> list[list[int]]:
    """Run a model and look at its convolutions."""
    seen: list[list[int]] = []

    def look(conv: nn.Conv2d, inputs: object, result: torch.Tensor) -> None:
        kernel, stride, dilation = conv.kernel_size[0], conv.stride[0], conv.dilation[0]
        seen.append([conv.in_channels, kernel, stride, dilation, result.shape[2]])

    for module in model.eval().modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1):
            module.register_forward_hook(look)
    with torch.no_grad():
        model(torch.zeros(1, 3, side, side))
    return seen


def networks() -> dict[str, Any]:
    """Return what is recorded, by project, name, output stride and side."""
    made: dict[str, Any] = {}
    for side in SIDES:
        for name in TIMM:
            for limit in (8, 16):
                model = timm.create_model(name, output_stride=limit, features_only=True)
                made[f"timm {name} {limit} {side}"] = filters(model, side)
        settings, last = mobilenetv3._mobilenet_v3_conf("mobilenet_v3_large", dilated=True)
        dilated = mobilenetv3.MobileNetV3(settings, last)
        made[f"torchvision mobilenet_v3_large 16 {side}"] = filters(dilated, side)
        strides = [False, True, True]
        resnet = torchvision.models.resnet50(replace_stride_with_dilation=strides)
        made[f"torchvision resnet50 8 {side}"] = filters(resnet, side)
    return made


if __name__ == "__main__":
    versions = {"timm": timm.__version__, "torchvision": torchvision.__version__}
    found = {"versions": versions, "networks": networks()}
    file = Path(__file__).with_name("output_stride.json")
    file.write_text(json.dumps(found, separators=(",", ":")) + "\n")
