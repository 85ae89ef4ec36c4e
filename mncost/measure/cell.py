"""What is timed, and where: a :class:`Subject` at a :class:`Place` is a :class:`Cell`.

A field of :class:`mncost.label.Label`, ``Subject`` or ``Place`` that carries a
:class:`mncost.label.Fact` is part of the identity of a cell: columns, comparisons and sentences
follow from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from mncost.label import Fact, Label, Positive, differing, fact_words, facts_of
from mncost.measure.runtime_names import USUAL

__all__ = ["HERE", "IDENTITY", "Cell", "Natural", "Place", "Subject", "WorkerSpec"]

Natural = Annotated[int, Meta(ge=0, le=2**63 - 1)]
HERE = "."
"""The host that is this machine, where others are measured beside it."""


class Subject(Struct, frozen=True):
    """A network, its twin, or a part of one of them; the same may be entered more than once.

    ``resolution`` is the side of its square input, or e.g. ``224x320`` (height × width).
    """

    label: Label
    resolution: Annotated[Positive | str | None, Fact("px", "number", "at {} px")] = None
    part: Annotated[str | None, Fact("part", words="{} of")] = None  # one or two of its layers
    twin: Annotated[str | None, Fact("twin", words="{} twin")] = None
    copy: Annotated[Positive, Fact("copy", "number", "copy {}", 1)] = 1

    def words(self) -> str:
        """Return e.g. ``row2.depthwise of v2 α 0.5 at 112 px, copy 2``."""
        name = fact_words(self, "part") + fact_words(self.label, "arch", "alpha")
        others = fact_words(self.label, "dialect", "output_stride") + fact_words(
            self, "twin", "copy"
        )
        return ", ".join([" ".join(name + fact_words(self, "resolution")), *others])


class Place(Struct, frozen=True):
    """Where and how something runs: cells at one place differ only in what they run."""

    runtime: Annotated[str, Fact("runtime")] = USUAL[0]
    provider: Annotated[str | None, Fact("provider")] = None  # None: the default one
    precision: Annotated[str, Fact("precision")] = "fp32"
    threads: Annotated[Positive, Fact("threads", "number", "{} thread|{} threads")] = 1
    batch: Annotated[Positive, Fact("batch", "number", "batch {}")] = 1
    denormals: Annotated[str | None, Fact("denormals", words="denormals {}")] = None  # "flushed"
    training: Annotated[str | None, Fact("training", words="a step that trains {}")] = None
    sparsity: Annotated[float, Fact("sparsity", "number", "sparsity {:g}", 0.0)] = 0.0
    python: Annotated[str | None, Fact("python")] = None  # the path of another interpreter
    host: Annotated[str | None, Fact("host", words="on {}")] = (
        None  # of several machines, or another
    )

    @property
    def is_here(self) -> bool:
        """Whether it is on the machine that mncost runs on."""
        return self.host in (None, HERE)

    @property
    def has_usual_provider(self) -> bool:
        """Whether sentences need not name the provider: the default one, or none."""
        if self.provider is None:
            return True
        from mncost.measure.runtimes import default_provider  # asked for where one is named

        return self.provider == default_provider(self.runtime)

    def words(self) -> str:
        """Return e.g. ``onnxruntime, fp32, 1 thread, batch 1``."""
        return ", ".join(
            fact_words(replace(self, provider=None) if self.has_usual_provider else self)
        )

    @staticmethod
    def differs(places: Iterable[Place]) -> Sequence[str]:
        """Return the names of the fields in which places differ."""
        return differing(places)


class WorkerSpec(Struct, frozen=True):
    """A kind of worker process: cells that agree in all of this share their processes."""

    runtime: str
    threads: Positive = 1
    python: str | None = None
    host: str | None = None
    denormals: str | None = None  # the first session of a process decides for its main thread


class Cell(Struct, frozen=True, kw_only=True):
    """One thing that is timed: a subject at a place. ``Run.cells[cell.id] is cell``."""

    id: Natural
    subject: Subject
    place: Place
    baseline_of: Natural | None = None  # the cell that this one is the A of an A/B for
    digest: str  # of the graph and its inputs: the same digest is the same computation
    macs: Natural  # for one image, like all counts
    params: Natural
    weight_bytes: Natural
    peak_activation_bytes: Natural
    moved_bytes: Natural  # least traffic of all its layers for one image: see mncost.cost.memory

    @property
    def label(self) -> Label:
        """Which network it is, or is a part of."""
        return self.subject.label

    @property
    def call_macs(self) -> int:
        """Multiply-accumulates of one call: an inference, or a training step."""
        return self.place.batch * self.macs

    @property
    def call_bytes(self) -> int:
        """Least traffic of one call: weights are read once for all its images."""
        return self.place.batch * (self.moved_bytes - self.weight_bytes) + self.weight_bytes

    @property
    def arm(self) -> Literal["baseline"] | None:
        """Which side of an A/B it is on, if it is the one that needs a name."""
        return None if self.baseline_of is None else "baseline"

    @property
    def worker(self) -> WorkerSpec:
        """The worker process that it runs in."""
        place = self.place
        return WorkerSpec(place.runtime, place.threads, place.python, place.host, place.denormals)

    def fact(self, name: str) -> Any:
        """Return a value of :data:`IDENTITY` (or ``arm``) by its name."""
        for holder in (self.label, self.subject, self.place):
            if name in holder.__struct_fields__:
                return getattr(holder, name)
        return getattr(self, name)

    def words(self) -> str:
        """Say which cell it is."""
        side = [self.arm] if self.arm else []
        return ", ".join([self.subject.words(), *side, self.place.words()])


IDENTITY: Mapping[str, Fact] = {
    name: fact for kind in (Label, Subject, Place) for name, fact in facts_of(kind).items()
}
"""The facts that say which cell it is, by name; the other fields of a cell follow from these."""
