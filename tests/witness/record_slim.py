"""Record, layer by layer, the MobileNets TF-slim really builds.

The networks are built as TensorFlow 1 graphs by the slim sources (the
directory research/slim of a checkout, which holds ``nets``), and the table is
read off the operations of each graph, in the order they were created.

Usage: python record_slim.py DIRECTORY REVISION
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import tensorflow.compat.v1 as tf
import tf_slim as slim

from witness_grid import grid, layer, network, write

HERE = Path(__file__).parent
CLASSES = 1001
Build = Callable[[tf.Tensor], Any]


def networks(arch: str, alpha: float) -> Iterator[tuple[str, str, Build]]:
    """Yield (dialect, builder, build) for one architecture and width."""
    if arch == "v1":
        v1 = import_module("nets.mobilenet_v1")
        builder = f"mobilenet_v1.mobilenet_v1(depth_multiplier={alpha})"

        def build_v1(images: tf.Tensor) -> None:
            with slim.arg_scope(v1.mobilenet_v1_arg_scope(is_training=False)):
                v1.mobilenet_v1(images, CLASSES, is_training=False, depth_multiplier=alpha)

        yield "slim", builder, build_v1
        return
    if arch == "v2":
        module = import_module("nets.mobilenet.mobilenet_v2")
        name = "mobilenet"
        # The released wrappers _050 and _035 set the flag, _140 does not.
        modes = {"slim": alpha < 1, "slim-plain": False}
    else:
        module = import_module("nets.mobilenet.mobilenet_v3")
        name = arch.removeprefix("v3-").replace("-", "_")
        modes = {"slim": False, "slim-finegrain": True}
    for dialect, finegrain in modes.items():
        extra = {"finegrain_classification_mode": True} if finegrain else {}

        def build(images: tf.Tensor, extra: dict[str, bool] = extra) -> None:
            with slim.arg_scope(module.training_scope(is_training=False)):
                make = getattr(module, name)
                make(images, num_classes=CLASSES, depth_multiplier=alpha, **extra)

        flags = "".join(f", {key}={value}" for key, value in extra.items())
        stem = module.__name__.rsplit(".", 1)[-1]
        yield dialect, f"{stem}.{name}(depth_multiplier={alpha}{flags})", build


def weight(tensor: tf.Tensor, variables: dict[str, tf.Variable]) -> int:
    """Return how many trainable numbers feed an operation's input."""
    operation = tensor.op
    while operation.type in ("Identity", "ReadVariableOp"):
        operation = operation.inputs[0].op
    found = variables.get(operation.name)
    return 0 if found is None else found.shape.num_elements()


def convolution(op: tf.Operation, variables: dict[str, tf.Variable]) -> list[Any]:
    """Return the record of a Conv2D or DepthwiseConv2dNative operation."""
    inputs = op.inputs[0].shape.as_list()[3]
    kernel, width, per_group, last = op.inputs[1].shape.as_list()
    _, height, out_width, outputs = op.outputs[0].shape.as_list()
    stride = op.get_attr("strides")
    if kernel != width or stride[1] != stride[2]:
        raise ValueError(f"not square: {op.name}")
    if op.get_attr("data_format") != b"NHWC" or set(op.get_attr("dilations")) != {1}:
        raise ValueError(f"unexpected layout or dilation: {op.name}")
    if op.type == "DepthwiseConv2dNative":
        groups = inputs
        if (per_group, last) != (inputs, 1):
            raise ValueError(f"unexpected depthwise kernel: {op.name}")
    else:
        groups = inputs // per_group
    params = weight(op.inputs[1], variables)
    macs = params * height * out_width
    adds = [user for user in op.outputs[0].consumers() if user.type == "BiasAdd"]
    return layer(
        "conv",
        inputs,
        outputs,
        kernel=kernel,
        stride=stride[1],
        groups=groups,
        bias=len(adds),
        out_hw=(height, out_width),
        params=params + sum(weight(add.inputs[1], variables) for add in adds),
        macs=macs,
    )


def read(graph: tf.Graph) -> tuple[dict[str, int], list[list[Any]]]:
    """Return the totals and the layer table of a graph."""
    trainable = graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    variables = {variable.op.name: variable for variable in trainable}
    rows = []
    for op in graph.get_operations():
        if op.type in ("Conv2D", "DepthwiseConv2dNative"):
            rows.append(convolution(op, variables))
        elif op.type.startswith("FusedBatchNorm"):
            _, height, width, channels = op.outputs[0].shape.as_list()
            params = sum(weight(tensor, variables) for tensor in op.inputs[1:3])
            hw = (height, width)
            rows.append(layer("batch_norm", channels, channels, out_hw=hw, params=params))
        elif op.type in ("MatMul", "BatchMatMulV2", "Einsum", "SpaceToBatchND"):
            raise TypeError(f"unexpected operation: {op.name}")
    params = sum(variable.shape.num_elements() for variable in trainable)
    if params != sum(row[-2] for row in rows):
        raise ValueError("weights outside the recorded layers")
    moving = [
        variable.shape.num_elements()
        for variable in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
        if variable.op.name.endswith(("moving_mean", "moving_variance"))
    ]
    totals = {"classes": rows[-1][2], "params": params, "buffers": sum(moving)}
    return totals, rows


def records(revision: str) -> Iterator[dict[str, Any]]:
    """Yield every slim network of the grid; ``revision`` is only written down."""
    versions = f"tf_slim {metadata.version('tf_slim')}, tensorflow {tf.__version__}"
    project = f"tensorflow/models research/slim {revision} ({versions})"
    for arch in (
        "v1",
        "v2",
        "v3-large",
        "v3-small",
        "v3-large-minimalistic",
        "v3-small-minimalistic",
    ):
        for alpha, size in grid(arch):
            for dialect, builder, build in networks(arch, alpha):
                with tf.Graph().as_default() as graph:
                    build(tf.placeholder(tf.float32, (1, size, size, 3)))
                totals, rows = read(graph)
                where = (arch, dialect, alpha, size)
                yield network(project, builder, where, totals, rows)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    write(HERE / "slim.jsonl.gz", records(sys.argv[2]))
