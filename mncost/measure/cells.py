"""The cells of a run that is planned: subjects at places, and the models that they run."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from mncost.cost import memory
from mncost.cost.memory import stored_as
from mncost.cost.work import count
from mncost.counted import Counted
from mncost.errors import MeasureError
from mncost.graph.graph import Graph, Shapes
from mncost.graph.shapes import infer_shapes
from mncost.measure.given_models import has_foreign, image_size, private, runs_at
from mncost.measure.records import Cell, ModelRecord, Place, Subject
from mncost.network import Network
from mncost.readers.model import Content, OnnxSource, Source, TrainedWeights
from mncost.training.trained import fake_quantised

__all__ = ["Planned", "content_of", "digest", "subject_of"]


def subject_of(network: Counted, copy: int = 1) -> Subject:
    """Return what a network or twin is called in a run."""
    size = network.resolution if network.source is None else image_size(network.source)
    return Subject(network.label, size, twin=network.twin, copy=copy)


def content_of(network: Counted) -> Content | None:
    """Return the model that is run as it is, or the weights, as a run file names them."""
    content = _source(network) or network.trained
    return None if content is None else private(content)


def _source(network: Counted) -> Source | None:
    """Return the model that is run as it is; one in memory becomes a file.

    A twin of operators that cannot all be built is made of the file itself.
    """
    if network.twin and network.original.source and has_foreign(network):
        source = _source(network.original)
        assert isinstance(source, OnnxSource)
        return replace(source, twin=network.twin)
    if network.proto is None:
        return network.source
    from mncost.readers.onnx.in_memory import with_file

    assert isinstance(network.source, OnnxSource)
    return with_file(network.source, network.proto)


class Planned:
    """The cells of a run that is planned, and the models that they run."""

    def __init__(self) -> None:
        """Begin with none."""
        self.cells: list[Cell] = []
        self.models: dict[str, ModelRecord] = {}

    def enter(
        self, network: Counted, place: Place, *, copy: int = 1, baseline_of: int | None = None
    ) -> int:
        """Enter a network or a twin at a place; return its cell."""
        if network.source is not None and not runs_at(network.source, place):
            raise MeasureError(f"{network.arch} is run as it is: not in {place.words()}")
        stored = None if network.source is None else network.weight_bytes
        return self.enter_graph(
            subject_of(network, copy),
            network.graph,
            network.inputs,
            place,
            baseline_of,
            content_of(network),
            stored,
        )

    def enter_graph(
        self,
        subject: Subject,
        graph: Graph,
        inputs: Shapes,
        place: Place,
        baseline_of: int | None = None,
        content: Content | None = None,
        stored_bytes: int | None = None,
    ) -> int:
        """Enter any graph for inputs of these shapes; return its cell.

        Args:
            subject: what it is called.
            graph: the operators.
            inputs: the shapes of its inputs.
            place: where it is measured.
            baseline_of: the cell that it is the A of an A/B for.
            content: the model that is run as it is, or weights that are not random.
            stored_bytes: of that model's weights.
        """
        name = digest(graph, inputs, content)
        weights = content if isinstance(content, TrainedWeights) else None
        source = None if isinstance(content, TrainedWeights) else content
        record = ModelRecord(
            graph=graph, inputs=dict(inputs), label=subject.label, source=source, weights=weights
        )
        self.models.setdefault(name, record)
        cell = Cell(
            id=len(self.cells),
            subject=subject,
            place=place,
            baseline_of=baseline_of,
            digest=name,
            **_counts(graph, inputs, place.precision, stored_bytes),
        )
        if place.training is not None:
            train, _ = fake_quantised(place.training)
            step = Network(subject.label, graph, inputs).training(train, batch=1)
            cell = replace(cell, macs=step.macs)
        self.cells.append(cell)
        return cell.id


def digest(graph: Graph, inputs: Shapes, content: Content | None = None) -> str:
    """Return a name for a computation: the same graph, inputs and model, the same digest."""
    own = "" if content is None else f" {content!r}"
    return sha256(f"{graph!r} {dict(inputs)}{own}".encode()).hexdigest()[:16]


def _counts(graph: Graph, inputs: Shapes, name: str, stored: int | None) -> dict[str, Any]:
    """Return those fields of a cell that follow from what is run."""
    precision = stored_as(name)
    shapes = infer_shapes(graph, inputs)
    costs = count(graph, shapes)
    steps = memory.schedule(graph)
    return {
        "macs": sum(cost.macs for cost in costs),
        "params": sum(cost.params for cost in costs),
        "weight_bytes": memory.weight_bytes(steps, precision) if stored is None else stored,
        "peak_activation_bytes": memory.peak(graph, steps, shapes, precision).bytes,
        "moved_bytes": sum(sum(memory.traffic(step, shapes, precision)) for step in steps),
    }
