"""Readers of other people's models: files of other formats, or a torch module that Python makes.

To add one: a module with ``read(name, given) -> ReadModel``, called as its files' suffix, which
:data:`SUFFIXES` has too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mncost.readers.given import GivenInput
    from mncost.readers.model import ReadModel

__all__ = ["SUFFIXES", "is_model", "read_model"]

SUFFIXES = (".onnx", ".tflite", ".pte")
"""Of the files that are read."""

_FACTORY = r"[A-Za-z_][\w.]*:[\w./-]+"  # timm:mobilenetv3_large_100, pkg.module:make


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
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return f"mncost.readers.{suffix[1:]}"
    if (
        re.fullmatch(_FACTORY, name) and ".toml:" not in name
    ):  # that is a variant of an architecture
        return "mncost.readers.torch"
    return None
