"""ONNX Runtime, with every execution provider for CPUs that the installed package offers."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mncost.measure.runtimes import Call, KernelTimes, Runtime, Setup, seeded_images
from mncost.measure.runtimes.given import Given

if TYPE_CHECKING:
    from mncost.graph.graph import Graph
    from mncost.measure.runtimes.blocked import Layout

__all__ = ["OnnxRuntime"]

_CPU = "CPUExecutionProvider"

# Those that have threads of their own, and the option that sets their number; the others use the
# session's, or OMP_NUM_THREADS.
_OWN_THREADS: Mapping[str, Mapping[str, str]] = {
    "OpenVINOExecutionProvider": {"device_type": "CPU", "num_of_threads": "{}"},
    "DnnlExecutionProvider": {},
    "XnnpackExecutionProvider": {"intra_op_num_threads": "{}"},
    "ACLExecutionProvider": {},
    "ArmNNExecutionProvider": {},
}


class OnnxRuntime(Runtime):
    """``InferenceSession.run``, as people deploy it: arrays in, arrays out."""

    distributions: ClassVar = ("onnxruntime", "numpy")
    modules: ClassVar = ("onnxruntime", "numpy")
    format: ClassVar = "onnx"
    precisions: ClassVar = ("fp32", "int8", "int8-qat")
    default_provider: ClassVar = _CPU
    flushes_denormals: ClassVar = True
    profiles: ClassVar = True
    profile_step_ns: ClassVar = 1000

    def __init__(self) -> None:
        """Make one; :meth:`start` imports."""
        self._threads = 1
        self._shared = False

    @classmethod
    def providers(cls) -> tuple[str | None, ...]:
        """Return those for CPUs, ONNX Runtime's own first."""
        onnxruntime = _imported()
        offered = onnxruntime.get_available_providers()
        return (_CPU, *(name for name in _OWN_THREADS if name in offered))

    def start(self, threads: int) -> None:
        """Import it, and make the threads that all sessions share.

        Threads of a session's own wait actively for tens of milliseconds after a run: those of one
        model would slow the next one down. Shared, they do for each model what they do for a model
        that is alone.
        """
        onnxruntime = _imported()
        onnxruntime.set_default_logger_severity(3)  # errors
        self._threads = threads
        self._shared = threads > 1 and hasattr(onnxruntime, "set_global_thread_pool_sizes")
        if self._shared:
            onnxruntime.set_global_thread_pool_sizes(threads, 1)

    def load(self, setup: Setup) -> Call:
        """Load an ONNX file whose first dimension may be open, under the name ``batch``.

        Raises:
            RuntimeError: the provider is not there, or the session does not use it.
        """
        return self._call(setup, self._options(setup))[0]

    def profiled(self, setup: Setup) -> tuple[Call, Callable[[], KernelTimes]]:
        """Load a model under ONNX Runtime's profiler, as :meth:`load`."""
        from mncost.measure.runtimes.onnxruntime_profile import read_profile

        options = self._options(setup)
        options.enable_profiling = True
        options.profile_file_prefix = str(setup.folder / "profile")
        call, session = self._call(setup, options)

        def finish() -> KernelTimes:
            profile = Path(session.end_profiling())
            try:
                return read_profile(profile)
            finally:
                profile.unlink()

        return call, finish

    @staticmethod
    def layout(
        graph: Graph, precision: str, architecture: str, flags: Collection[str]
    ) -> Layout | None:
        """Return what leaves the blocked layout; quantised models have none, nor has Arm."""
        from mncost.measure.runtimes.blocked import block_of, layout_of

        block = block_of(architecture, flags)
        return layout_of(graph, block) if precision == "fp32" and block > 1 else None

    @staticmethod
    def kernels_to_nodes(kernels: Iterable[str], graph: Graph) -> dict[str, str]:
        """Return the node that each kernel is called after, or fused into."""
        from mncost.measure.runtimes.kernel_names import node_of, steps_by_name

        steps = steps_by_name(graph)
        return {kernel: node_of([kernel], steps) for kernel in kernels}

    def _call(self, setup: Setup, options: Any) -> tuple[Call, Any]:
        """Return what runs a model, and its session."""
        import onnxruntime

        given, name = Given.of(setup.folder), setup.provider or _CPU
        file = given.model if given else str(setup.folder / "model.onnx")
        if name not in onnxruntime.get_available_providers():
            raise RuntimeError(f"this onnxruntime has no {name}")
        session = onnxruntime.InferenceSession(file, options, providers=self._providers(name))
        if name not in session.get_providers():
            raise RuntimeError(f"the session does not use {name}")
        session.disable_fallback()
        if given:
            feed = given.feed(setup.batch)
        else:
            feed = {entry.name: seeded_images(entry.shape) for entry in session.get_inputs()}
        run = session.run

        def call() -> object:
            return run(None, feed)

        return call, session

    def _options(self, setup: Setup) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.add_free_dimension_override_by_name("batch", setup.batch)
        # The first session of a process decides for its main thread, so all of a worker agree.
        if setup.denormals:
            options.add_session_config_entry("session.set_denormal_as_zero", "1")
        shared = self._shared and not setup.denormals
        if shared:
            options.use_per_session_threads = False
        else:
            options.intra_op_num_threads = self._threads
            options.inter_op_num_threads = 1
        if not shared or len(self.providers()) > 1:
            # With several thread pools none may wait actively after its own runs, though the next
            # run then starts a bit later.
            options.add_session_config_entry("session.force_spinning_stop", "1")
        return options

    def _providers(self, name: str) -> list[Any]:
        if name == _CPU:
            return [_CPU]
        given = {key: value.format(self._threads) for key, value in _OWN_THREADS[name].items()}
        return [(name, given), _CPU]


def _imported() -> Any:
    """Import it without its telemetry, which looks up a host and writes to the user's cache."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # is read when the first session is made
    import onnxruntime

    return onnxruntime
