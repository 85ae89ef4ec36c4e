"""What a run holds: what was measured, with what, where and when, and every sample in nanoseconds.

All statistics can be worked out again from it, and are: it holds none. Times that say when
something happened are seconds since the run began.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from mncost.graph.graph import Graph
from mncost.label import Label, Positive
from mncost.measure.bursts import Burst, Bursts, Counts
from mncost.measure.cell import IDENTITY, Cell, Natural, Place, Subject, WorkerSpec
from mncost.readers.model import Source, TorchSource, TrainedWeights

__all__ = [
    "IDENTITY",
    "Agreement",
    "Burst",
    "Bursts",
    "Ceilings",
    "Cell",
    "Commit",
    "Conditions",
    "Failure",
    "HostRecord",
    "LayerShare",
    "LeftOut",
    "Machine",
    "MemoryPeak",
    "ModelFile",
    "ModelRecord",
    "Options",
    "Pair",
    "PairCells",
    "Place",
    "Process",
    "Profile",
    "Run",
    "Stop",
    "Subject",
    "WorkerSpec",
]

Nanoseconds = Annotated[int, Meta(ge=0)]

Stop = Literal["running", "target", "decided", "max-time", "interrupted", "no cells"]


class ModelRecord(Struct, frozen=True, kw_only=True):
    """What a cell runs: all that is needed to build it again, with random weights or as it is.

    Cells of one digest share it. ``inputs`` are the shapes of the graph's inputs by their names,
    without the batch: (channels, height, width).
    """

    graph: Graph
    inputs: dict[str, tuple[Positive, ...]]
    label: Label  # of the first cell that runs it
    source: Source | None = None  # a model that is run as it is, instead of the graph
    weights: TrainedWeights | None = None  # that the graph is built with; None: random ones

    @property
    def resolution(self) -> int:
        """Pixels of a side of the first input."""
        return next(iter(self.inputs.values()))[-1]


class Options(Struct, frozen=True, kw_only=True):
    """How it was measured, as asked for."""

    target_error: float | None  # half the width of the 95 % interval / the median; None: any
    max_time: float  # seconds
    more_time: float = 0.0  # seconds, if an interval is wider than ± 5 % after that
    processes: int  # of each worker, one after the other, at least
    seed: int
    clock: Literal["cpu", "wall"] | None = None  # that decides; None: the one that fits each cell
    by_layer: bool = False  # profile each network: the time of each layer
    memory: bool = False  # of each network, in a process of its own


class Agreement(Struct, frozen=True, kw_only=True):
    """How close the logits of a quantised model are to those of its fp32 model.

    Both have random weights, and the images are seeded noise: it says whether quantising worked,
    and nothing about accuracy.
    """

    images: Positive
    same_top1: Natural  # images on which the largest logit is the same
    error: float  # root mean square of the difference / standard deviation of the fp32 logits


class ModelFile(Struct, frozen=True, kw_only=True):
    """The file that the cells' runtime loaded."""

    cells: list[Natural]
    bytes: Natural
    seconds: float  # to build it
    agreement: Agreement | None = None
    denormals: float | None = None  # share among the weights, or activations, of a given model


class Process(Struct, kw_only=True):
    """One life of a worker process.

    Generations follow one another; in each, one process for each worker runs, and all of these
    visit their cells in the same rounds.
    """

    generation: Natural
    worker: WorkerSpec
    versions: dict[str, str]  # of python, the runtime, numpy
    cpus: list[int] | None  # those it was pinned to
    clock_ns: Annotated[float, Meta(ge=0)]  # the smallest step of its clock
    empty_ns: Natural | None = None  # that its clock shows for a run that does nothing
    empty_cpu_ns: Natural | None = None  # likewise, its clock of CPU time
    started: float
    loaded: float | None = None  # when its cells were loaded and had run once
    ended: float | None = None
    first_runs: list[Bursts] = []  # of each cell, right after it was loaded: no samples
    pilot: list[Bursts] = []  # of each cell, to plan the run by: no samples
    bursts: list[Bursts] = []  # one for each cell, and one for each reference workload

    def add(self, burst: Burst, to: Literal["first_runs", "pilot", "bursts"] = "bursts") -> None:
        """Take a burst in."""
        records: list[Bursts] = getattr(self, to)
        what = burst.cell, burst.workload
        record = next((one for one in records if (one.cell, one.workload) == what), None)
        if record is None:
            record = Bursts.of(burst)
            records.append(record)
        record.append(burst)

    def visits(self) -> list[Burst]:
        """Return every burst of the rounds in the order in which they ran."""
        return sorted((one for record in self.bursts for one in record), key=lambda one: one.at)


class Conditions(Struct, frozen=True, kw_only=True):
    """What else the machine did while the processes of a generation ran."""

    generation: Natural
    steal: float | None  # share of all cores' time that the hypervisor gave to others
    other_load: float | None  # cores that other programs kept busy
    mhz: float | None  # of the first core, at the end of the generation
    host: str | None = None  # another machine


class Failure(Struct, frozen=True, kw_only=True):
    """A cell that was given up, and why."""

    cell: Natural
    generation: Natural
    reason: str


