"""torch, eager: one kernel after the other, channels last."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mncost.measure.runtimes import Call, KernelTimes, Runtime, Setup, seeded_images
from mncost.measure.runtimes.given import Given

if TYPE_CHECKING:
    import numpy
    import torch
    from torch import nn

    from mncost.graph.graph import Graph

__all__ = ["Torch"]


class Torch(Runtime):
    """A module's call in ``torch.inference_mode``."""

    distributions: ClassVar = ("torch", "numpy", "msgspec")  # a graph is made of structs
    modules: ClassVar = ("torch", "numpy", "msgspec")
    least_python: ClassVar = (3, 11)  # its models are our graphs
    extras: ClassVar = ("bench", "torch")
    format: ClassVar = "torch"
    trains: ClassVar = True
    times_modules: ClassVar = True

    def start(self, threads: int) -> None:
        """Import torch and set the number of its threads."""
        import torch

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)

    def load(self, setup: Setup) -> Call:
        """Load a graph and its weights.

        Raises:
            RuntimeError: torch cannot run it.
        """
        import torch

        if setup.training is not None:
            from mncost.measure.runtimes.torch_step import training_step

            graph, module, shapes = _read(setup.folder / "model.pickle")
            return training_step(module, graph, _images(shapes, setup.batch), setup.training)
        module, images, named = _loaded(setup)
        run = self.prepared(module)

        def call() -> object:
            with torch.inference_mode():
                return run(*images, **named)

        return call

    def profiled(self, setup: Setup) -> tuple[Call, Callable[[], KernelTimes]]:
        """Load a module with hooks that time the modules in it."""
        from mncost.measure.runtimes.torch_modules import ModuleTimes

        times = ModuleTimes(*_loaded(setup, by_module=True))
        return times.call, times.finish

    @staticmethod
    def kernels_to_nodes(kernels: Iterable[str], graph: Graph) -> dict[str, str]:
        """Return the node of each module."""
        from mncost.measure.runtimes.torch_modules import nodes_of_modules

        return nodes_of_modules(kernels, graph)

    def prepared(self, module: nn.Module) -> nn.Module:
        """Return what is called: the module itself."""
        return module


def _loaded(
    setup: Setup, *, by_module: bool = False
) -> tuple[nn.Module, Sequence[torch.Tensor], Mapping[str, torch.Tensor]]:
    """Return a module with its inputs, by position and by name.

    Args:
        setup: where it is, and how it is called.
        by_module: whether an exported program has its modules again.
    """
    given = Given.of(setup.folder)
    if given is not None:
        module, named = _given(given, setup.batch, by_module=by_module)
        return module, (), named
    _, module, shapes = _read(setup.folder / "model.pickle")
    return module, _images(shapes, setup.batch), {}


def _images(shapes: Iterable[Sequence[int]], batch: int) -> list[torch.Tensor]:
    return [_channels_last(seeded_images((batch, *shape))) for shape in shapes]


def _given(
    given: Given, batch: int, *, by_module: bool
) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """Return a given module, made here as it is, and its inputs."""
    import torch

    from mncost.errors import InputError
    from mncost.readers.torch.names import made

    if given.folder and given.folder not in sys.path:
        sys.path.insert(0, given.folder)
    torch.manual_seed(0)
    try:
        if given.model.endswith(".pt2"):
            program = torch.export.load(given.model)
            module = _with_modules(program) if by_module else program.module()
        else:
            module = made(given.model).requires_grad_(False)
    except InputError as error:
        raise RuntimeError(str(error)) from None
    if devices := {one.device.type for one in module.parameters()} - {"cpu"}:
        raise RuntimeError(f"{given.model} is on {', '.join(devices)}; accepted is the CPU")
    return module, _tensors(given, batch)


def _with_modules(program: torch.export.ExportedProgram) -> nn.Module:
    """Return a program as a module that has the modules which it was exported from."""
    import torch

    module = torch.export.unflatten(program)
    for inner in module.modules():  # as code, not by an interpreter, which takes time of its own
        if hasattr(inner, "_run_with_interpreter"):
            inner._run_with_interpreter = False
    return module


def _tensors(given: Given, batch: int) -> dict[str, torch.Tensor]:
    """Return the inputs; numpy has no bfloat16, so that such ones are made as float32."""
    import torch

    kinds = {name: one["dtype"] for name, one in given.inputs.items()}
    known = {
        name: {**one, "dtype": "float32" if kinds[name] == "bfloat16" else kinds[name]}
        for name, one in given.inputs.items()
    }
    values = given._replace(inputs=known).feed(batch)
    return {
        name: torch.from_numpy(one).to(getattr(torch, kinds[name])) for name, one in values.items()
    }


def _channels_last(values: numpy.ndarray) -> torch.Tensor:
    import torch

    tensor = torch.from_numpy(values)
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def _read(file: Path) -> tuple[Graph, nn.Module, list[tuple[int, ...]]]:
    """Return the graph of a file, its module with weights, and the shapes of its inputs."""
    import numpy as np
    import torch

    from mncost.models.torch_model import torch_module

    with file.open("rb") as stream:
        graph, inputs, shapes = pickle.load(stream)
        values = np.fromfile(stream, dtype="<f4")
    with torch.device("meta"):  # neither memory nor random numbers: the weights are here
        module = torch_module(graph).eval()
    module.load_state_dict(_state(module, values, shapes), assign=True)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return graph, module.to(memory_format=torch.channels_last), list(inputs.values())


def _state(
    module: nn.Module, values: object, shapes: dict[str, tuple[int, ...]]
) -> dict[str, torch.Tensor]:
    """Cut the weights out of one long array, each into memory of its own."""
    import torch

    long = torch.as_tensor(values)
    sizes = [torch.Size(shape).numel() for shape in shapes.values()]
    state = {
        name: part.clone().view(shape)
        for (name, shape), part in zip(shapes.items(), long.split(sizes), strict=True)
    }
    for name in module.state_dict():
        if name.endswith("num_batches_tracked"):  # only training reads it
            state[name] = torch.zeros((), dtype=torch.int64)
    return state
