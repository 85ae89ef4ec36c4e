"""Record what the MobileNets of torchvision and timm compute, to be compared with ours.

Of each model only the names and shapes of its state dict are kept, and what it answers to one fixed
batch once its weights are ``fill``ed: numbers that follow from a tensor's name and shape by integer
arithmetic, so that whoever has names and shapes has the weights too.

Usage, in the environment that ``tests/witness/README.md`` describes: ``python record_foreign.py``
"""

from __future__ import annotations

import gzip
import json
import math
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).parent
FILE = HERE / "foreign.jsonl.gz"
FAMILIES_FILE = HERE / "foreign_families.jsonl.gz"
CLASSES, IMAGES, SIZE = 10, 2, 97

TORCHVISION = {
    "v2": ("mobilenet_v2", (0.35, 0.75, 1.0, 1.4)),
    "v3-large": ("mobilenet_v3_large", (0.75, 1.0)),
    "v3-small": ("mobilenet_v3_small", (0.5, 1.0)),
}
# One network of each other family: ours, its dialect, the call that builds it, the image's side.
FAMILIES = (
    ("resnet-18", "torchvision", "torchvision.models.resnet18({})", 97),
    ("resnext-50-32x4d", "timm", "timm.create_model('resnext50_32x4d', {})", 64),
    ("densenet-121", "torchvision", "torchvision.models.densenet121({})", 97),
    ("squeezenet-1.1", "torchvision", "torchvision.models.squeezenet1_1({})", 97),
    ("shufflenet-v2-0.5", "torchvision", "torchvision.models.shufflenet_v2_x0_5({})", 97),
    ("mnasnet-b1", "torchvision", "torchvision.models.mnasnet1_0({})", 97),
    ("mnasnet-a1", "timm", "timm.create_model('semnasnet_100', {})", 97),
    ("fbnet-c", "timm", "timm.create_model('fbnetc_100', {})", 97),
    ("efficientnet-b0", "torchvision", "torchvision.models.efficientnet_b0({})", 97),
    ("efficientnet-b0", "timm-tf", "timm.create_model('tf_efficientnet_b0', {})", 97),
    ("efficientnet-lite0", "timm", "timm.create_model('efficientnet_lite0', {})", 97),
    ("efficientnet-v2-s", "torchvision", "torchvision.models.efficientnet_v2_s({})", 64),
    ("mobilenet-edgetpu-v1", "timm", "timm.create_model('mobilenet_edgetpu_100', {})", 97),
    ("mobilenet-edgetpu-v2-xs", "timm", "timm.create_model('mobilenet_edgetpu_v2_xs', {})", 97),
    ("ghostnet", "timm", "timm.create_model('ghostnet_100', {})", 97),
    ("mobileone-s0", "timm", "timm.create_model('mobileone_s0', {})", 97),
    ("convnext-t", "torchvision", "torchvision.models.convnext_tiny({})", 64),
    ("convnext-t", "timm", "timm.create_model('convnext_tiny', {})", 64),
    ("vit-b-32", "torchvision", "torchvision.models.vit_b_32(image_size=64, {})", 64),
    ("deit-ti", "timm", "timm.create_model('deit_tiny_patch16_224', img_size=64, {})", 64),
    ("mobilevit-xxs", "timm", "timm.create_model('mobilevit_xxs', {})", 64),
    ("alexnet", "torchvision", "torchvision.models.alexnet({})", 97),
    ("vgg-11", "torchvision", "torchvision.models.vgg11({})", 97),
    ("vgg-11-bn", "timm", "timm.create_model('vgg11_bn', {})", 224),
)

# What timm's entry points of the tf_ models pass on.
TF = {"bn_eps": 1e-3, "pad_type": "same"}
TIMM: dict[str, tuple[str, str, tuple[float, ...], dict[str, Any]]] = {
    "v1": ("_gen_mobilenet_v1", "mobilenetv1_100", (0.5, 1.0), {}),
    "v2": ("_gen_mobilenet_v2", "mobilenetv2_100", (0.5, 1.4), {}),
    "v3-large": ("_gen_mobilenet_v3", "mobilenetv3_large_100", (0.75, 1.0), {}),
    "v3-small": ("_gen_mobilenet_v3", "mobilenetv3_small_100", (0.5, 1.0), {}),
    "v3-large-minimalistic": (
        "_gen_mobilenet_v3",
        "tf_mobilenetv3_large_minimal_100",
        (0.75, 1.0),
        TF,
    ),
    "v3-small-minimalistic": ("_gen_mobilenet_v3", "tf_mobilenetv3_small_minimal_100", (0.75,), TF),
    "v4-conv-s": ("_gen_mobilenet_v4", "mobilenetv4_conv_small", (0.5, 1.0), {}),
    "v4-conv-m": ("_gen_mobilenet_v4", "mobilenetv4_conv_medium", (0.5, 1.0), {}),
    "v4-conv-l": ("_gen_mobilenet_v4", "mobilenetv4_conv_large", (0.25,), {}),
    "v4-hybrid-m": ("_gen_mobilenet_v4", "mobilenetv4_hybrid_medium", (0.5, 1.0), {}),
    "v4-hybrid-l": ("_gen_mobilenet_v4", "mobilenetv4_hybrid_large", (0.25,), {}),
}


