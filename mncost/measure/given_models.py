"""Models that are run as they are: where they can be, and what a run file says of them."""

from __future__ import annotations

from msgspec.structs import replace

from mncost.counted import Counted
from mncost.graph.ops import Foreign
from mncost.measure.cell import Place
from mncost.measure.private import with_home, without_home
from mncost.measure.runtimes import runtime_class
from mncost.measure.runtimes.given import Given
from mncost.readers.model import Content, FileSource, OnnxSource, Source, TrainedWeights
from mncost.spec.axis import Resolution, resolution_of

__all__ = ["given_of", "has_foreign", "image_size", "private", "runs_at"]

_AS_IT_IS = ("fp32", "bf16")  # precisions that no model is converted for


def runs_at(source: Source, place: Place) -> bool:
    """Whether the runtime of a place loads such a model, or what converts it for the runtime."""
    runtime = runtime_class(place.runtime)
    known = runtime.format == "fake" or source.format in (runtime.format, *runtime.converts)
    return known and place.precision in _AS_IT_IS


def has_foreign(network: Counted) -> bool:
    """Whether a network has operators that no model of ours can be built of."""
    return any(isinstance(node.op, Foreign) for node in network.graph.nodes)


def private(source: Content) -> Content:
    """Return a model, or weights, without the user's name in paths."""
    if isinstance(source, TrainedWeights):
        return replace(source, file=without_home(source.file))
    data = source.data and without_home(source.data)
    if isinstance(source, FileSource):
        return replace(source, file=without_home(source.file), data=data)
    return replace(source, folder=source.folder and without_home(source.folder), data=data)


def given_of(source: Source | FileSource) -> Given:
    """Return what a runtime loads."""
    inputs = {
        name: {"shape": list(one.shape), "dtype": one.dtype, "batch_axis": one.batch_axis}
        for name, one in source.inputs.items()
    }
    data = source.data and with_home(source.data)
    if isinstance(source, OnnxSource):
        return Given(with_home(source.file), inputs, data, twin=source.twin)
    if isinstance(source, FileSource):
        return Given(with_home(source.file), inputs, data)
    return Given(source.name, inputs, data, source.folder and with_home(source.folder))


def image_size(source: Source) -> Resolution | None:
    """Return the height and width of the first input that is an image."""
    images = (one.shape for one in source.inputs.values() if len(one.shape) == 4)
    shape = next(images, None)
    down, across = source.sides
    return None if shape is None else resolution_of((shape[down], shape[across]))
