"""``model.pickle``: the graph and its weights, from which a worker makes a torch module.

A module that is given is made by the worker itself: ``given.json`` says how.
"""

from __future__ import annotations

import pickle
from pathlib import Path

from mncost.models.formats import Format, Model

__all__ = ["FORMAT"]


def _write(model: Model, folder: Path) -> None:
    """Write the graph, and after it all weights as one array: they are loaded at one go."""
    if model.given is not None:
        model.given.write(folder)
        return
    weights = model.weights()
    shapes = {name: values.shape for name, values in weights.items()}
    with (folder / "model.pickle").open("wb") as stream:
        pickle.dump((model.graph, dict(model.inputs), shapes), stream)
        for values in weights.values():
            stream.write(values.astype("<f4", copy=False).data)


FORMAT = Format(_write, {"fp32": 3})