def fill(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the numbers that a tensor of this name and shape holds."""
    uniform = _uniform(name, math.prod(shape)).reshape(shape)
    leaf = name.rpartition(".")[-1]
    if leaf == "num_batches_tracked":
        return torch.tensor(1)
    if leaf == "weight" and len(shape) > 1:
        values = (2 * uniform - 1) * math.sqrt(3 / math.prod(shape[1:]))
    elif leaf in ("weight", "running_var"):
        values = 0.5 + uniform
    elif leaf == "gamma":
        values = 0.1 + 0.2 * uniform
    else:
        values = 0.4 * (uniform - 0.5)
    return torch.from_numpy(values.astype("float32"))


def image(size: int = SIZE) -> torch.Tensor:
    """Return the fixed batch."""
    uniform = _uniform("image", IMAGES * 3 * size**2).reshape(IMAGES, 3, size, size)
    return torch.from_numpy((4 * uniform - 2).astype("float32"))


def _uniform(name: str, size: int) -> np.ndarray:
    """Return numbers from 0 to 1 by SplitMix64, seeded with a name."""
    with np.errstate(over="ignore"):
        z = np.arange(1, size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(zlib.crc32(name.encode())) << np.uint64(32)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) / 2.0**24


def record(
    arch: str, dialect: str, alpha: float, builder: str, build: Callable[[], Any], size: int = SIZE
) -> Any:
    """Build a model, fill its weights, run it, and return its record."""
    model = build().eval()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    state = model.state_dict()  # which keeps the versions of its modules
    state.update({name: fill(name, shape) for name, shape in shapes.items()})
    model.load_state_dict(state)
    with torch.no_grad():
        output = model(image(size))
    return {
        "arch": arch,
        "dialect": dialect,
        "alpha": alpha,
        "builder": builder,
        **({} if size == SIZE else {"size": size}),
        "shapes": shapes,
        "output": [[float(f"{value:.8g}") for value in row] for row in output.tolist()],
    }


def records() -> Iterator[Any]:
    """Yield the record of every model."""
    sys.path.insert(0, str(HERE.parents[1] / "witness"))
    torchvision = import_module("record_torchvision_timm").import_torchvision()
    for arch, (name, alphas) in TORCHVISION.items():
        for alpha in alphas:
            build = partial(
                getattr(torchvision.models, name), width_mult=alpha, num_classes=CLASSES
            )
            builder = f"torchvision {torchvision.__version__}: {name}(width_mult={alpha})"
            yield record(arch, "torchvision", alpha, builder, build)
    timm = import_module("timm")
    for arch, (name, variant, alphas, options) in TIMM.items():
        modules = [import_module(f"timm.models.{m}") for m in ("efficientnet", "mobilenetv3")]
        generator = next(getattr(m, name) for m in modules if hasattr(m, name))
        for alpha in alphas:
            build = partial(generator, variant, alpha, num_classes=CLASSES, **options)
            builder = f"timm {timm.__version__}: {name}({variant!r}, {alpha}, **{options})"
            yield record(arch, "timm", alpha, builder, build)


def family_records() -> Iterator[Any]:
    """Yield the record of a network of each other family."""
    sys.path.insert(0, str(HERE.parents[1] / "witness"))
    torchvision = import_module("record_torchvision_timm").import_torchvision()
    timm = import_module("timm")
    names = {"torchvision": torchvision, "timm": timm}
    for arch, dialect, call, size in FAMILIES:
        call = call.format(f"num_classes={CLASSES}")  # noqa: PLW2901
        version = names[call.partition(".")[0]].__version__.partition("+")[0]
        build = partial(eval, call, names)
        yield record(arch, dialect, 1.0, f"{version}: {call}", build, size)


def main() -> None:
    """Write the files: the same bytes every time."""
    for path, found in ((FILE, records), (FAMILIES_FILE, family_records)):
        if sys.argv[1:] in ([], [path.name]):
            lines = [json.dumps(one, separators=(",", ":")) + "\n" for one in found()]
            path.write_bytes(gzip.compress("".join(lines).encode(), compresslevel=9, mtime=0))
            print(f"{path.name}: {len(lines)} models, {path.stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
