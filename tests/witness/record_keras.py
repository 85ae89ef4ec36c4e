"""Record, layer by layer, the MobileNets keras.applications really builds.

The functional models are built with random weights; channels, kernels and
strides are read off the layers and their weight arrays, and sizes off the
symbolic outputs.

Usage: KERAS_BACKEND=torch python record_keras.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from keras import layers

from witness_grid import grid, layer, network, write

HERE = Path(__file__).parent
NAMES = {
    "v1": ("MobileNet", {}),
    "v2": ("MobileNetV2", {}),
    "v3-large": ("MobileNetV3Large", {}),
    "v3-small": ("MobileNetV3Small", {}),
    "v3-large-minimalistic": ("MobileNetV3Large", {"minimalistic": True}),
    "v3-small-minimalistic": ("MobileNetV3Small", {"minimalistic": True}),
}


def size(weights: list[Any]) -> int:
    """Return how many numbers a list of weights holds."""
    total = 0
    for weight in weights:
        count = 1
        for length in weight.shape:
            count *= length
        total += count
    return total


def one(values: tuple[int, ...]) -> int:
    """Return the single value of a square kernel or stride."""
    (value,) = set(values)
    return value


def describe(part: layers.Layer) -> list[Any] | None:
    """Return the record of one layer, None for a layer without weights."""
    if not part.weights:
        return None
    params = size(part.trainable_weights)
    if isinstance(part, layers.BatchNormalization):
        _, height, width, channels = part.output.shape
        return layer("batch_norm", channels, channels, out_hw=(height, width), params=params)
    if isinstance(part, layers.Dense):
        inputs, outputs = part.kernel.shape
        return layer(
            "linear",
            inputs,
            outputs,
            kernel=1,
            stride=1,
            groups=1,
            bias=int(part.use_bias),
            out_hw=(1, 1),
            params=params,
            macs=size([part.kernel]),
        )
    _, height, width, outputs = part.output.shape
    inputs = part.input.shape[-1]
    if isinstance(part, layers.DepthwiseConv2D):
        groups = inputs
    elif isinstance(part, layers.Conv2D):
        groups = part.groups
    else:
        raise TypeError(f"unknown layer with weights: {part}")
    if part.dilation_rate != (1, 1):
        raise ValueError(f"dilated: {part.name}")
    return layer(
        "conv",
        inputs,
        outputs,
        kernel=one(tuple(part.kernel.shape[:2])),
        stride=one(part.strides),
        groups=groups,
        bias=int(part.use_bias),
        out_hw=(height, width),
        params=params,
        macs=size([part.kernel]) * height * width,
    )


def records() -> Iterator[dict[str, Any]]:
    """Yield every Keras network of the grid, skipping what Keras refuses."""
    for arch, (name, extra) in NAMES.items():
        for alpha, resolution in grid(arch):
            keras.utils.clear_session()
            call = f"alpha={alpha}, input_shape=({resolution}, {resolution}, 3)"
            call += "".join(f", {key}={value}" for key, value in extra.items())
            builder = f"keras.applications.{name}({call}, weights=None)"
            try:
                model = getattr(keras.applications, name)(
                    input_shape=(resolution, resolution, 3),
                    alpha=alpha,
                    weights=None,
                    include_top=True,
                    **extra,
                )
            except ValueError as error:
                print(f"refused: {builder}: {error}", file=sys.stderr)
                continue
            rows = [row for part in model.layers if (row := describe(part))]
            totals = {
                "classes": model.output.shape[-1],
                "params": size(model.trainable_weights),
                "buffers": size(model.non_trainable_weights),
            }
            if totals["params"] != sum(row[-2] for row in rows):
                raise ValueError(f"{builder}: weights outside the recorded layers")
            where = (arch, "keras", alpha, resolution)
            project = f"keras {keras.__version__}"
            yield network(project, builder, where, totals, rows)


if __name__ == "__main__":
    keras.config.set_image_data_format("channels_last")
    write(HERE / "keras.jsonl.gz", records())
