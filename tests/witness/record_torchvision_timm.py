"""Record, layer by layer, the MobileNets torchvision and timm really build.

Every model is built and run on the meta device; forward hooks see each
convolution, linear layer, batch norm and layer scale in execution order.  A
function mode sees the attention products and checks that no convolution or
linear call goes by without a hook.

Usage: python record_torchvision_timm.py [torchvision] [timm]
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from witness_grid import grid, layer, network, write

HERE = Path(__file__).parent
RUNNING = ("running_mean", "running_var")


def import_torchvision() -> Any:
    """Import torchvision even when its compiled operators do not load.

    It registers fake kernels for its own detection operators at import; beside
    a torch they were not compiled for, those operators do not exist.  No
    MobileNet uses them, so the registrations that fail are skipped.
    """
    real = torch.library.register_fake

    def tolerant(op: Any, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        def register(function: Any) -> Any:
            try:
                return real(op, *args, **kwargs)(function)
            except RuntimeError:
                return function

        return register

    torch.library.register_fake = tolerant
    try:
        import torchvision
    finally:
        torch.library.register_fake = real
    return torchvision


def one(values: tuple[int, ...]) -> int:
    """Return the single value of a square kernel or stride."""
    (value,) = set(values)
    return value


class Recorder(TorchFunctionMode):
    """Collect a layer table while a model runs inside it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.layers: list[list[Any]] = []
        self.calls: Counter[str] = Counter()
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(self.conv)
            elif isinstance(module, nn.Linear):
                module.register_forward_hook(self.linear)
            elif isinstance(module, nn.BatchNorm2d):
                module.register_forward_hook(self.batch_norm)
            elif type(module).__name__ == "LayerScale2d":
                module.register_forward_hook(self.layer_scale)
            elif next(module.parameters(recurse=False), None) is not None:
                raise TypeError(f"unknown layer with weights: {module}")

    def conv(self, module: nn.Conv2d, _: Any, out: torch.Tensor) -> None:
        height, width = out.shape[2:]
        self.layers.append(
            layer(
                "conv",
                module.in_channels,
                module.out_channels,
                kernel=one(module.kernel_size),
                stride=one(module.stride),
                groups=module.groups,
                bias=int(module.bias is not None),
                out_hw=(height, width),
                params=sum(p.numel() for p in module.parameters()),
                macs=module.weight.numel() * height * width,
            )
        )

    def linear(self, module: nn.Linear, _: Any, out: torch.Tensor) -> None:
        self.layers.append(
            layer(
                "linear",
                module.in_features,
                module.out_features,
                kernel=1,
                stride=1,
                groups=1,
                bias=int(module.bias is not None),
                out_hw=(1, 1),
                params=sum(p.numel() for p in module.parameters()),
                macs=module.weight.numel() * (out.numel() // out.shape[-1]),
            )
        )

    def per_channel(self, kind: str, module: nn.Module, out: torch.Tensor) -> None:
        _, channels, height, width = out.shape
        params = sum(p.numel() for p in module.parameters(recurse=False))
        self.layers.append(layer(kind, channels, channels, out_hw=(height, width), params=params))

    def batch_norm(self, module: nn.Module, _: Any, out: torch.Tensor) -> None:
        self.per_channel("batch_norm", module, out)

    def layer_scale(self, module: nn.Module, _: Any, out: torch.Tensor) -> None:
        self.per_channel("layer_scale", module, out)

    def attention(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> None:
        """Count Q K^T and the weighted sum of V, shapes (batch, heads, n, d)."""
        heads, queries, depth = q.shape[1:]
        keys, value_depth = v.shape[2:]
        if k.shape[2] != keys:
            raise ValueError("keys and values differ in number")
        self.layers.append(
            layer(
                "attention",
                heads * depth,
                heads * value_depth,
                groups=heads,
                macs=heads * queries * keys * (depth + value_depth),
            )
        )

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        self.calls[name] += 1
        if name in ("matmul", "bmm", "mm", "addmm", "baddbmm", "einsum"):
            raise TypeError(f"unrecorded product: {name}")
        if name == "scaled_dot_product_attention":
            self.attention(*args[:3])
        return func(*args, **(kwargs or {}))


def record(
    project: str,
    builder: str,
    build: Callable[[], nn.Module],
    where: tuple[str, str, float, int],
) -> dict[str, Any]:
    """Build one model on the meta device, run it, and return its record."""
    with torch.device("meta"):
        model = build().eval()
        image = torch.zeros(1, 3, where[3], where[3])
    with torch.no_grad(), Recorder(model) as seen:
        classes = model(image).shape[1]
    kinds = Counter(row[0] for row in seen.layers)
    if (kinds["conv"], kinds["linear"]) != (seen.calls["conv2d"], seen.calls["linear"]):
        raise ValueError(f"{builder}: calls without a hook: {seen.calls}")
    params = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if params != sum(row[-2] for row in seen.layers):
        raise ValueError(f"{builder}: weights outside the recorded layers")
    buffers = dict(model.named_buffers())
    running = [b for n, b in buffers.items() if n.rsplit(".", 1)[-1] in RUNNING]
    totals = {
        "classes": classes,
        "params": params,
        "buffers": sum(b.numel() for b in running),
    }
    return network(project, builder, where, totals, seen.layers)


def torchvision_records() -> Iterator[dict[str, Any]]:
    """Yield every torchvision network of the grid."""
    torchvision = import_torchvision()
    project = f"torchvision {torchvision.__version__.split('+')[0]}"
    names = {
        "v2": "mobilenet_v2",
        "v3-large": "mobilenet_v3_large",
        "v3-small": "mobilenet_v3_small",
    }
    for arch, name in names.items():
        make = getattr(torchvision.models, name)
        for alpha, size in grid(arch):
            yield record(
                project,
                f"torchvision.models.{name}(width_mult={alpha})",
                lambda make=make, alpha=alpha: make(width_mult=alpha),
                (arch, "torchvision", alpha, size),
            )


def timm_records() -> Iterator[dict[str, Any]]:
    """Yield every timm network of the grid, by timm's own generators."""
    import_torchvision()
    import timm
    from timm.models import efficientnet, mobilenetv3

    project = f"timm {timm.__version__}"
    generators = {
        "v1": (efficientnet._gen_mobilenet_v1, "mobilenetv1_100"),
        "v2": (efficientnet._gen_mobilenet_v2, "mobilenetv2_100"),
        "v3-large": (mobilenetv3._gen_mobilenet_v3, "mobilenetv3_large_100"),
        "v3-small": (mobilenetv3._gen_mobilenet_v3, "mobilenetv3_small_100"),
        "v3-large-minimalistic": (
            mobilenetv3._gen_mobilenet_v3,
            "tf_mobilenetv3_large_minimal_100",
        ),
        "v3-small-minimalistic": (
            mobilenetv3._gen_mobilenet_v3,
            "tf_mobilenetv3_small_minimal_100",
        ),
        "v4-conv-s": (mobilenetv3._gen_mobilenet_v4, "mobilenetv4_conv_small"),
        "v4-conv-m": (mobilenetv3._gen_mobilenet_v4, "mobilenetv4_conv_medium"),
        "v4-conv-l": (mobilenetv3._gen_mobilenet_v4, "mobilenetv4_conv_large"),
        "v4-hybrid-m": (mobilenetv3._gen_mobilenet_v4, "mobilenetv4_hybrid_medium"),
        "v4-hybrid-l": (mobilenetv3._gen_mobilenet_v4, "mobilenetv4_hybrid_large"),
    }
    for arch, (make, variant) in generators.items():
        for alpha, size in grid(arch):
            yield record(
                project,
                f"{make.__name__}({variant!r}, {alpha})",
                lambda make=make, variant=variant, alpha=alpha: make(variant, alpha),
                (arch, "timm", alpha, size),
            )


def main() -> None:
    sources = {"torchvision": torchvision_records, "timm": timm_records}
    for name in sys.argv[1:] or sources:
        write(HERE / f"{name}.jsonl.gz", sources[name]())


if __name__ == "__main__":
    main()
