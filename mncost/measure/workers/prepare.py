"""Builds models: folders that a runtime loads, from a graph with seeded weights.

:class:`Preparer` runs in a process of its own (:mod:`mncost.measure.workers.builder`): a model that
is too large for memory must not take the measurement along.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mncost.cost import memory
from mncost.cost.work import count
from mncost.graph.graph import Graph, Shapes
from mncost.graph.shapes import infer_shapes
from mncost.measure.given_models import given_of
from mncost.measure.private import with_home
from mncost.measure.records import Agreement
from mncost.measure.runtimes.given import Given
from mncost.measure.workers.messages import Message, Request, reason
from mncost.models.formats import Model, format_named
from mncost.models.sparse import sparse
from mncost.readers.model import Content, FileSource, OnnxSource, TrainedWeights

if TYPE_CHECKING:
    from mncost.models.weights import Weights

__all__ = ["BuildModel", "Prepared", "Preparer", "Recipe", "needed_bytes"]

_GIB = 2**30
_MARGIN = _GIB // 4  # for the libraries


@dataclass(frozen=True)
class Prepared:
    """A model that has been built."""

    bytes: int
    seconds: float
    agreement: Agreement | None = None  # of a quantised model with its fp32 model
    denormals: float | None = None  # share of denormal numbers, of a model that is given


@dataclass(frozen=True)
class Recipe:
    """What a model is made of.

    Attributes:
        graph: the model.
        inputs: the shapes of its inputs, without the batch.
        format: a key of :data:`mncost.models.formats.FORMATS`.
        precision: one of the format's.
        seed: of the weights.
        content: the model that is run as it is, or weights that are not random.
        sparsity: share of each layer's weights that is 0: the smallest.
    """

    graph: Graph
    inputs: Shapes
    format: str
    precision: str
    seed: int
    content: Content | None = None
    sparsity: float = 0.0


@dataclass(frozen=True, kw_only=True)
class BuildModel(Request[Prepared]):
    """A request to build a model."""

    answer = Prepared
    graph: str  # the file of the pickled graph, and of what is run in its place
    inputs: Mapping[str, Sequence[int]]  # the shapes of its inputs
    format: str  # a key of mncost.models.formats.FORMATS
    precision: str
    seed: int  # of the weights
    folder: str  # to make
    sparsity: float = 0.0  # share of each layer's weights that is 0


class Preparer:
    """Builds models; keeps the last graph and its weights, which the next model often shares."""

    def __init__(self) -> None:
        """Begin without a graph."""
        self._pickled = b""
        self._graph = Graph((), ())
        self._content: Content | None = None
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
        inputs = {name: tuple(shape) for name, shape in asked.inputs.items()}
        given = self._given()
        _check(self._graph, inputs, asked.format, asked.precision, is_built=given is None)
        if isinstance(self._content, FileSource):
            _check_file(self._content)
        model = Model(
            self._graph,
            inputs,
            asked.precision,
            lambda: sparse(self._graph, self._drawn(asked.seed), asked.sparsity),
            given,
        )
        folder = Path(asked.folder)
        folder.mkdir(exist_ok=True)
        closeness = format_named(asked.format).write(model, folder)
        size = sum(file.stat().st_size for file in folder.iterdir())
        agreement = closeness and Agreement(**closeness._asdict())
        share, loaded = None, Given.of(folder)  # None: the model is in the folder
        if isinstance(self._content, FileSource) and loaded is not None:
            size = Path(loaded.model).stat().st_size
        if isinstance(self._content, OnnxSource) and self._content.twin is None:
            share = _denormals(self._content)
        return Prepared(size, time.perf_counter() - began, agreement, share)

    def _take(self, pickled: bytes) -> None:
        if pickled != self._pickled:
            self._pickled, self._seed, self._weights = pickled, None, {}
            self._graph, self._content = pickle.loads(pickled)

    def _given(self) -> Given | None:
        content = self._content
        return None if content is None or isinstance(content, TrainedWeights) else given_of(content)

    def _drawn(self, seed: int) -> Weights:
        from mncost.models.weights import random_weights

        if seed != self._seed:
            self._weights = {}
            self._weights = (
                random_weights(self._graph, seed)
                if not isinstance(self._content, TrainedWeights)
                else _read(self._content, self._graph)
            )
            self._seed = seed
        return self._weights


def _read(trained: TrainedWeights, graph: Graph) -> Weights:
    """Return trained weights, if their file is still the one that was named."""
    from mncost.models.checkpoints import read_checkpoint, sha256_of
    from mncost.models.foreign import map_foreign

    path = Path(with_home(trained.file))
    if sha256_of(path) != trained.sha256:
        raise ValueError(f"{trained.file} has changed: these are not the weights of this run")
    return map_foreign(read_checkpoint(path, trained.key).state, graph, trained.file)


def needed_bytes(graph: Graph, inputs: Shapes, format: str, precision: str) -> int:
    """Estimate the memory that it takes to build a model, and to run it on one image.

    Args:
        graph: the model.
        inputs: the shapes of its inputs.
        format: a key of :data:`mncost.models.formats.FORMATS`.
        precision: one of the format's.
    """
    factor = format_named(format).memory_factor[precision]
    if not factor:
        return 0
    shapes = infer_shapes(graph, inputs)
    activations = memory.peak(graph, memory.schedule(graph), shapes, "fp32").bytes
    return int(factor * _weight_bytes(graph, inputs) + 2 * activations) + _MARGIN


def _weight_bytes(graph: Graph, inputs: Shapes) -> int:
    costs = count(graph, infer_shapes(graph, inputs))
    return 4 * sum(cost.params + cost.buffers for cost in costs)


def _denormals(source: OnnxSource) -> float:
    from mncost.measure.workers.denormals import denormal_share

    given = given_of(source)
    return denormal_share(Path(given.model), given.feed(1))


def _check_file(source: FileSource) -> None:
    """Refuse a file that is not the one that was counted."""
    content = Path(given_of(source).model).read_bytes()
    if sha256(content).hexdigest() != source.sha256:
        raise ValueError(f"{source.file} has changed since it was counted")


def _check(graph: Graph, inputs: Shapes, format: str, precision: str, *, is_built: bool) -> None:
    """Refuse a model that needs more memory than is free, before any is allocated.

    One that is given as it is may keep its weights in other files, and have any size.
    """
    import psutil

    form, size = format_named(format), _weight_bytes(graph, inputs)
    if precision not in form.memory_factor:
        accepted = ", ".join(form.memory_factor)
        raise ValueError(f"no {format} models in {precision}; accepted: {accepted}")
    if is_built and form.largest is not None and size > form.largest:
        raise ValueError(
            f"the weights have {size:,} bytes: {format} models hold at most {form.largest:,}"
        )
    needed, free = (
        needed_bytes(graph, inputs, format, precision),
        psutil.virtual_memory().available,
    )
    if needed > free:
        raise ValueError(
            f"needs about {needed / _GIB:.1f} GiB of memory, {free / _GIB:.1f} GiB are free"
        )