class LeftOut(Struct, frozen=True, kw_only=True):
    """A cell that is not timed, and why."""

    cell: Natural
    reason: str


class PairCells(Struct, frozen=True):
    """The cells of a :class:`Pair` in one place (runtime, threads, precision, batch ...)."""

    both: Natural
    first: Natural
    second: Natural
    merged: Natural


class Pair(Struct, frozen=True, kw_only=True):
    """Two layers that the twin has one convolution for, measured as small networks of their own.

    The same pair may stand at several places of several networks.
    """

    names: tuple[str, str]  # of its two convolutions where it stands first
    kinds: tuple[str, str]  # "depthwise", "pointwise"
    kernel: Positive
    stride: Positive
    in_channels: Positive
    out_channels: Positive
    theoretical_share: float  # MACs of the pair / of the merged convolution, by the paper's formula
    counts: dict[Natural, Positive]  # how often it stands in a network, by the network's cell
    cells: list[PairCells]


class LayerShare(Struct, frozen=True, kw_only=True):
    """The time of one of our layers under the profiler, for each profiled run."""

    layer: str  # or what belongs to none, in brackets: see mncost.measure.layer_shares
    kind: str
    macs: int
    kernels: list[str]  # the runtime's names for what ran
    ns: Counts


class Profile(Struct, frozen=True, kw_only=True):
    """One cell under the runtime's profiler, in one process."""

    cell: Natural
    generation: Natural
    profiled_ns: list[Nanoseconds]  # whole runs with the profiler
    plain_ns: list[Nanoseconds]  # whole runs without, in turn with these
    layers: list[LayerShare]
    step_ns: Natural = 0  # the profiler cuts off what is less, of each kernel; 0: nothing


class Ceilings(Struct, frozen=True, kw_only=True):
    """What the machine can do at most, as one worker process saw it."""

    generation: Natural
    place: Place  # of the cells that they hold for, but for the batch
    macs: Positive  # of one matrix product, through the runtime
    product_ns: list[Nanoseconds]
    bytes: Positive  # that one copy reads and writes, together
    copy_ns: list[Nanoseconds]


class MemoryPeak(Struct, frozen=True, kw_only=True):
    """Resident memory of a process of its own that ran one cell."""

    cell: Natural
    loaded_bytes: Natural  # when the model was loaded, its weights included
    peak_bytes: Natural  # the high-water mark of the runs
    runs: Positive


class Machine(Struct, frozen=True, kw_only=True):
    """The machine, as far as it matters for latency; ``None`` where it cannot be found out."""

    cpu: str
    architecture: str
    flags: list[str]  # instruction sets that inference uses: avx2, avx512_vnni, amx_int8 ...
    cores: int | None  # physical
    logical_cores: Positive
    affinity: list[int] | None  # the logical cores that this process may use
    governor: str | None
    memory_bytes: Natural
    os: str
    container: str | None
    hypervisor: bool | None
    load_average: float | None  # over the minute before the run
    cpu_quota: float | None = None  # cores that the control group may use; None: all of them


class HostRecord(Struct, kw_only=True):
    """Another machine that a run was measured on."""

    machine: Machine
    python: str = ""  # the version of its interpreter
    label: str = ""  # words for people
    versions: dict[str, str] = {}  # of the runtimes that its interpreter has
    lost: str | None = None  # why measuring there ended before its time


class Commit(Struct, frozen=True, kw_only=True):
    """The git commit of the working directory."""

    id: str
    dirty: bool


class Run(Struct, kw_only=True):
    """Everything that one ``mncost bench`` measured."""

    kind: Literal["mncost run"] = "mncost run"
    schema_version: Literal[2] = 2
    mncost_version: str
    started: str  # ISO 8601, UTC
    asked: dict[str, str] = {}  # what for, in the words of the command line: for people only
    options: Options
    machine: Machine
    hosts: dict[str, HostRecord] = {}  # other machines, by the names that places have
    git: Commit | None
    reference: str  # which fixed workloads were visited beside the cells, by comma
    cells: list[Cell]
    models: dict[str, ModelRecord]  # by digest: of every cell
    left_out: list[LeftOut] = []
    pairs: list[Pair] = []
    files: list[ModelFile] = []
    processes: list[Process] = []
    conditions: list[Conditions] = []
    profiles: list[Profile] = []
    ceilings: list[Ceilings] = []
    memory: list[MemoryPeak] = []
    failures: list[Failure] = []
    notes: list[str] = []
    stopped: Stop = "running"
    seconds: float = 0.0  # wall time, all sessions together

    def machine_of(self, host: str | None) -> Machine:
        """Return the machine that cells of a host are measured on."""
        return self.hosts[host].machine if host in self.hosts else self.machine

    @property
    def imports_python(self) -> bool:
        """Whether Python code that a model names was imported; such a run is not resumed."""
        return any(isinstance(one.source, TorchSource) for one in self.models.values())

    def failure(self, cell: int) -> Failure | None:
        """Why a cell was given up, if it was."""
        return next((failure for failure in self.failures if failure.cell == cell), None)
