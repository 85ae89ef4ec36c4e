"""Readers of other people's models: an ONNX file, or a torch module that Python makes.

To add one: a module with ``read(name, given) -> ReadModel`` and a line in :func:`_module_of`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mncost.readers.given import GivenInput
    from mncost.readers.model import ReadModel

__all__ = ["is_model", "read_model"]

_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[\w./-]+")  # timm:mobilenetv3_large_100, pkg.module:make


def is_model(name: str) -> bool:
    """Whether a name is that of a model, and not of an architecture; nothing is read."""
    return _module_of(name) is not None


def read_model(name: str, given: Sequence[GivenInput] = ()) -> ReadModel:
    """Read a model.

    Args:
        name: ``net.onnx``, ``timm:mobilenetv4_conv_small``, ``torchvision:resnet18`` or
            ``package.module:factory``.
        given: the shapes of its inputs, as far as the model does not say them.

    Raises:
        InputError: it cannot be read, or an input's shape is open or does not fit.
    """
    module = _module_of(name)
    assert module is not None, name
    read: ReadModel = import_module(module).read(name, given)
    return read


def _module_of(name: str) -> str | None:
    """Return the module that reads a model of this name, if it is one."""
    if name.lower().endswith(".onnx"):
        return "mncost.readers.onnx"
    if name.lower().endswith(".tflite"):
        return "mncost.readers.tflite"
    if _FACTORY.fullmatch(name) and ".toml:" not in name:  # that is a variant of an architecture
        return "mncost.readers.torch"
    return None
