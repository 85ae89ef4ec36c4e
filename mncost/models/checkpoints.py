"""Checkpoints: the state dict in a file that torch or safetensors wrote.

A training script saves more than a state dict: its optimizer, its epoch, a second state dict with
averaged weights. :func:`read_checkpoint` says which state dicts there are, and takes one.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mncost.errors import InputError, UnknownNameError, one_line
from mncost.files import size_of

__all__ = ["Checkpoint", "read_checkpoint", "sha256_of", "without_prefix"]

# What training scripts save a state dict under; where there are several, the first of these.
WRAPPERS = (
    *("state_dict", "model_state_dict", "model", "net", "network", "module", "weights"),
    *("state_dict_ema", "model_ema", "model_ema_state_dict", "ema_state_dict", "ema"),
)
MAX_DEPTH = 3  # of dictionaries in dictionaries
COUNTERS = ("n_averaged", "num_updates")  # beside the averaged weights: they are no weights


class Checkpoint(NamedTuple):
    """A state dict, and the others that its file holds.

    Attributes:
        path: the file.
        state: tensors by name.
        key: where it stands in the file: ``model``, ``ema.module``; empty if it is the file itself.
        others: the keys of the state dicts that would have been taken as well, had they been asked
            for; empty if the caller chose.
    """

    path: Path
    state: dict[str, Any]
    key: str
    others: tuple[str, ...]

    @property
    def note(self) -> str | None:
        """Say which of several state dicts was taken; ``None`` if there was no choice."""
        if not self.others:
            return None
        others = ", ".join(one_line(key) for key in self.others)
        return (
            f"{self.path}: took the state dict {one_line(self.key)}; it holds {others} too: "
            "--weights-key chooses"
        )


def read_checkpoint(path: Path, key: str | None = None) -> Checkpoint:
    """Read a state dict of torch tensors: a ``.safetensors`` file, or one that torch saved.

    Nothing in the file is executed: torch reads it with ``weights_only=True``.

    Args:
        path: the file.
        key: which of several state dicts, e.g. ``model_ema``; by default the first usual name.

    Raises:
        InputError: the file is missing, cut short, or no state dict; or it holds code; or it has
            no state dict of this key.
    """
    try:
        size_of(path)
        with path.open("rb"):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    loaded = _safetensors(path) if path.suffix.lower() == ".safetensors" else _torch(path)
    inside = dict(_state_dicts(loaded))
    others: tuple[str, ...]
    if key is not None:
        under = [name for name in inside if name == key or name.startswith(f"{key}.")]
        if len(under) != 1 and key not in inside:
            raise UnknownNameError("weights key", key, inside or ["(none: it is one state dict)"])
        taken, others = key if key in inside else under[0], ()
    else:
        taken = next((name for name in (*WRAPPERS, *inside) if name in inside), "")
        others = tuple(name for name in inside if name != taken)
    state = inside.get(taken, loaded)
    if isinstance(state, dict):
        state = _without_counters(state)
    _check(state, path)
    return Checkpoint(path, state, taken, others)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def without_prefix(names: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping by names without the parts that all begin with (``module.``, ``model.``)."""
    shorter = dict(names)
    while all(name.count(".") > 1 for name in shorter):  # a layer keeps a name
        if len({name.partition(".")[0] for name in shorter}) != 1:
            break
        shorter = {name.partition(".")[2]: value for name, value in shorter.items()}
    return shorter


def _check(state: Any, path: Path) -> None:
    if not isinstance(state, dict):
        raise InputError(f"{path}: not a state dict, but one {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str) or not _is_numbers(value):
            given = one_line(f"{name!r} is {type(value).__name__}")
            raise InputError(f"{path}: not a state dict of tensors: {given}")
    if not state:
        raise InputError(f"{path}: holds no tensors")


def _state_dicts(loaded: Any, depth: int = 1) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the state dicts in what a training script saved, each with its dotted key."""
    if not isinstance(loaded, dict) or depth > MAX_DEPTH:
        return
    for key, value in loaded.items():
        if not isinstance(key, str) or not isinstance(value, dict) or key.startswith("optim"):
            continue
        state = _without_counters(value)
        if state and all(map(_is_numbers, state.values())):
            yield key, state
        else:
            for below, inner in _state_dicts(value, depth + 1):
                yield f"{key}.{below}", inner


def _without_counters(state: dict[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in state.items() if name not in COUNTERS}


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Any] = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        reason = one_line(" ".join(str(error).split()))
        raise InputError(f"{path}: not a safetensors file, or cut short: {reason}") from None
    return tensors


def _torch(path: Path) -> Any:
    import torch

    try:
        # timm's and torchvision's scripts save their command line beside the weights.
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever bytes make zipfile, pickle and torch raise
        if isinstance(error, pickle.UnpicklingError) and (code := _code(str(error))):
            raise InputError(
                f"{path}: not read: it holds pickled code ({code}), not only tensors; "
                "save model.state_dict()"
            ) from None
        raise InputError(f"{path}: not a state dict saved by torch, or cut short") from None


def _code(message: str) -> str | None:
    """Return the name of the code that torch refused to run, if that is what it says."""
    named = re.search(r"(?:GLOBAL|class|global|function) ([\w.]+\.\w+)", message)
    return one_line(named[1]) if named else None


def _is_numbers(value: Any) -> bool:
    import torch

    if not isinstance(value, torch.Tensor):
        return False
    dense = value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized
    return dense and (value.is_floating_point() or value.dim() == 0)  # 0: num_batches_tracked
