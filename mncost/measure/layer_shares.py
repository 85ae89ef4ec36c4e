"""From a runtime's kernels to the time of each layer, in one process."""

from __future__ import annotations

from mncost.cost.work import count
from mncost.graph.graph import Graph, Shapes
from mncost.graph.shapes import infer_shapes
from mncost.measure.bursts import Counts
from mncost.measure.records import LayerShare
from mncost.measure.runtimes import CONVERT, REORDER, Runtime
from mncost.measure.workers.messages import Profiled

__all__ = ["SESSION", "ProfileError", "layer_shares"]

SESSION = "(session)"
"""What a run takes beside its kernels."""


class ProfileError(Exception):
    """A profile that cannot be mapped to the layers; the message says why."""


def layer_shares(
    runtime: type[Runtime],
    graph: Graph,
    inputs: Shapes,
    profiled: Profiled,
    *,
    as_given: bool = False,
) -> list[LayerShare]:
    """Return the time of each layer in each run, in the order of the graph.

    Args:
        runtime: whose kernels these are.
        graph: what was run.
        inputs: the shapes of its inputs.
        profiled: nanoseconds of each run, and of each kernel in it.
        as_given: whether it was a model with names of its own; a layer without a kernel of its
            name is left out, and its time stands under :data:`REORDER`.

    Raises:
        ProfileError: a layer that has multiply-accumulates has no kernel.
    """
    costs = count(graph, infer_shapes(graph, inputs))
    macs = {node.name: cost.macs for node, cost in zip(graph.nodes, costs, strict=True)}
    kinds = {node.name: node.op.kind for node in graph.nodes}
    kernels: dict[str, list[str]] = {}
    for kernel, layer in runtime.kernels_to_nodes(profiled.kernels, graph).items():
        kernels.setdefault(layer, []).append(kernel)
    silent = [name for name, n in macs.items() if n and name not in kernels]
    if silent and not (as_given and len(silent) < sum(map(bool, macs.values()))):
        raise ProfileError(f"the profile has no kernel for {silent[0]}, which has MACs")
    layers = [
        LayerShare(
            layer=name,
            kind=kinds.get(name, ""),
            macs=macs.get(name, 0),
            kernels=kernels[name],
            ns=Counts(
                [sum(ns) for ns in zip(*(profiled.kernels[k] for k in kernels[name]), strict=True)]
            ),
        )
        for name in [*macs, REORDER, CONVERT]
        if name in kernels
    ]
    runs = enumerate(profiled.profiled_ns)
    rest = [max(0, run - sum(layer.ns[i] for layer in layers)) for i, run in runs]
    return [*layers, LayerShare(layer=SESSION, kind="", macs=0, kernels=[], ns=Counts(rest))]
