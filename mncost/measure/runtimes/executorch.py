"""ExecuTorch with XNNPACK, from programs that torch.export is lowered to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mncost.measure.runtimes import (
    Call,
    KernelTimes,
    LeftOver,
    Runtime,
    Setup,
    seeded_images,
)
from mncost.measure.runtimes.given import Given

if TYPE_CHECKING:
    from mncost.graph.graph import Graph

__all__ = ["ExecuTorch"]

# How XNNPACK's operators are called, and what of a graph they are.
_KINDS = {
    "Convolution": "product",
    "Fully Connected": "product",
    "Mean": "pool",
    "Average Pooling": "pool",
    "Max Pooling": "pool",
    "Add": "binary",
    "Multiply": "binary",
    "Batch Matrix Multiply": "attention",
    "Softmax": "softmax",
}


class ExecuTorch(Runtime):
    """``Method.execute`` of a loaded program, one image at a time."""

    distributions: ClassVar = ("executorch", "torch", "numpy")
    modules: ClassVar = ("executorch", "torch", "numpy")
    extras: ClassVar = ("executorch",)
    format: ClassVar = "executorch"
    precisions: ClassVar = ("fp32", "int8")
    largest_batch: ClassVar = 1  # a dynamic batch would cut the graph into several delegates
    profiles: ClassVar = True
    profile_step_ns: ClassVar = 1000

    def start(self, threads: int) -> None:
        """Import it, and set the number of threads of its pool."""
        from executorch.extension.pybindings import portable_lib

        portable_lib._unsafe_reset_threadpool(threads)

    def load(self, setup: Setup) -> Call:
        """Load a program."""
        from executorch.runtime import Runtime as Theirs

        method = Theirs.get().load_program(_file(setup)).load_method("forward")
        images = _images(setup)

        def call() -> Any:
            return method.execute(images)

        return call

    def left_over(self, setup: Setup, call: Call) -> LeftOver | None:
        """Return what XNNPACK did not take, as its format has written it."""
        if Given.of(setup.folder):
            return None
        known = _known(setup)
        return LeftOver(known["operators"], known["left"])

    def profiled(self, setup: Setup) -> tuple[Call, Callable[[], KernelTimes]]:
        """Load a program that writes down how long each of its operators takes (ETDump)."""
        from executorch.extension.pybindings import portable_lib

        program = portable_lib._load_for_executorch(_file(setup), enable_etdump=True)
        images = _images(setup)

        def finish() -> KernelTimes:
            dump = setup.folder / "profile.etdp"
            program.write_etdump_result_to_file(os.fspath(dump))
            try:
                return _read(dump)
            finally:
                dump.unlink()

        return lambda: program.forward(images), finish

    @staticmethod
    def kernels_to_nodes(kernels: Iterable[str], graph: Graph) -> dict[str, str]:
        """Return the node of each operator, by their order: XNNPACK has no names of ours."""
        from mncost.measure.runtimes.kernel_names import nodes_in_order

        return nodes_in_order({one: _KINDS.get(one.partition(" (")[0]) for one in kernels}, graph)


def _file(setup: Setup) -> str:
    given = Given.of(setup.folder)
    return given.model if given else str(setup.folder / "model.pte")


def _known(setup: Setup) -> Any:
    return json.loads((setup.folder / "model.json").read_text("utf-8"))


def _images(setup: Setup) -> list[Any]:
    import torch

    if given := Given.of(setup.folder):
        return [torch.from_numpy(one) for one in given.feed(setup.batch).values()]
    return [torch.from_numpy(seeded_images((1, *shape))) for shape in _known(setup)["inputs"]]


def _read(dump: Path) -> KernelTimes:
    """Return the whole runs and the operators of a dump, in nanoseconds."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        from executorch.devtools import Inspector

        inspector = Inspector(etdump_path=str(dump))
    times = KernelTimes([], {})
    for block in inspector.event_blocks:
        if block.name != "Execute":
            continue
        for event in block.events:
            ns = [round(1e6 * milliseconds) for milliseconds in event.perf_data.raw]
            if event.name == "Method::execute":
                times.runs.extend(ns)
            elif event.is_delegated_op or event.name.startswith("native_call"):
                times.kernels[event.name] = ns
    return times
