"""An ONNX model of ours at another opset."""

from __future__ import annotations

import onnx
from onnx import helper, version_converter

from mncost.errors import InputError
from mncost.models.onnx_model import OPSET

__all__ = ["FIRST_OPSET", "at_opset"]

FIRST_OPSET = 13
# Below it onnx's converter cannot go: batch norm is another version there, but the same at
# inference.
_CONVERTED = 15
_SAME = frozenset({"BatchNormalization"})


def at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Return a model that :func:`mncost.models.onnx_model.onnx_model` made, at an opset.

    Raises:
        InputError: there is no such opset, or it lacks an operator.
    """
    newest = onnx.defs.onnx_opset_version()
    if not FIRST_OPSET <= opset <= newest:
        raise InputError(f"--opset {opset}: accepted are {FIRST_OPSET} to {newest}")
    if opset != OPSET:
        _check_operators(model, opset)
        model = _converted(model, max(opset, _CONVERTED))
    (own,) = [entry for entry in model.opset_import if entry.domain == ""]
    own.version = opset
    model.ir_version = helper.find_min_ir_version_for([own])
    return model


def _converted(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    try:
        return version_converter.convert_version(model, opset)
    except Exception as error:  # a RuntimeError, or an error of C++
        reason = str(error).rpartition(":")[2].strip()
        raise InputError(f"--opset {opset}: onnx cannot convert the model: {reason}") from None


def _check_operators(model: onnx.ModelProto, opset: int) -> None:
    """Check that an opset has every operator, and below the converter's in the same version."""
    for kind in dict.fromkeys(node.op_type for node in model.graph.node):
        try:
            there = onnx.defs.get_schema(kind, opset).since_version
        except onnx.defs.SchemaError:
            first = min(
                one.since_version
                for one in onnx.defs.get_all_schemas_with_history()
                if one.name == kind and one.domain == ""
            )
            raise InputError(
                f"--opset {opset}: {kind} came with opset {first}; accepted is {first} or more"
            ) from None
        if opset < _CONVERTED and kind not in _SAME:
            converted = onnx.defs.get_schema(kind, _CONVERTED).since_version
            if there != converted:
                raise InputError(
                    f"--opset {opset}: {kind} is another one there; accepted is {converted} or more"
                )
