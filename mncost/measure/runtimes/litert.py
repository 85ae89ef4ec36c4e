"""LiteRT (TensorFlow Lite): its own kernels, or those of XNNPACK, from ``.tflite`` files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from mncost.measure.runtimes import Call, LeftOver, Runtime, Setup, seeded_images
from mncost.measure.runtimes.given import Given

if TYPE_CHECKING:
    import numpy

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

    def interpreter(self, setup: Setup) -> Any:
        """Return an interpreter whose inputs are set."""
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        from mncost.models.tflite_values import as_input

        kernels = OpResolverType.AUTO
        if setup.provider == _BUILTIN:
            kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        given = Given.of(setup.folder)
        interpreter = Interpreter(
            given.model if given else str(setup.folder / "model.tflite"),
            num_threads=self._threads,
            experimental_op_resolver_type=kernels,
        )
        details = interpreter.get_input_details()
        if given:
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
        return interpreter


def _seeded(shape: tuple[int, ...]) -> numpy.ndarray:
    """Return the same images as for every runtime, channels last."""
    if len(shape) != 4:
        return seeded_images(shape)
    batch, height, width, channels = shape
    return seeded_images((batch, channels, height, width)).transpose(0, 2, 3, 1).copy()
