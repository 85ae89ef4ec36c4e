"""Model files: what a runtime loads, built from a graph with seeded weights.

:class:`Preparer` runs in a process of its own (:mod:`mncost.measure.workers.builder`): a model that
is too large for memory must not take the measurement along.
"""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mncost.cost import memory
from mncost.cost.count import count
from mncost.graph.graph import Graph
from mncost.graph.shapes import infer_shapes
from mncost.measure.records import Agreement
from mncost.measure.workers.messages import Message, Request, reason

if TYPE_CHECKING:
    from mncost.models.weights import Weights

__all__ = ["FORMATS", "BuildModel", "Prepared", "Preparer", "needed_bytes"]

_GIB = 2**30
_MARGIN = _GIB // 4  # for the libraries


@dataclass(frozen=True)
class Prepared:
    """A model file that has been built."""

    bytes: int
    seconds: float
    agreement: Agreement | None = None  # of a quantised model with its fp32 model


@dataclass(frozen=True, kw_only=True)
class BuildModel(Request[Prepared]):
    """A request to build a model file."""

    answer = Prepared
    graph: str  # the file of the pickled graph
    resolution: int
    format: str  # a key of FORMATS
    precision: str
    seed: int  # of the weights
    file: str


class Model(NamedTuple):
    """What a file is built from; ``weights`` draws them, or returns those of the last time."""

    graph: Graph
    resolution: int
    precision: str
    weights: Callable[[], Weights]


class Preparer:
    """Builds files; keeps the last graph and its weights, since others often want the same."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pickled = b""
        self._graph = Graph(())
        self._seed: int | None = None
        self._weights: Weights = {}

    def answer(self, message: Message) -> Message:
        """Answer a :class:`BuildModel`, or ``{"refused": why}``."""
        try:
            given = {name: value for name, value in message.items() if name != "ask"}
            built: Message = msgspec.to_builtins(self._build(BuildModel(**given)))
        except Exception as error:  # each library has exceptions of its own
            return {"refused": reason(error)}
        return built

    def _build(self, asked: BuildModel) -> Prepared:
        began = time.perf_counter()
        self._take(Path(asked.graph).read_bytes())
        _check(self._graph, asked.resolution, asked.format, asked.precision)
        model = Model(
            self._graph, asked.resolution, asked.precision, lambda: self._drawn(asked.seed)
        )
        file = Path(asked.file)
        agreement = FORMATS[asked.format].write(model, file)
        return Prepared(file.stat().st_size, time.perf_counter() - began, agreement)

    def _take(self, pickled: bytes) -> None:
        if pickled != self._pickled:
            self._pickled, self._seed, self._weights = pickled, None, {}
            self._graph = pickle.loads(pickled)

    def _drawn(self, seed: int) -> Weights:
        from mncost.models.weights import random_weights

        if seed != self._seed:
            self._weights = {}
            self._weights, self._seed = random_weights(self._graph, seed), seed
        return self._weights


def _write_onnx(model: Model, file: Path) -> Agreement | None:
    from mncost.models.onnx_model import onnx_model

    shapes = infer_shapes(model.graph, model.resolution)
    emitted = onnx_model(model.graph, shapes, model.weights(), dynamic_batch=True, portable=True)
    content = emitted.SerializeToString()
    del emitted
    if model.precision == "fp32":
        file.write_bytes(content)
        return None
    from mncost.models.int8 import quantised

    result, closeness = quantised(content)
    file.write_bytes(result)
    return Agreement(**closeness._asdict())


def _write_torch(model: Model, file: Path) -> None:
    """Write the graph, and after it all weights as one array: loaded at one go."""
    weights = model.weights()
    shapes = {name: values.shape for name, values in weights.items()}
    with file.open("wb") as stream:
        pickle.dump((model.graph, model.resolution, shapes), stream)
        for values in weights.values():
            stream.write(values.astype("<f4", copy=False).data)


def _write_fake(model: Model, file: Path) -> Agreement | None:
    graph = model.graph
    precision: memory.Precision = msgspec.convert(model.precision, memory.Precision)
    shapes, plan = infer_shapes(graph, model.resolution), memory.schedule(graph)
    costs = count(graph, shapes)
    layers = {
        node.name: cost.terms.macs
        for node, cost in zip(graph.nodes, costs, strict=True)
        if cost.terms.macs
    }
    content = {
        "macs": sum(layers.values()),
        "precision": precision,
        "layers": layers,
        "weight_bytes": memory.weight_bytes(plan, precision),
        "peak_activation_bytes": memory.peak(graph, plan, shapes, precision).bytes,
    }
    file.write_text(json.dumps(content))
    return None if precision == "fp32" else Agreement(images=16, same_top1=16, error=0.02)


class Format(NamedTuple):
    """A kind of model file.

    Attributes:
        write: builds one.
        copies: how often the weights are in memory at once, when it is built or loaded, by
            precision; measured.
        limit: bytes of weights that a file can hold.
    """

    write: Callable[[Model, Path], Agreement | None]
    copies: Mapping[str, float]
    limit: int | None = None


FORMATS: Mapping[str, Format] = {
    "onnx": Format(_write_onnx, {"fp32": 5, "int8": 10}, 2**31 - 2**20),
    "torch": Format(_write_torch, {"fp32": 3}),
    "fake": Format(_write_fake, {"fp32": 0, "int8": 0}),
}
"""What the runtimes load, by :attr:`mncost.measure.runtimes.Runtime.format`."""


def needed_bytes(graph: Graph, resolution: int, format: str, precision: str) -> int:
    """Estimate the memory that it takes to build a model file, and to run the model on one image.

    Args:
        graph: the model.
        resolution: pixels of a side of the image.
        format: a key of :data:`FORMATS`.
        precision: one of the format's.
    """
    copies = FORMATS[format].copies[precision]
    if not copies:
        return 0
    shapes = infer_shapes(graph, resolution)
    activations = memory.peak(graph, memory.schedule(graph), shapes, "fp32").bytes
    return int(copies * _weight_bytes(graph, resolution) + 2 * activations) + _MARGIN


def _weight_bytes(graph: Graph, resolution: int) -> int:
    costs = count(graph, infer_shapes(graph, resolution))
    return 4 * sum(cost.params + cost.buffers for cost in costs)


def _check(graph: Graph, resolution: int, format: str, precision: str) -> None:
    """Refuse a model for which there is not enough memory: find out before it is taken."""
    import psutil

    limit = FORMATS[format].limit
    size = _weight_bytes(graph, resolution)
    if limit is not None and size > limit:
        raise ValueError(f"the weights have {size:,} bytes: an ONNX file holds at most 2 GiB")
    needed, free = (
        needed_bytes(graph, resolution, format, precision),
        psutil.virtual_memory().available,
    )
    if needed > free:
        raise ValueError(
            f"needs about {needed / _GIB:.1f} GiB of memory, {free / _GIB:.1f} GiB are free"
        )
