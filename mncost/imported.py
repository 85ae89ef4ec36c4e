"""Networks of models that were read, beside those of architectures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mncost.errors import InputError
from mncost.extras import require
from mncost.network import Network, network_read
from mncost.readers import is_model, read_model
from mncost.readers.given import GivenInput, GivenInputs, InputMisfitError, parse_inputs
from mncost.spec.axis import resolutions, size_of_image

if TYPE_CHECKING:
    import onnx
    import torch

    from mncost.cost.memory import Precision
    from mncost.grids import Grid
    from mncost.readers.model import ReadModel
    from mncost.readers.torch.inputs import TorchInputs

__all__ = ["from_onnx", "from_torch", "has_models", "mixed"]

_OF_ARCHITECTURES = ("alpha", "rho", "dialect", "classes", "in_channels", "output_stride")


def has_models(names: str) -> bool:
    """Whether a model is among names with commas between them."""
    return any(is_model(name.strip()) for name in names.split(","))


def mixed(
    names: str,
    given: GivenInputs,
    precision: Precision | None,
    others: Mapping[str, Any],
    grid: Callable[..., Grid],
) -> tuple[list[Network], list[str]]:
    """Return the networks of models and architectures in the order of their names, and notes.

    Args:
        names: with commas between them; at least one is a model.
        given: the shapes of inputs.
        precision: of the bytes; by default each model's own.
        others: what else ``grid`` takes; α, dialect and their like are of architectures.
        grid: makes the networks of architectures.

    Raises:
        InputError: something cannot be used.
    """
    words = [name.strip() for name in names.split(",")]
    inputs = parse_inputs(given)
    if all(map(is_model, words)):
        for option in _OF_ARCHITECTURES:
            if others.get(option) is not None:
                shown = option.replace("_", "-")
                raise InputError(f"--{shown} is of architectures; {words[0]} is a model as it is")
    networks: list[Network] = []
    notes: list[str] = []
    used: set[str | None] = set()
    models = list(dict.fromkeys(filter(is_model, words)))
    for are_models, group in groupby(dict.fromkeys(words), is_model):
        if are_models:
            for name in group:
                for sized in _inputs(inputs, others.get("resolution"), name):
                    is_sized = others.get("resolution") is not None
                    model = _read(name, sized, used, alone=is_sized or len(models) == 1)
                    network = network_read(model, precision)
                    network.in_place = others["in_place"]
                    if sum(network.arch == PurePath(one).name for one in models) > 1:
                        network.label = replace(network.label, arch=name)
                    networks.append(network)
                    notes += network.notes
        else:
            made = grid(",".join(group), precision=precision, **others)
            networks += made
            notes += made.notes
    unused = [one.name for one in inputs if one.name not in used]
    if unused:
        what = "--input without a name fits" if unused[0] is None else f"--input {unused[0]} fits"
        raise InputError(f"{what} no model")
    return networks, [*dict.fromkeys(notes)]


def from_onnx(
    model: str | PurePath | onnx.ModelProto,
    inputs: GivenInputs = None,
    precision: Precision | None = None,
) -> Network:
    """Return the network of an ONNX model. Needs onnx.

    Args:
        model: the path of a file, or a model in memory, which is not changed.
        inputs: the shapes of its inputs, as far as they are open: ``"1x3x224x224"``,
            ``(1, 3, 224, 224)`` or ``{"image": (1, 3, 224, 224)}``. A batch that is open is 1.
        precision: what bytes are counted for; by default what the weights are stored in.

    Raises:
        InputError: the file is not a valid model, or an open dimension is not given.
    """
    from mncost.readers.onnx import read, read_proto

    given = parse_inputs(inputs)
    if isinstance(model, str | PurePath):
        return network_read(read(str(model), given), precision)
    network = network_read(read_proto(model, given), precision)
    network.proto = model
    return network


def from_torch(
    module: torch.nn.Module, inputs: TorchInputs, precision: Precision | None = None
) -> Network:
    """Return the network of a torch module. Needs torch.

    The module is looked at in evaluation mode, and left as it was; ``torch.export`` traces it
    without computing anything. What that cannot trace runs once, and a note says so.

    Args:
        module: on any device, the meta device too. Of one that ``torch.compile`` or
            ``DataParallel`` wrapped, what is in it.
        inputs: what its forward takes, with the batch: one shape ``(1, 3, 224, 224)``, a tensor,
            several of these, or a mapping from the names of arguments to these. Shapes stand for
            tensors of the type of the module's weights.
        precision: what bytes are counted for; by default what the weights are stored in.

    Raises:
        InputError: its forward raises an error for these inputs, or needs others.
    """
    require("torch")
    from mncost.readers.torch import read_module
    from mncost.readers.torch.in_hand import in_hand
    from mncost.readers.torch.inputs import specs_of
    from mncost.readers.torch.names import unwrapped

    module = unwrapped(module)
    specs = specs_of(type(module).__name__, module, inputs)
    network = network_read(read_module(module, specs, in_hand(module)), precision)
    network.module = module
    return network


def _inputs(given: Sequence[GivenInput], resolution: Any, name: str) -> list[list[GivenInput]]:
    """Return the shapes of inputs that a model is read for, one after the other."""
    if resolution is None:
        return [[*given]]
    if given:
        raise InputError("--resolution and --input both say how large the images are")
    sizes = [size_of_image(one) for one in resolutions(resolution, (), name)]
    if name.lower().endswith(".tflite"):  # channels last
        return [[GivenInput(None, (1, *size, 3))] for size in sizes]
    return [[GivenInput(None, (1, 3, *size))] for size in sizes]


def _read(
    name: str, given: Sequence[GivenInput], used: set[str | None], *, alone: bool
) -> ReadModel:
    """Read a model with those shapes that it has inputs for; the others may be another model's."""
    while True:
        try:
            model = read_model(name, given)
        except InputMisfitError as misfit:
            if alone:
                raise
            given = [one for one in given if one.name != misfit.name]
        else:
            used |= {one.name for one in given}
            return model
