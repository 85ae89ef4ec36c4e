"""The score of a network: the user's function, or the share of MACs that is kept."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from math import isfinite
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mncost.errors import InputError, UnknownNameError, one_line

if TYPE_CHECKING:
    from mncost.network import Network

__all__ = ["MACS_KEPT", "Function", "Score", "score_of"]

Function: TypeAlias = "Callable[[Network], Any]"
"""A score: the larger, the better. ``network.to_torch()`` is a module that can be trained."""
MACS_KEPT = "MACs kept, no accuracy"
_LONGEST = 300


class Score:
    """A score with a name.

    Attributes:
        name: what the log calls it.
        is_default: whether it is the share of MACs, which says nothing of accuracy.
    """

    def __init__(self, name: str, function: Function | None, macs: int, seed: int = 0) -> None:
        """Take a function; without one it is MACs / ``macs``."""
        self.name, self.is_default = name, function is None
        self._function, self._macs, self._seed = function, macs, seed

    def __call__(self, network: Network) -> float:
        """Return the score of a network.

        Raises:
            InputError: the function raises an error, or returns no finite number.
        """
        if self._function is None:
            return network.macs / self._macs
        self._start_anew()
        try:
            value = self._function(network)
        except (Exception, SystemExit) as error:  # whatever somebody's code raises
            raise InputError(f"{self.name} raises {_said(error)}") from error
        try:
            number = float(getattr(value, "item", lambda: value)())  # of an array or a tensor
        except Exception as error:
            kind = type(value).__name__
            raise InputError(
                f"{self.name} returns a value of type {kind}; accepted is a finite number"
            ) from error
        if not isfinite(number):
            raise InputError(f"{self.name} returns {number}; accepted is a finite number")
        return number

    def _start_anew(self) -> None:
        """Seed what is imported, so that a score does not depend on the calls before."""
        random.seed(self._seed)
        for name, path in (("numpy", "random.seed"), ("torch", "manual_seed")):
            if name in sys.modules:
                attrgetter(path)(sys.modules[name])(self._seed)


def score_of(given: str | Function | None, macs: int, seed: int = 0) -> Score:
    """Return the score that is meant.

    Args:
        given: ``my.py:score``, ``package.module:score``, a function, or ``None``: the share of
            MACs that is kept.
        macs: of the network that the search starts with.
        seed: of Python's, numpy's and torch's random numbers, before each call.

    Raises:
        InputError: there is no such function, or importing it raises an error.
    """
    if given is None:
        return Score(MACS_KEPT, None, macs)
    if not isinstance(given, str):
        if not callable(given):
            raise InputError(f"score {given!r}: accepted is a function, or FILE:NAME")
        return Score(getattr(given, "__name__", "score"), given, macs, seed)
    return Score(given, _loaded(given), macs, seed)


def _loaded(name: str) -> Function:
    """Import the function that the user named."""
    source, colon, attribute = name.rpartition(":")
    if not colon or not source or not attribute:
        raise InputError(f"--score {name!r}: accepted is my.py:score or package.module:score")
    module = _module(source)
    try:
        function: Any = getattr(module, attribute)
    except AttributeError:
        names = [one for one in dir(module) if not one.startswith("_")][:20]
        raise UnknownNameError(f"name in {source}", attribute, names) from None
    if not callable(function):
        raise InputError(
            f"--score {name}: a value of type {type(function).__name__}; accepted is a function "
            "from a mncost.Network to a number"
        )
    made: Function = function
    return made


def _module(source: str) -> Any:
    from importlib import import_module
    from importlib.util import module_from_spec, spec_from_file_location

    is_file = source.endswith(".py")
    folder = str(Path(source).resolve().parent if is_file else Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as `python my.py` and `python -m` do
    try:
        if not is_file:
            return import_module(source)
        if not Path(source).is_file():
            raise InputError(f"--score {source}: no such file")
        spec = spec_from_file_location(f"mncost_score_{Path(source).stem}", source)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # whatever somebody's code raises
        raise InputError(f"--score {source}: importing it raises {_said(error)}") from error


def _said(error: BaseException) -> str:
    text = one_line(" ".join(str(error).split())[:_LONGEST])
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
