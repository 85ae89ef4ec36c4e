"""Record what counting tools really print for the MobileNets of torchvision and timm.

Every model is built with random weights and given to each tool, on a CPU. A tool that fails on a
model has ``null``.

Usage: python record_tools.py
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from record_torchvision_timm import import_torchvision

HERE = Path(__file__).parent
DISTRIBUTIONS = {
    "torch": "torch",
    "fvcore": "fvcore",
    "ptflops-pytorch": "ptflops",
    "ptflops-aten": "ptflops",
    "thop": "thop",
    "torchinfo": "torchinfo",
    "torchprofile": "torchprofile",
}


def of_torch(model: nn.Module, image: torch.Tensor) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image)
    return counter.get_total_flops()


def of_fvcore(model: nn.Module, image: torch.Tensor) -> int:
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(model, image)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return int(analysis.total())


def of_ptflops(backend: str) -> Callable[[nn.Module, torch.Tensor], int]:
    def count(model: nn.Module, image: torch.Tensor) -> int:
        from ptflops import get_model_complexity_info

        macs, _ = get_model_complexity_info(
            model,
            tuple(image.shape[1:]),
            as_strings=False,
            print_per_layer_stat=False,
            backend=backend,
        )
        return int(macs)

    return count


def of_thop(model: nn.Module, image: torch.Tensor) -> int:
    import thop

    return int(thop.profile(model, inputs=(image,), verbose=False)[0])


def of_torchinfo(model: nn.Module, image: torch.Tensor) -> int:
    import torchinfo

    return int(torchinfo.summary(model, input_data=image, verbose=0).total_mult_adds)


def of_torchprofile(model: nn.Module, image: torch.Tensor) -> int:
    import torchprofile

    return int(torchprofile.profile_macs(model, image))


TOOLS: dict[str, Callable[[nn.Module, torch.Tensor], int]] = {
    "torch": of_torch,
    "fvcore": of_fvcore,
    "ptflops-pytorch": of_ptflops("pytorch"),
    "ptflops-aten": of_ptflops("aten"),
    "thop": of_thop,
    "torchinfo": of_torchinfo,
    "torchprofile": of_torchprofile,
}


OTHERS = {
    "torchvision": [
        ("resnet-18", "resnet18", 64),
        ("resnet-50", "resnet50", 64),
        ("vgg-11", "vgg11", 64),
        ("vgg-11-bn", "vgg11_bn", 64),
        ("alexnet", "alexnet", 224),
        ("densenet-121", "densenet121", 64),
        ("squeezenet-1.1", "squeezenet1_1", 64),
        ("shufflenet-v2-0.5", "shufflenet_v2_x0_5", 64),
        ("mnasnet-b1", "mnasnet1_0", 64),
        ("efficientnet-b0", "efficientnet_b0", 64),
        ("efficientnet-v2-s", "efficientnet_v2_s", 64),
        ("convnext-t", "convnext_tiny", 64),
        ("vit-b-32", "vit_b_32", 224),
        ("resnext-50-32x4d", "resnext50_32x4d", 64),
    ],
    "timm": [
        ("resnet-18", "resnet18", 64),
        ("resnet-50", "resnet50", 64),
        ("vgg-11", "vgg11", 224),
        ("densenet-121", "densenet121", 64),
        ("ghostnet", "ghostnet_100", 64),
        ("mnasnet-b1", "mnasnet_100", 64),
        ("fbnet-c", "fbnetc_100", 64),
        ("efficientnet-b0", "efficientnet_b0", 64),
        ("efficientnet-lite0", "efficientnet_lite0", 64),
        ("mobilenet-edgetpu-v1", "mobilenet_edgetpu_100", 64),
        ("mobileone-s0", "mobileone_s0", 64),
        ("convnext-t", "convnext_tiny", 64),
        ("vit-b-32", "vit_base_patch32_224", 224),
        ("deit-ti", "deit_tiny_patch16_224", 224),
        ("mobilevit-xxs", "mobilevit_xxs", 256),
    ],
}
"""Other families, most at a size that is quick to run."""


def models() -> Iterator[tuple[str, str, Callable[[], nn.Module], tuple[str, float, int]]]:
    """Yield project, builder, what builds it, and our name for it: arch, α, resolution."""
    torchvision = import_torchvision().models
    builders = {"v2": "mobilenet_v2", "v3-large": "mobilenet_v3_large"}
    builders["v3-small"] = "mobilenet_v3_small"
    for arch, name in builders.items():
        make = getattr(torchvision, name)
        yield "torchvision", f"{name}()", make, (arch, 1.0, 224)
    narrow = torchvision.mobilenet_v2
    yield (
        "torchvision",
        "mobilenet_v2(width_mult=0.35)",
        lambda: narrow(width_mult=0.35),
        ("v2", 0.35, 97),
    )

    for arch, name, size in OTHERS["torchvision"]:
        yield "torchvision", f"{name}()", getattr(torchvision, name), (arch, 1.0, size)

    import timm

    names = {
        "v1": ("mobilenetv1_100", 224),
        "v2": ("mobilenetv2_100", 224),
        "v3-large": ("mobilenetv3_large_100", 224),
        "v3-small": ("mobilenetv3_small_100", 224),
        "v3-large-minimalistic": ("tf_mobilenetv3_large_minimal_100", 224),
        "v4-conv-s": ("mobilenetv4_conv_small", 224),
        "v4-conv-m": ("mobilenetv4_conv_medium", 256),
        "v4-conv-l": ("mobilenetv4_conv_large", 384),
        "v4-hybrid-m": ("mobilenetv4_hybrid_medium", 256),
        "v4-hybrid-l": ("mobilenetv4_hybrid_large", 384),
    }
    for arch, (name, size) in names.items():
        yield (
            "timm",
            f"create_model({name!r})",
            lambda name=name: timm.create_model(name),
            (arch, 1.0, size),
        )
    for arch, name, size in OTHERS["timm"]:
        make = partial(timm.create_model, name)
        yield "timm", f"create_model({name!r})", make, (arch, 1.0, size)


def record(
    project: str,
    builder: str,
    make: Callable[[], nn.Module],
    which: tuple[str, float, int],
) -> dict[str, Any]:
    """Return what every tool prints for one model; each gets a fresh one."""
    arch, alpha, size = which
    numbers: dict[str, int | None] = {}
    for tool, count in TOOLS.items():
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            try:
                numbers[tool] = count(make().eval(), torch.zeros(1, 3, size, size))
            except Exception as error:  # a tool that cannot count it
                print(tool, builder, repr(error), file=sys.stderr)
                numbers[tool] = None
    print(project, builder, numbers, file=sys.stderr, flush=True)
    return {
        "project": project,
        "builder": builder,
        "arch": arch,
        "dialect": project,
        "alpha": alpha,
        "resolution": size,
        "numbers": numbers,
    }


def main() -> None:
    versions = {tool: version(name) for tool, name in DISTRIBUTIONS.items()}
    versions |= {name: version(name) for name in ("torchvision", "timm")}
    lines = [{"versions": versions}, *(record(*model) for model in models())]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (HERE / "tools.jsonl").write_text(text)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
