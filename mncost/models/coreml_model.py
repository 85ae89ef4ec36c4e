"""A torch module as a Core ML package, by coremltools."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mncost.models.silence import silence

if TYPE_CHECKING:
    from torch import nn

__all__ = ["coreml_package"]


def coreml_package(
    module: nn.Module, inputs: Mapping[str, Sequence[int]], metadata: Mapping[str, str]
) -> dict[str, bytes]:
    """Convert a module for one image; return the files of the package by their paths in it.

    The program computes in float32, as all models that mncost writes: Core ML's own choice would be
    float16.

    Args:
        module: in evaluation mode.
        inputs: the shapes of its inputs in order, without the batch.
        metadata: what the package says of itself.
    """
    with silence():
        import coremltools

        images = tuple(torch.zeros(1, *shape) for shape in inputs.values())
        program = torch.export.export(module, images).run_decompositions({})
        model = coremltools.convert(
            program,
            convert_to="mlprogram",
            compute_precision=coremltools.precision.FLOAT32,
            minimum_deployment_target=coremltools.target.iOS16,
            skip_model_load=True,
        )
    model.user_defined_metadata.update(metadata)
    with tempfile.TemporaryDirectory(prefix="mncost-") as folder:
        package = Path(folder) / "model.mlpackage"
        model.save(str(package))
        return {
            path.relative_to(package).as_posix(): path.read_bytes()
            for path in sorted(package.rglob("*"))
            if path.is_file()
        }
