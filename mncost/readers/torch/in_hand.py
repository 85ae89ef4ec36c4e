"""Torch modules in hand: objects of the caller, which have names for as long as they live.

A worker is another process. It gets such a module as the file of an exported program.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from itertools import count
from pathlib import Path
from weakref import WeakValueDictionary

import torch
from torch import nn

from mncost.errors import InputError
from mncost.readers.model import TorchSource
from mncost.readers.torch.export import program_of
from mncost.readers.torch.inputs import example

__all__ = ["PROJECT", "in_hand", "module_named", "with_program"]

PROJECT = "here"
"""What stands before the colon in such a name."""

_modules: WeakValueDictionary[str, nn.Module] = WeakValueDictionary()
_numbers = count(1)
_programs: dict[str, str] = {}  # files by source


def in_hand(module: nn.Module) -> str:
    """Return a new name of a module, e.g. ``here:Sequential.1``: it may have changed since."""
    name = f"{type(module).__name__}.{next(_numbers)}"
    _modules[name] = module
    return f"{PROJECT}:{name}"


def module_named(name: str) -> nn.Module:
    """Return the module of a name.

    Raises:
        InputError: it is gone, or belonged to another process.
    """
    module = _modules.get(name)
    if module is None:
        raise InputError(f"{name}: a module that was in hand, and is gone; mncost.from_torch again")
    return module


def with_program(source: TorchSource) -> TorchSource:
    """Return a source whose module is in a file, if it was in hand.

    Raises:
        InputError: the module has no memory for its weights, or cannot be exported.
    """
    project, _, name = source.name.partition(":")
    if project != PROJECT:
        return source
    return TorchSource(_program_file(source, name), source.inputs, source.data)


def _program_file(source: TorchSource, name: str) -> str:
    """Return the file of a module's exported program; it is written once in a process."""
    key = repr(source)
    if key not in _programs:
        module = module_named(name)
        kind = type(module).__name__
        if any(one.device.type != "cpu" for one in module.parameters()):
            raise InputError(f"{kind} is not on the CPU, where it would be measured")
        try:
            program = program_of(module, example(source.inputs, "cpu"))
        except Exception as error:  # torch.export fails in many ways
            raise InputError(
                f"{kind}: cannot be measured in another process, because torch.export cannot trace "
                f"it ({type(error).__name__}); accepted is a name such as package.module:{kind}"
            ) from error
        folder = tempfile.mkdtemp(prefix="mncost-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _programs[key] = str(Path(folder) / f"{kind}.pt2")
        torch.export.save(program, _programs[key])
    return _programs[key]
