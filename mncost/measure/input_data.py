"""Values for the inputs of models: ``--input-data x.npz``."""

from __future__ import annotations

from copy import copy
from pathlib import Path

from msgspec.structs import replace

from mncost.errors import MeasureError, did_you_mean
from mncost.network import Network

__all__ = ["with_data"]


def with_data(networks: list[Network], file: Path) -> list[Network]:
    """Return networks whose models are fed the arrays of a file.

    Raises:
        MeasureError: the file cannot be read, or an array fits no input.
    """
    models = [network for network in networks if network.source is not None]
    if not models:
        raise MeasureError(f"--input-data {file}: no network is a model")
    shapes = _arrays(file)
    known = {name for network in models if network.source for name in network.source.inputs}
    for name in shapes:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise MeasureError(
                f"{file}: no model has an input {name!r}{did_you_mean(name, known)}; there are "
                f"{listed}"
            )
    return [_fed(network, file, shapes) for network in networks]


def _arrays(file: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return the shape and type of each array of a file."""
    import numpy as np

    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: (arrays[name].shape, str(arrays[name].dtype)) for name in arrays.files}
    except OSError as error:
        raise MeasureError(f"{file}: {error.strerror or error}") from None
    except Exception:  # of zip, of numpy
        accepted = "accepted is what numpy.savez writes, without objects"
        raise MeasureError(f"{file}: {accepted}") from None


def _fed(network: Network, file: Path, arrays: dict[str, tuple[tuple[int, ...], str]]) -> Network:
    if network.source is None:
        return network
    inputs = network.source.inputs
    for name, (shape, dtype) in arrays.items():
        if name in inputs and (shape, dtype) != (inputs[name].shape, inputs[name].dtype):
            raise MeasureError(
                f"{file}: {name} is {_words(shape, dtype)}; {network.arch} is counted for "
                f"{_words(inputs[name].shape, inputs[name].dtype)}: --input"
            )
    fed = copy(network)
    fed.source = replace(network.source, data=str(file.resolve()))
    return fed


def _words(shape: tuple[int, ...], dtype: str) -> str:
    return f"{dtype} of {'x'.join(map(str, shape)) or 'no dimension'}"
