"""Two models side by side: what a pull request that swaps an export changes."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import onnx
import pytest

import mncost
from mncost.cost.model_changes import changes
from tests.readers.small import floats, model, node, saved
from tests.running import in_process

pytest.importorskip("onnxruntime")


def chain(*widths: int, prefix: str = "") -> onnx.ModelProto:
    """Return linear layers one after the other; 4 numbers go in."""
    nodes, weights = [], []
    sizes = [4, *widths]
    for index, (inner, outer) in enumerate(pairwise(sizes)):
        weights.append(floats(f"w{index}", inner, outer))
        tensors = f"t{index} w{index}", f"t{index + 1}"
        nodes.append(node("MatMul", *tensors, name=f"{prefix}fc{index}"))
    return model(nodes, {"t0": (1, 4)}, [f"t{len(widths)}"], weights)


def listed(old: onnx.ModelProto, new: onnx.ModelProto) -> list[tuple[str, str]]:
    layers = [mncost.from_onnx(one).layers for one in (old, new)]
    return [(one.name, one.change) for one in changes(*layers)]


def test_layers_of_one_name_are_one_layer() -> None:
    assert listed(chain(3, 5, 2), chain(3, 6, 2)) == [
        ("fc0", "same"),
        ("fc1", "changed"),
        ("fc2", "changed"),
    ]


def test_what_was_added_and_removed() -> None:
    assert listed(chain(3, 5), chain(3, 5, 2)) == [
        ("fc0", "same"),
        ("fc1", "same"),
        ("fc2", "added"),
    ]
    assert listed(chain(3, 5, 2), chain(3, 5))[-1] == ("fc2", "removed")


def test_other_names_are_aligned_by_what_the_layers_are() -> None:
    assert listed(chain(3, 5, 2, prefix="old_"), chain(3, 5, 7, prefix="new_")) == [
        ("new_fc0", "same"),
        ("new_fc1", "same"),
        ("new_fc2", "changed"),
    ]


def test_the_command(tmp_path: Path) -> None:
    """4·3 + 3·5 + 5·2 products in the old one; the table shows the layers that differ."""
    old = saved(chain(3, 5, 2), tmp_path, "old.onnx")
    new = saved(chain(3, 6, 2), tmp_path, "new.onnx")
    shown = in_process(["diff-models", old, new])
    assert shown.status == 0, shown.err
    assert "fc0" not in shown.out
    assert "old.onnx for 4 → new.onnx for 4" in shown.out
    assert "layers: 2 changed, 0 added, 0 removed, 1 same" in shown.out
    rows = json.loads(in_process(["diff-models", old, new, "--all", "-f", "json"]).out)["rows"]
    assert [row["old_macs"] for row in rows] == [12, 15, 10]
    assert [row["new_macs"] for row in rows] == [12, 18, 12]


def test_it_takes_two(tmp_path: Path) -> None:
    old = saved(chain(3), tmp_path)
    for words in ([old], [old, old], ["v1", "v2", old]):
        result = in_process(["diff-models", *words])
        assert result.status == 2
        assert "takes two networks" in result.err


def test_from_python() -> None:
    """What differs between two models in hand, and the table that the command prints."""
    old, new = (mncost.from_onnx(chain(*widths)) for widths in ((3, 5, 2), (3, 6, 2)))
    found = mncost.diff_models(old, new)
    assert [(one.name, one.change) for one in found.changed] == [
        ("fc1", "changed"),
        ("fc2", "changed"),
    ]
    assert len(found.layers) == 3
    assert repr(found) == "<mncost.ModelChanges of 3 layers: 2 differ>"
    (first, second) = found.to_frame().to_dict("records")
    assert (first["old_macs"], first["new_macs"], second["new_params"]) == (15, 18, 12)
    assert mncost.diff_models(old, old).changed == ()
