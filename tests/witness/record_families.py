"""Record, layer by layer, the other families as torchvision and timm really build them.

Like ``record_torchvision_timm.py``, whose hooks this adds to: layer norms, attention over tokens,
and the parameters that belong to no layer (class tokens, positions, layer scales). A detector's
boxes are not computed: its backbone and its heads are called.

Usage: python record_families.py [torchvision] [timm] [NAME of one of our networks ...]
"""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from record_torchvision_timm import RUNNING, Recorder, import_torchvision
from witness_grid import layer, network, write

MEGVII = Path("ShuffleNetV1")  # of a checkout of megvii-model/ShuffleNet-Series
REVISION = "aa91feb71b01"
HERE = Path(__file__).parent / "families"
Size = int | str


class Case(NamedTuple):
    """A network of ours, and the expression that builds it in the project."""

    arch: str
    dialect: str
    builder: str
    native: Size = 224
    others: tuple[Size, ...] = (129, "160x224")
    alpha: float = 1.0


class FamilyRecorder(Recorder):
    """The hooks of the MobileNets, and those that other families need."""

    def __init__(self, model: nn.Module) -> None:
        self.layers: list[list[Any]] = []
        for module in model.modules():
            self.hook(module)
        plain = [m for m in model.modules() if not hasattr(m, "_recorded")]
        # What has hooks here is hidden from the other class, which refuses what it does not know.
        held = nn.ModuleList()
        held.modules = lambda: iter(plain)  # type: ignore[method-assign]
        rows = self.layers
        super().__init__(held)
        self.layers = rows
        for module in model.modules():
            self.hook_patches(module)
        self.extra_linears = 0

    def hook(self, module: nn.Module) -> None:
        """Add the hooks of a module that the other class does not know."""
        kind = type(module).__name__
        if isinstance(module, nn.LayerNorm):
            module.register_forward_hook(self.layer_norm)
            self.mark(module)
        elif isinstance(module, nn.MultiheadAttention):
            module.register_forward_hook(self.multi_head)
            self.mark(module)
            self.mark(module.out_proj)
        elif kind == "CNBlock":
            module.block.register_forward_hook(self.held(module.layer_scale, "layer_scale"))
            self.mark(module)
        elif kind == "ConvNeXtBlock":
            module.mlp.register_forward_hook(self.held(module.gamma, "layer_scale"))
            self.mark(module)
        elif kind == "SSDFeatureExtractorVGG":
            module.features.register_forward_hook(self.held(module.scale_weight, "layer_scale"))
            self.mark(module)
        elif kind == "VisionTransformer":
            self.mark(module)
        elif kind == "Encoder":
            module.register_forward_pre_hook(self.before(module.pos_embedding, "positions"))
            self.mark(module)

    def hook_patches(self, module: nn.Module) -> None:
        """Add the hooks that run behind that of the convolution which makes patches."""
        if type(module).__name__ != "VisionTransformer":
            return
        if hasattr(module, "conv_proj"):
            module.conv_proj.register_forward_hook(self.held(module.class_token, "class_token"))
        else:
            module.patch_embed.register_forward_hook(self.held(module.cls_token, "class_token"))
            module.patch_embed.register_forward_hook(self.held(module.pos_embed, "positions"))

    def attention(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> None:
        """Count the products of all sequences: MobileViT has one for each pixel of a patch."""
        super().attention(q, k, v)
        self.layers[-1][-1] *= q.shape[0]

    @staticmethod
    def mark(module: nn.Module) -> None:
        module._recorded = True

    def held(self, parameter: torch.Tensor, kind: str) -> Callable[..., None]:
        """Return a hook that records a parameter which belongs to no layer."""
        return lambda module, inputs, out: self.parameter(parameter, kind, out)

    def before(self, parameter: torch.Tensor, kind: str) -> Callable[..., None]:
        return lambda module, inputs: self.parameter(parameter, kind, None)

    def parameter(self, parameter: torch.Tensor, kind: str, out: torch.Tensor | None) -> None:
        channels = parameter.numel() if kind != "positions" else parameter.shape[-1]
        size: tuple[int | None, int | None] = (None, None)
        if kind == "layer_scale":
            assert out is not None  # (N, C, H, W) in both, behind their blocks
            size = tuple(out.shape[2:]) if out.shape[1] == channels else tuple(out.shape[1:3])
        self.layers.append(layer(kind, channels, channels, out_hw=size, params=parameter.numel()))

    def layer_norm(self, module: nn.LayerNorm, _: Any, out: torch.Tensor) -> None:
        (channels,) = module.normalized_shape
        size: tuple[int | None, int | None] = (None, None)
        if out.dim() == 4:
            first = type(module).__name__ == "LayerNorm2d"
            size = tuple(out.shape[2:]) if first else tuple(out.shape[1:3])
        params = sum(p.numel() for p in module.parameters())
        self.layers.append(layer("layer_norm", channels, channels, out_hw=size, params=params))

    def linear(self, module: nn.Linear, _: Any, out: torch.Tensor) -> None:
        """Record where it is applied: to a vector, to tokens, or to each pixel of an image."""
        super().linear(module, _, out)
        row = self.layers[-1]
        if out.dim() == 4:
            row[7:9] = out.shape[1:3]
        elif out.dim() == 3:
            row[7:9] = out.shape[1], 1

    def multi_head(self, module: nn.MultiheadAttention, inputs: Any, out: Any) -> None:
        """Record torch's attention: one layer for queries, keys and values, products, output."""
        tokens, width = out[0].shape[1:]
        assert module.batch_first
        assert module.in_proj_weight is not None
        heads = module.num_heads
        for outputs, position in ((3 * width, 0), (width, 2)):
            row = layer(
                "linear",
                width,
                outputs,
                kernel=1,
                stride=1,
                groups=1,
                bias=1,
                out_hw=(tokens, 1),
                params=(width + 1) * outputs,
                macs=width * outputs * tokens,
            )
            self.layers.append(row)
            if position == 0:
                macs = 2 * tokens * tokens * width
                self.layers.append(layer("attention", width, width, groups=heads, macs=macs))
        # F.multi_head_attention_forward was seen as one function, with its two linear layers inside
        self.extra_linears += 2

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") == "multi_head_attention_forward":
            return func(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)


def image_of(size: Size) -> torch.Tensor:
    height, _, width = str(size).partition("x")
    return torch.zeros(1, 3, int(height), int(width or height))


def called(model: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """Return what a model answers; of a detector, what its heads do."""
    if hasattr(model, "anchor_generator"):
        features = list(model.backbone(image).values())
        return model.head(features)["cls_logits"].permute(0, 2, 1)
    out = model(image)
    return out["out"] if isinstance(out, dict) else out


def record(project: str, case: Case, size: Size, build: Callable[[], nn.Module]) -> dict[str, Any]:
    """Build one model on the meta device, run it, and return its record."""
    with torch.device("meta"):
        model = build().eval()
        image = image_of(size)
    with torch.no_grad(), FamilyRecorder(model) as seen:
        classes = called(model, image).shape[1]
    kinds = [row[0] for row in seen.layers]
    linears = kinds.count("linear") - seen.extra_linears
    if (kinds.count("conv"), linears) != (seen.calls["conv2d"], seen.calls["linear"]):
        raise ValueError(f"{case.builder}: calls without a hook: {seen.calls}")
    params = sum(p.numel() for p in model.parameters())
    if params != sum(row[-2] for row in seen.layers):
        found = sum(row[-2] for row in seen.layers)
        raise ValueError(f"{case.builder}: {params} weights, {found} in the recorded layers")
    running = [b for n, b in model.named_buffers() if n.rsplit(".", 1)[-1] in RUNNING]
    totals = {"classes": classes, "params": params, "buffers": sum(b.numel() for b in running)}
    where = (case.arch, case.dialect, case.alpha, size)
    return network(project, case.builder, where, totals, seen.layers)


def records(name: str, cases: list[Case], names: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the records of a project's cases: each at its native size and at the others."""
    for case in cases:
        for size in (case.native, *case.others):
            if case.alpha != 1 and size != case.native:
                continue
            builder = case.builder.format(side=str(size).partition("x")[0])
            yield record(
                name, case._replace(builder=builder), size, lambda b=builder: eval(b, names)
            )
            print(case.arch, case.alpha, size, file=sys.stderr)


def main() -> None:
    from family_cases import SHUFFLENETS, TIMM, TORCHVISION

    torch.backends.mha.set_fastpath_enabled(False)
    torchvision = import_torchvision()
    import timm
    from torchvision.models import segmentation  # noqa: F401  the builders name it

    version = torchvision.__version__.split("+")[0]
    sys.path.insert(0, str(MEGVII))
    megvii = importlib.import_module("network") if MEGVII.is_dir() else None
    projects = {
        "megvii": (f"megvii-model/ShuffleNet-Series {REVISION}", SHUFFLENETS, {"megvii": megvii}),
        "torchvision": (f"torchvision {version}", TORCHVISION, {"torchvision": torchvision}),
        "timm": (f"timm {timm.__version__}", TIMM, {"timm": timm}),
    }
    asked = sys.argv[1:]
    HERE.mkdir(exist_ok=True)
    for name, (project, cases, names) in projects.items():
        if asked and name not in asked:
            continue
        only = [a for a in asked if a not in projects]
        chosen = [c for c in cases if not only or any(c.arch.startswith(a) for a in only)]
        path = HERE / f"{name}.jsonl.gz"
        kept = []
        if only and path.is_file():
            lines = gzip.decompress(path.read_bytes()).decode().splitlines()
            new = {(c.arch, c.dialect) for c in chosen}
            old = map(json.loads, lines)
            every = {(c.arch, c.dialect) for c in cases} - new
            kept = [one for one in old if (one["arch"], one["dialect"]) in every]
        made = [*kept, *records(project, chosen, names)]
        order = {(c.arch, c.dialect): i for i, c in enumerate(cases)}
        made.sort(key=lambda one: order[one["arch"], one["dialect"]])
        write(path, made)


if __name__ == "__main__":
    main()
