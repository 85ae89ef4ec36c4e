"""LiteRT (TensorFlow Lite): its own kernels, or those of XNNPACK, from ``.tflite`` files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mncost.measure.runtimes import Call, KernelTimes, LeftOver, Runtime, Setup, seeded_images
from mncost.measure.runtimes.given import Given

if TYPE_CHECKING:
    import numpy

    from mncost.graph.graph import Graph
    from mncost.measure.runtimes.resident import Memory

__all__ = ["LiteRt"]

_XNNPACK, _BUILTIN = "XNNPACK", "builtin"
_DELEGATE = "DELEGATE"


class LiteRt(Runtime):
    """``Interpreter.invoke`` with its input set; images are channels-last."""

    distributions: ClassVar = ("ai-edge-litert", "numpy")
    modules: ClassVar = ("ai_edge_litert", "numpy")
    extras: ClassVar = ("litert",)
    format: ClassVar = "tflite"
    precisions: ClassVar = ("fp32", "int8")
    default_provider: ClassVar = _XNNPACK
    unasked: ClassVar = (_BUILTIN,)
    profiles: ClassVar = True

    def __init__(self) -> None:
        """Make one; :meth:`start` imports."""
        self._threads = 1

    @classmethod
    def providers(cls) -> tuple[str | None, ...]:
        """Return the two sets of kernels."""
        return (_XNNPACK, _BUILTIN)

    def start(self, threads: int) -> None:
        """Import it; the threads are made with each model."""
        import ai_edge_litert.interpreter  # noqa: F401

        self._threads = threads

    def load(self, setup: Setup) -> Call:
        """Load a file for one batch size."""
        call: Call = self.interpreter(setup).invoke
        return call

    def left_over(self, setup: Setup, call: Call) -> LeftOver | None:
        """Return what XNNPACK did not take: what no delegate computes."""
        if setup.provider == _BUILTIN:
            return None
        operators = call.__self__._get_ops_details()  # type: ignore[attr-defined]
        own = [one for one in operators if one["op_name"] != _DELEGATE]
        makers = {int(out): one for one in own for out in one["outputs"]}
        taken: set[int] = set()
        for delegate in operators[len(own) :]:
            known, asked = {*map(int, delegate["inputs"])}, [*map(int, delegate["outputs"])]
            while asked:
                maker = makers.get(asked.pop())
                if maker is not None and maker["index"] not in taken:
                    taken.add(maker["index"])
                    asked += [i for i in map(int, maker["inputs"]) if i not in known]
        left = Counter(one["op_name"] for one in own if one["index"] not in taken)
        return LeftOver(len(own), left)

    def profiled(self, setup: Setup) -> tuple[Call, Callable[[], KernelTimes]]:
        """Load each operator of a model as a model of its own."""
        from mncost.measure.runtimes.litert_pieces import PieceTimes, pieces_of

        whole = self.interpreter(setup)
        inputs = {one["index"]: _fed(whole, one) for one in whole.get_input_details()}
        pieces = pieces_of(_file(setup).read_bytes())
        times = PieceTimes(
            pieces, lambda content: self._loaded(setup, model_content=content), inputs
        )
        return times.call, lambda: times.times

    @staticmethod
    def kernels_to_nodes(kernels: Iterable[str], graph: Graph) -> dict[str, str]:
        """Return the node of each operator, by the name of the tensor that it writes."""
        from mncost.measure.runtimes.kernel_names import node_of, steps_by_name

        steps = steps_by_name(graph)
        return {kernel: node_of([kernel], steps) for kernel in kernels}

    def memory(self, setup: Setup, runs: int) -> Memory:
        """See the memory of as many images again.

        LiteRT fills its memory when a model is loaded, with the weights; what is added when the
        batch is doubled belongs to the images of one batch alone.

        Raises:
            RuntimeError: that cannot be seen here, or the model's batch is fixed.
        """
        from mncost.measure.runtimes.resident import grown_memory

        def load() -> Callable[[], int]:
            interpreter = self.interpreter(setup)
            interpreter.invoke()

            def twice() -> int:
                self._feed(interpreter, setup._replace(batch=2 * setup.batch))
                for _ in range(runs):
                    interpreter.invoke()
                inputs = interpreter.get_input_details()
                return sum(_fed(interpreter, one).nbytes for one in inputs) // 2

            return twice

        return grown_memory(load)

    def interpreter(self, setup: Setup) -> Any:
        """Return an interpreter whose inputs are set."""
        interpreter = self._loaded(setup, model_path=str(_file(setup)))
        self._feed(interpreter, setup)
        return interpreter

    def _loaded(self, setup: Setup, **model: Any) -> Any:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kernels = OpResolverType.AUTO
        if setup.provider == _BUILTIN:
            kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        return Interpreter(
            num_threads=self._threads, experimental_op_resolver_type=kernels, **model
        )

    @staticmethod
    def _feed(interpreter: Any, setup: Setup) -> None:
        """Give a model its memory, and its inputs."""
        from mncost.models.tflite_values import as_input

        details = interpreter.get_input_details()
        if given := Given.of(setup.folder):
            feed = given.feed(setup.batch)
        else:
            feed = {
                one["name"]: as_input(_seeded((setup.batch, *map(int, one["shape"][1:]))), one)
                for one in details
            }
        for detail in details:
            interpreter.resize_tensor_input(detail["index"], list(feed[detail["name"]].shape))
        interpreter.allocate_tensors()
        for detail in details:
            interpreter.set_tensor(detail["index"], feed[detail["name"]])


def _file(setup: Setup) -> Path:
    given = Given.of(setup.folder)
    return Path(given.model) if given else setup.folder / "model.tflite"


def _fed(interpreter: Any, detail: Any) -> numpy.ndarray:
    values: numpy.ndarray = interpreter.get_tensor(detail["index"])
    return values


def _seeded(shape: tuple[int, ...]) -> numpy.ndarray:
    """Return the same images as for every runtime, channels last."""
    if len(shape) != 4:
        return seeded_images(shape)
    batch, height, width, channels = shape
    return seeded_images((batch, channels, height, width)).transpose(0, 2, 3, 1).copy()
