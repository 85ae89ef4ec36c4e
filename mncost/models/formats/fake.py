"""``model.json``: what the scripted runtime has to know of a model."""

from __future__ import annotations

import json
from pathlib import Path

from mncost.cost import memory
from mncost.cost.work import count
from mncost.graph.shapes import infer_shapes
from mncost.models.formats import Closeness, Format, Model

__all__ = ["FORMAT"]


def _write(model: Model, folder: Path) -> Closeness | None:
    graph = model.graph
    precision = memory.stored_as(model.precision)
    shapes, plan = infer_shapes(graph, model.inputs), memory.schedule(graph)
    costs = count(graph, shapes)
    layers = {
        node.name: cost.macs for node, cost in zip(graph.nodes, costs, strict=True) if cost.macs
    }
    content = {
        "macs": sum(layers.values()),
        "precision": precision,
        "layers": layers,
        "weight_bytes": memory.weight_bytes(plan, precision),
        "peak_activation_bytes": memory.peak(graph, plan, shapes, precision).bytes,
    }
    (folder / "model.json").write_text(json.dumps(content))
    return None if precision == "fp32" else Closeness(images=16, same_top1=16, error=0.02)


FORMAT = Format(_write, {"fp32": 0, "int8": 0})
