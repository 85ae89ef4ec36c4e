"""Torch modules by name: ``timm:…``, ``torchvision:…``, or a factory or an instance in Python.

Workers import this file too: it needs torch, and what a name names.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mncost.errors import InputError, UnknownNameError, did_you_mean, one_line

if TYPE_CHECKING:
    from torch import nn

__all__ = ["folder_of", "made", "unwrapped"]


def made(name: str, *, weightless: bool = False) -> nn.Module:
    """Return the module of a name, with random weights, in evaluation mode.

    A module in hand (:mod:`mncost.readers.torch.in_hand`) is left as it is.

    Args:
        name: ``timm:mobilenetv4_conv_small``, ``torchvision:resnet18``, or
            ``package.module:attribute``: a module, or what returns one without arguments.
        weightless: make it without memory for its weights, if it can be made so.

    Raises:
        InputError: a package is missing, there is no such name, or what it names raises, needs
            arguments or returns no module.
    """
    from torch import nn

    source, _, attribute = name.partition(":")
    if source == "here":
        from mncost.readers.torch.in_hand import module_named

        return module_named(attribute)
    module = _PROJECTS.get(source, _of_python)(source, attribute, weightless)
    if not isinstance(module, nn.Module):
        raise InputError(
            f"{name} gives a value of type {type(module).__name__}; accepted is a "
            "torch.nn.Module, or what returns one without arguments"
        )
    return unwrapped(module).eval()


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the module that ``torch.compile`` or a data-parallel module was put around."""
    from torch import nn

    for attribute in ("_orig_mod", "module"):
        inner = getattr(module, attribute, None)
        if type(module).__name__ in _WRAPPERS and isinstance(inner, nn.Module):
            return unwrapped(inner)
    return module


_WRAPPERS = ("OptimizedModule", "DataParallel", "DistributedDataParallel")


def folder_of(name: str) -> str | None:
    """Return the folder that a name's package is imported from; ``None`` if it is installed."""
    package = sys.modules.get(name.partition(":")[0].partition(".")[0])
    file = getattr(package, "__file__", None) or next(iter(getattr(package, "__path__", ())), None)
    if file is None or any(part in Path(file).parts for part in ("site-packages", "dist-packages")):
        return None
    path = Path(file).resolve()
    is_package = hasattr(package, "__path__")
    if is_package and path.name == "__init__.py":
        path = path.parent
    return str(path.parent)


def _timm(source: str, model: str, weightless: bool) -> Any:
    timm = _imported("timm", source)
    _known(model, timm.is_model, timm.list_models, source)
    make = partial(timm.create_model, model, pretrained=False)
    return _called(f"{source}:{model}", make, weightless)


def _torchvision(source: str, model: str, weightless: bool) -> Any:
    models = _imported("torchvision.models", source)
    names = models.list_models()
    _known(model, lambda name: name in names, lambda: names, source)
    builder = models.get_model_builder(model)
    given = {
        key: None
        for key in ("weights", "weights_backbone")
        if key in inspect.signature(builder).parameters
    }
    return _called(f"{source}:{model}", partial(builder, **given), weightless)


_PROJECTS = {"timm": _timm, "torchvision": _torchvision}


def _known(name: str, has: Any, names: Any, source: str) -> None:
    if not has(name):
        every = names()
        start = [one for one in every if one.startswith(name[:6])][:5]
        raise InputError(
            f"{source} has no model {name!r}{did_you_mean(name, every)}; it has {len(every)}"
            + (f", such as {', '.join(start)}" if start else "")
        )


def _of_python(source: str, attribute: str, weightless: bool) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    made: Any = _imported(source, f"{source}:{attribute}")
    for part in attribute.split("."):
        try:
            made = getattr(made, part)
        except AttributeError:
            raise UnknownNameError(f"name in {source}", part, _public(made)) from None
    if not callable(made) or _is_module(made):
        return made
    try:
        needed = [
            one.name
            for one in inspect.signature(made).parameters.values()
            if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):
        needed = []
    if needed:
        raise InputError(
            f"{source}:{attribute} needs arguments ({', '.join(needed)}); accepted is a module, "
            "or what returns one without arguments"
        )
    return _called(f"{source}:{attribute}", made, weightless)


def _is_module(thing: Any) -> bool:
    from torch import nn

    return isinstance(thing, nn.Module)


def _public(thing: Any) -> Iterable[str]:
    return [name for name in dir(thing) if not name.startswith("_")][:20]


def _imported(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        if module.partition(".")[0] == missing:
            hint = f": pip install {missing}" if missing in _PROJECTS else ""
            raise InputError(f"{name}: there is no Python module {module}{hint}") from error
        raise InputError(f"{name}: {module} needs {missing}, which is not installed") from error
    except (
        Exception,
        SystemExit,
    ) as error:  # whatever somebody's module raises when it is imported
        raise InputError(f"{name}: importing {module} raises {_said(error)}") from error


def _called(name: str, make: Callable[[], Any], weightless: bool) -> Any:
    import torch

    if weightless:
        try:
            with torch.device("meta"):
                return make()
        except (
            Exception,
            SystemExit,
        ):  # it looks at the values of its weights; or it raises anyway
            pass
    try:
        return make()
    except (Exception, SystemExit) as error:  # whatever somebody's code raises
        raise InputError(f"{name} raises {_said(error)}") from error


def _said(error: BaseException) -> str:
    text = one_line(" ".join(str(error).split())[:300])
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
