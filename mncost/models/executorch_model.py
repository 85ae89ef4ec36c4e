"""A torch module as an ExecuTorch program, whose operators XNNPACK takes over where it can."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from mncost.models.formats import CALIBRATION_IMAGES, TEST_IMAGES, Closeness
from mncost.models.silence import silence

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Program", "executorch_model"]

_DELEGATE = "executorch_call_delegate"


class Program(NamedTuple):
    """A program.

    Attributes:
        content: of the ``.pte`` file.
        left: the operators that XNNPACK left to ExecuTorch's own kernels, by name.
        closeness: of a quantised program.
    """

    content: bytes
    left: Mapping[str, int]
    closeness: Closeness | None = None


def executorch_model(
    module: nn.Module,
    shapes: Sequence[Sequence[int]],
    precision: str = "fp32",
    seed: int = 0,
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> Program:
    """Lower a module for inputs of one shape: a batch of one.

    Args:
        module: in evaluation mode.
        shapes: of its inputs in order, without the batch.
        precision: ``int8``: quantised by XNNPACK's own quantiser, a scale for each channel.
        seed: of the images of noise that int8 is calibrated and tried with.
        metadata: what the program says of itself: each is a method that returns it.
    """
    random = np.random.default_rng(seed)

    def images() -> tuple[torch.Tensor, ...]:
        drawn = (random.standard_normal((1, *shape), dtype="float32") for shape in shapes)
        return tuple(map(torch.from_numpy, drawn))

    with silence(logging.ERROR), torch.no_grad():
        exported = torch.export.export(module, images())
        if precision != "int8":
            return Program(*_lowered(exported, metadata))
        quantised = _quantised(exported.module(), [images() for _ in range(CALIBRATION_IMAGES)])
        tried = [images() for _ in range(TEST_IMAGES)]
        closeness = Closeness.of(_outputs(module, tried), _outputs(quantised, tried))
        return Program(*_lowered(torch.export.export(quantised, tried[0]), metadata), closeness)


def _quantised(module: Any, images: Sequence[tuple[torch.Tensor, ...]]) -> Any:
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    how = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(module, how)
    for one in images:
        prepared(*one)
    return convert_pt2e(prepared)


def _lowered(program: Any, metadata: Mapping[str, str]) -> tuple[bytes, Mapping[str, int]]:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    edge = to_edge_transform_and_lower(
        program, partitioner=[XnnpackPartitioner()], constant_methods={**metadata}
    )
    lowered = edge.to_executorch()
    nodes = lowered.exported_program().graph_module.graph.nodes
    names = (str(node.target) for node in nodes if node.op == "call_function")
    # What is called by a Python function moves no numbers: memory, results of delegates.
    left = Counter(name for name in names if name != _DELEGATE and not name.startswith("<"))
    return bytes(lowered.buffer), left


def _outputs(module: Any, images: Sequence[tuple[torch.Tensor, ...]]) -> Any:
    """Return all outputs of a module for each of its inputs, as rows."""
    rows = []
    for one in images:
        results = module(*one)
        several = results if isinstance(results, tuple | list) else [results]
        rows.append(torch.cat([each.reshape(1, -1) for each in several], dim=1))
    return torch.cat(rows).numpy()
