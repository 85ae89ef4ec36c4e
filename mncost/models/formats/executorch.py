"""``model.pte``: fp32, or 8-bit integers quantised for XNNPACK, for one image.

``model.json`` has the shapes of the inputs, and the operators that XNNPACK left to others. A given
program stays where it is: ``given.json`` says where.
"""

from __future__ import annotations

import json
from pathlib import Path

from mncost.models.formats import Closeness, Format, Model

__all__ = ["FORMAT"]


def _write(model: Model, folder: Path) -> Closeness | None:
    if model.given is not None:
        model.given.write(folder)
        return None
    from mncost.models.executorch_model import executorch_model
    from mncost.models.torch_model import load_weights, torch_module

    module = torch_module(model.graph).eval()
    load_weights(module, model.weights())
    shapes = [list(shape) for shape in model.inputs.values()]
    program = executorch_model(module, shapes, model.precision)
    (folder / "model.pte").write_bytes(program.content)
    known = {"inputs": shapes, "operators": len(model.graph.nodes), "left": program.left}
    (folder / "model.json").write_text(json.dumps(known), "utf-8")
    return program.closeness


FORMAT = Format(_write, {"fp32": 12, "int8": 16})
