"""OpenVINO on the CPU, from ONNX files; its precision is always set, and never its own choice."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from mncost.measure.runtimes import Call, KernelTimes, Runtime, Setup, seeded_images
from mncost.measure.runtimes.given import Given

if TYPE_CHECKING:
    import numpy

    from mncost.graph.graph import Graph

__all__ = ["OpenVino"]

# By default OpenVINO computes in bfloat16 where the CPU can: in half the time, and less exactly.
# An int8 model says itself what is computed in integers; the rest is float32.
_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32", "int8-qat": "f32"}
_MICROSECOND = timedelta(microseconds=1)


class OpenVino(Runtime):
    """``InferRequest.infer`` with its input bound, one request at a time."""

    distributions: ClassVar = ("openvino", "numpy")
    modules: ClassVar = ("openvino", "numpy")
    extras: ClassVar = ("openvino",)
    format: ClassVar = "onnx"
    precisions: ClassVar = ("fp32", "bf16", "int8", "int8-qat")
    profiles: ClassVar = True
    profile_step_ns: ClassVar = 1000
    flushes_denormals: ClassVar = True

    def __init__(self) -> None:
        """Make one; :meth:`start` imports."""
        self._threads = 1

    def start(self, threads: int) -> None:
        """Import it, without its telemetry; the threads are made with each model."""
        # To import OpenVINO is an event that it tells a web analytics service, if it has this.
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        import openvino

        self._threads = threads
        self._core = openvino.Core()

    def load(self, setup: Setup) -> Call:
        """Compile an ONNX file for one batch size.

        Raises:
            RuntimeError: this CPU does not compute in that precision.
        """
        return self._compiled(setup)[2]

    def profiled(self, setup: Setup) -> tuple[Call, Callable[[], KernelTimes]]:
        """Compile a model with performance counters, which count whole microseconds."""
        compiled, request, run = self._compiled(setup, PERF_COUNT=True)
        names = _original_names(compiled)
        times = KernelTimes([], {})

        def call() -> None:
            start = time.perf_counter_ns()
            run()
            times.runs.append(time.perf_counter_ns() - start)
            for kernel in request.profiling_info:
                if kernel.exec_type not in ("undef", "unknown"):  # else it is fused into another
                    ns = times.kernels.setdefault(
                        names.get(kernel.node_name) or kernel.node_type, []
                    )
                    ns += [0] * (len(times.runs) - len(ns))
                    ns[-1] += 1000 * (kernel.real_time // _MICROSECOND)

        return call, lambda: times

    @staticmethod
    def kernels_to_nodes(kernels: Iterable[str], graph: Graph) -> dict[str, str]:
        """Return the first of our nodes that each kernel was made of."""
        from mncost.measure.runtimes.kernel_names import node_of, steps_by_name

        steps = steps_by_name(graph)
        return {kernel: node_of(kernel.split(","), steps) for kernel in kernels}

    def _compiled(self, setup: Setup, **options: Any) -> tuple[Any, Any, Call]:
        """Return a compiled model, a request whose input is bound, and what runs it."""
        import openvino

        given = Given.of(setup.folder)
        model = self._core.read_model(given.model if given else setup.folder / "model.onnx")
        if given:
            feed = given.feed(setup.batch)
            images = [_named(entry, feed) for entry in model.inputs]
        else:
            images = [seeded_images(_shape(entry, setup.batch)) for entry in model.inputs]
        shapes = [list(values.shape) for values in images]
        model.reshape(dict(zip(model.inputs, shapes)))
        hint = _HINTS[setup.precision]
        options |= {
            "INFERENCE_PRECISION_HINT": hint,
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # the process is pinned
        }
        if setup.denormals:
            options["CPU_DENORMALS_OPTIMIZATION"] = True
        compiled = self._core.compile_model(model, "CPU", options)
        if (used := compiled.get_property("INFERENCE_PRECISION_HINT").to_string()) != hint:
            raise RuntimeError(f"this CPU does not compute in {hint}, but in {used}")
        request = compiled.create_infer_request()
        for index, values in enumerate(images):
            request.set_input_tensor(index, openvino.Tensor(values, shared_memory=True))
        infer = request.infer

        def call(_: object = images) -> object:  # the tensors do not keep their memory alive
            return infer()

        return compiled, request, call


def _named(entry: Any, feed: Mapping[str, numpy.ndarray]) -> numpy.ndarray:
    """Return what an input is fed, which may have several names."""
    return next(values for name, values in feed.items() if name in entry.get_names())


def _shape(entry: Any, batch: int) -> list[int]:
    """Return the shape of an input whose first dimension, the batch, is open."""
    _, *image = entry.get_partial_shape()
    return [batch, *(side.get_length() for side in image)]


def _original_names(compiled: Any) -> dict[str, str]:
    """Return the names of the operators that each kernel was made of, joined by commas."""
    names = {}
    for kernel in compiled.get_runtime_model().get_ordered_ops():
        facts = kernel.get_rt_info()
        if "originalLayersNames" in facts:
            names[kernel.get_friendly_name()] = facts["originalLayersNames"].astype(str)
    return names
