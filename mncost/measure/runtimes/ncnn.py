"""ncnn on the CPU, in float32, one image at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from mncost.measure.runtimes import Call, KernelTimes, Runtime, Setup, seeded_images

if TYPE_CHECKING:
    from mncost.graph.graph import Graph

__all__ = ["Layer", "Ncnn", "layers_of"]

_KINDS = {
    "Convolution": "product",
    "ConvolutionDepthWise": "product",
    "InnerProduct": "product",
    "Gemm": "product",
    "Pooling": "pool",
    "BinaryOp": "binary",
    "MatMul": "attention",
    "Softmax": "softmax",
}
_NO_WORK = ("Input", "MemoryData")


class Layer(NamedTuple):
    """A line of a model's text.

    Attributes:
        kind: of the layer.
        name: its own.
        result: the first of its results.
        values: what it is told, by number.
    """

    kind: str
    name: str
    result: str
    values: dict[str, str]


class Ncnn(Runtime):
    """A new ``Extractor`` for each call: the input in, the output out."""

    distributions: ClassVar = ("ncnn", "numpy")
    modules: ClassVar = ("ncnn", "numpy")
    makers: ClassVar = ("pnnx",)
    extras: ClassVar = ("ncnn",)
    format: ClassVar = "ncnn"
    converts: ClassVar = ("onnx",)
    largest_batch: ClassVar = 1  # its tensors have no such dimension
    profiles: ClassVar = True

    def __init__(self) -> None:
        """Make one; :meth:`start` imports."""
        self._threads = 1

    def start(self, threads: int) -> None:
        """Import it; the threads are set with each model."""
        import ncnn  # noqa: F401
        import numpy  # noqa: F401

        self._threads = threads

    def load(self, setup: Setup) -> Call:
        """Load the two files of a model."""
        net, begin = self._net(setup)
        outputs = net.output_names()

        def call() -> list[Any]:
            extractor = begin()
            return [extractor.extract(name)[1] for name in outputs]

        return call

    def profiled(self, setup: Setup) -> tuple[Call, Callable[[], KernelTimes]]:
        """Load a model whose calls extract one layer's result after the other.

        An extractor keeps what it has computed, so that each step computes one layer.
        """
        _, begin = self._net(setup)
        layers = layers_of((setup.folder / "model.param").read_text("utf-8"))
        steps = [
            (f"{one.kind} {one.name}", one.result) for one in layers if one.kind not in _NO_WORK
        ]
        times = KernelTimes([], {name: [] for name, _ in steps})

        def call() -> None:
            first = last = time.perf_counter_ns()
            extractor = begin()
            for name, result in steps:
                extractor.extract(result, 1)  # as it is: in the layout of the kernels
                now = time.perf_counter_ns()
                times.kernels[name].append(now - last)
                last = now
            times.runs.append(last - first)

        return call, lambda: times

    @staticmethod
    def kernels_to_nodes(kernels: Iterable[str], graph: Graph) -> dict[str, str]:
        """Return the node of each layer, by their order: pnnx keeps that, and no names."""
        from mncost.measure.runtimes.kernel_names import nodes_in_order

        return nodes_in_order({one: _KINDS.get(one.partition(" ")[0]) for one in kernels}, graph)

    def _net(self, setup: Setup) -> tuple[Any, Callable[[], Any]]:
        """Return a loaded model, and what begins a call of it."""
        import ncnn

        net = ncnn.Net()
        net.opt.num_threads = self._threads
        net.opt.use_vulkan_compute = False
        # Else 16 bits are used where the CPU has them.
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.opt.use_bf16_storage = False
        shapes = json.loads((setup.folder / "inputs.json").read_text("utf-8"))
        for load, name in ((net.load_param, "model.param"), (net.load_model, "model.bin")):
            if load(str(setup.folder / name)) != 0:
                raise RuntimeError(f"ncnn does not load {name}")
        arrays = [seeded_images((1, *shape))[0] for shape in shapes]
        # A Mat does not keep its array alive: its copy has memory of its own.
        images = [ncnn.Mat(array).clone() for array in arrays]
        bound = list(zip(net.input_names(), images))

        def begin() -> Any:
            extractor = net.create_extractor()
            for name, image in bound:
                extractor.input(name, image)
            return extractor

        return net, begin


def layers_of(param: str) -> list[Layer]:
    """Return the layers of a model's text, in the order in which they are computed."""
    layers = []
    _, size, *lines = param.splitlines()  # the first number says what it is
    for line in lines[: int(size.split()[0])]:
        kind, name, read, made, *rest = line.split()
        first = int(read)
        values = dict(word.split("=", 1) for word in rest[first + int(made) :])
        layers.append(Layer(kind, name, rest[first], values))
    return layers
