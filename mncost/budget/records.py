"""Limits, as values: a budget file has budgets, and each budget has one or more limits."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from msgspec import Struct, structs

from mncost.errors import InputError
from mncost.measure.cell import Place

__all__ = [
    "Bounds",
    "Exact",
    "Latency",
    "Limit",
    "Model",
    "Place",
    "Ratio",
    "Regression",
]


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which network: ``model = { ... }``; what is left out is as in :func:`mncost.load`.

    One of ``arch``, ``file`` and ``python`` says which; when a file has been read, ``arch`` holds
    what :func:`mncost.load` takes.
    """

    arch: str = ""
    alpha: float | None = None
    resolution: int | None = None
    dialect: str | None = None
    classes: int | None = None
    twin: str | None = None
    file: str | None = None  # an ONNX or .tflite file
    python: str | None = None  # what makes a torch module: timm:resnet18, package.module:make
    input: str | None = None  # the shapes of such a model's inputs
    input_data: str | None = None  # an .npz file with values for its inputs
    partial: bool = False  # judge MACs although not every operator's work is known

    def named(self) -> Model:
        """Return it with what names it under ``arch``.

        Raises:
            InputError: not exactly one of ``arch``, ``file`` and ``python`` is given.
        """
        names = [name for name in (self.arch, self.file, self.python) if name]
        if len(names) != 1:
            raise InputError("accepted is one of arch, file and python")
        return structs.replace(self, arch=names[0], file=None, python=None)


class Exact(NamedTuple):
    """A limit on something that is counted, in whole units; it has a ``max``, a ``min`` or both."""

    metric: str
    max: int | None
    min: int | None


class Latency(NamedTuple):
    """A limit on a percentile of the latency of one call, on a machine that is known."""

    percent: float  # 50 is the median
    max_seconds: float


class Ratio(NamedTuple):
    """A limit on the ratio of the latency to that of another network in the same run."""

    to: Model
    max_ratio: float


class Regression(NamedTuple):
    """A limit on how much slower than the baseline the network may be: 0.03 is 3 %."""

    share: float


class Limit(NamedTuple):
    """One limit of one budget.

    Attributes:
        budget: the number of the budget in its file, from 1.
        line: the line of the file that the limit stands on, from 1; ``None`` if there is no file.
        name: what the file calls the budget, or else which network it is about.
        metric: ``macs``, ``latency p99``, ``latency ratio to v1``, ``latency regression``.
        bound: what must not be exceeded.
    """

    budget: int
    line: int | None
    name: str
    model: Model
    precision: str
    place: Place
    metric: str
    bound: Bounds

    @property
    def is_exact(self) -> bool:
        """Whether the limit is on something that is counted; other limits are measured."""
        return isinstance(self.bound, Exact)

    @property
    def allowed(self) -> float:
        """The largest value that is allowed, in units, bytes, seconds or as a ratio.

        Of a limit that has only a minimum, it is the smallest.
        """
        match self.bound:
            case Exact(max=most, min=least):
                value = least if most is None else most
                assert value is not None, "an exact limit has a max or a min"
                return value
            case Latency(max_seconds=value):
                return value
            case Ratio(max_ratio=value):
                return value
            case Regression(share=share):
                return 1 + share


Bounds: TypeAlias = Exact | Latency | Ratio | Regression
