"""Record, layer by layer, the other families as keras.applications really builds them.

Like ``record_keras.py``, on torch's meta device: no weights are drawn. A shortcut's layers are
listed behind those that it goes around, as other projects run them.

Usage: KERAS_BACKEND=torch KERAS_TORCH_DEVICE=meta python record_keras_families.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from keras import layers

from record_keras import describe, size
from witness_grid import layer, network, write

FILE = Path(__file__).parent / "families" / "keras.jsonl.gz"
SIZES = (129, "160x224")
BUILDERS = {
    "vgg-16": ("VGG16", 224),
    "vgg-19": ("VGG19", 224),
    **{f"resnet-{n}": (f"ResNet{n}", 224) for n in (50, 101, 152)},
    **{f"densenet-{n}": (f"DenseNet{n}", 224) for n in (121, 169, 201)},
    **{
        f"efficientnet-b{n}": (f"EfficientNetB{n}", side)
        for n, side in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
    },
    "efficientnet-v2-s": ("EfficientNetV2S", 384),
    "efficientnet-v2-m": ("EfficientNetV2M", 480),
    "efficientnet-v2-l": ("EfficientNetV2L", 480),
    **{
        f"convnext-{name[0].lower()}": (f"ConvNeXt{name}", 224)
        for name in ("Tiny", "Small", "Base", "Large")
    },
}


def leaves(model: keras.Model) -> list[layers.Layer]:
    """Return the layers of a model and of the models in it, shortcuts behind what they go round."""
    parts = []
    for part in model.layers:
        parts += part.layers if isinstance(part, keras.Sequential) else [part]
    places = {part.name: place for place, part in enumerate(parts)}

    def order(part: layers.Layer) -> tuple[int, int]:
        block, kind = part.name.rpartition("_")[::2]
        last = places.get(f"{block[:-2]}_3_bn") if block.endswith("_0") else None
        return (places[part.name], 0) if last is None else (last, 1 + (kind == "bn"))

    return sorted(parts, key=order)


def rows(model: keras.Model) -> Iterator[list[Any]]:
    """Yield the records of all layers with weights, without those that scale the image."""
    for part in leaves(model):
        if not part.weights or isinstance(part, layers.Normalization):
            continue
        *_, height, width, channels = (1, 1, *part.output.shape[1:])
        if part.output.shape[1:-1] == ():
            height = width = 1
        params = size(part.trainable_weights)
        if isinstance(part, layers.LayerNormalization):
            place = (height, width) if len(part.output.shape) == 4 else (None, None)
            yield layer("layer_norm", channels, channels, out_hw=place, params=params)
        elif type(part).__name__ == "LayerScale":
            yield layer("layer_scale", channels, channels, out_hw=(height, width), params=params)
        else:
            row = describe(part)
            assert row is not None
            if isinstance(part, layers.Dense) and height * width > 1:
                row[7:9] = height, width
                row[-1] *= height * width
            yield row


def records() -> Iterator[dict[str, Any]]:
    """Yield every network, at its own size and at the others."""
    for arch, (name, native) in BUILDERS.items():
        for side in (native, *SIZES):
            keras.utils.clear_session()
            height, _, width = str(side).partition("x")
            shape = f"({height}, {width or height}, 3)"
            model = getattr(keras.applications, name)(weights=None, input_shape=eval(shape))
            found = [*rows(model)]
            scaling = [p for p in leaves(model) if isinstance(p, layers.Normalization)]
            totals = {
                "classes": model.output.shape[-1],
                "params": size(model.trainable_weights),
                "buffers": size(model.non_trainable_weights)
                - sum(size(p.non_trainable_weights) for p in scaling),
            }
            if totals["params"] != sum(row[-2] for row in found):
                raise ValueError(f"{name}: weights outside the recorded layers")
            builder = f"keras.applications.{name}(weights=None, input_shape={shape})"
            where = (arch, "keras", 1.0, side)
            yield network(f"keras {keras.__version__}", builder, where, totals, found)
            print(arch, side, totals["params"], file=sys.stderr)


if __name__ == "__main__":
    keras.config.set_image_data_format("channels_last")
    write(FILE, records())
