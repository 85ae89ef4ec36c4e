"""The cells of a run that is planned: subjects at places, and the models that they run."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from mncost.api import as_precision
from mncost.cost import memory
from mncost.cost.work import count
from mncost.graph.graph import Graph, Shapes
from mncost.graph.shapes import infer_shapes
from mncost.measure.records import Cell, ModelRecord, Place, Subject
from mncost.network import Network

__all__ = ["Planned", "digest"]


class Planned:
    """The cells of a run that is planned, and the models that they run."""

    def __init__(self) -> None:
        """Begin with none."""
        self.cells: list[Cell] = []
        self.models: dict[str, ModelRecord] = {}

    def enter(
        self, network: Network, place: Place, *, copy: int = 1, baseline_of: int | None = None
    ) -> int:
        """Enter a network or a twin at a place; return its cell."""
        subject = Subject(network.label, network.resolution, twin=network.twin, copy=copy)
        return self.enter_graph(subject, network.graph, network.inputs, place, baseline_of)

    def enter_graph(
        self,
        subject: Subject,
        graph: Graph,
        inputs: Shapes,
        place: Place,
        baseline_of: int | None = None,
    ) -> int:
        """Enter any graph for inputs of these shapes; return its cell."""
        name = digest(graph, inputs)
        record = ModelRecord(graph=graph, inputs=dict(inputs), label=subject.label)
        self.models.setdefault(name, record)
        cell = Cell(
            id=len(self.cells),
            subject=subject,
            place=place,
            baseline_of=baseline_of,
            digest=name,
            **_counts(graph, inputs, place.precision),
        )
        self.cells.append(cell)
        return cell.id


def digest(graph: Graph, inputs: Shapes) -> str:
    """Return a name for a computation: the same graph and inputs, the same digest."""
    return sha256(f"{graph!r} {dict(inputs)}".encode()).hexdigest()[:16]


def _counts(graph: Graph, inputs: Shapes, name: str) -> dict[str, Any]:
    """Return those fields of a cell that follow from what is run."""
    precision = as_precision(name)
    shapes = infer_shapes(graph, inputs)
    costs = count(graph, shapes)
    steps = memory.schedule(graph)
    return {
        "macs": sum(cost.macs for cost in costs),
        "params": sum(cost.params for cost in costs),
        "weight_bytes": memory.weight_bytes(steps, precision),
        "peak_activation_bytes": memory.peak(graph, steps, shapes, precision).bytes,
        "moved_bytes": sum(sum(memory.traffic(step, shapes, precision)) for step in steps),
    }
