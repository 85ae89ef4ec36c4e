"""What a run holds: what was measured, with what, where and when, and every sample in nanoseconds.

All statistics can be worked out again from it, and are: it holds none. Times that say when
something happened are seconds since the run began.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

__all__ = [
    "IDENTITY",
    "Agreement",
    "Burst",
    "Ceilings",
    "Cell",
    "Commit",
    "Conditions",
    "Failure",
    "LayerShare",
    "LeftOut",
    "Machine",
    "MemoryPeak",
    "ModelFile",
    "Options",
    "Pair",
    "PairCells",
    "Place",
    "Process",
    "Profile",
    "Request",
    "Run",
]

Nanoseconds = Annotated[int, Meta(ge=0)]
Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
IDENTITY = (
    *("arch", "dialect", "alpha", "resolution", "classes", "part", "twin", "copy", "precision"),
    *("batch", "runtime", "provider", "threads", "python"),
)
"""The fields of a :class:`Cell` that say which one it is; the others follow from these."""

Place: TypeAlias = "tuple[str, str | None, str, int, int, str | None]"
"""Runtime, provider, precision, batch, threads, interpreter."""

Stop = Literal["running", "target", "decided", "max-time", "interrupted", "no cells"]


class Cell(Struct, frozen=True, kw_only=True):
    """One thing that is timed: a model on a runtime. ``Run.cells[cell.id] is cell``."""

    id: Natural
    arch: str
    dialect: str
    alpha: float
    resolution: Positive  # pixels of a side of its input
    classes: Positive
    part: str | None = None  # one or two layers of the network, by themselves: see Pair
    twin: str | None = None
    copy: Positive = 1  # the same model may be entered several times
    precision: str = "fp32"
    batch: Positive = 1
    runtime: str
    provider: str | None = None
    threads: Positive = 1
    python: str | None = None  # another interpreter's path
    baseline_of: Natural | None = None  # the cell that this one is the A of an A/B for
    digest: str  # of the graph and the resolution: the same digest is the same computation
    macs: Natural  # for one image, like all counts
    params: Natural
    weight_bytes: Natural
    peak_activation_bytes: Natural
    moved_bytes: Natural  # least traffic of all its layers for one image: see mncost.cost.memory

    @property
    def place(self) -> Place:
        """Where it runs, and how: what cells have to share to be compared as models."""
        return self.runtime, self.provider, self.precision, self.batch, self.threads, self.python

    @property
    def call_macs(self) -> int:
        """Multiply-accumulates of one call."""
        return self.batch * self.macs

    @property
    def call_bytes(self) -> int:
        """Least traffic of one call: weights are read once for all its images."""
        return self.batch * (self.moved_bytes - self.weight_bytes) + self.weight_bytes

    @property
    def arm(self) -> Literal["", "baseline"]:
        """Which side of an A/B it is on: each has processes of its own."""
        return "" if self.baseline_of is None else "baseline"

    @property
    def worker(self) -> tuple[str, int, str | None, str]:
        """Which worker process it runs in: the runtime, the threads, the interpreter, the arm."""
        return self.runtime, self.threads, self.python, self.arm


class Request(Struct, frozen=True, kw_only=True):
    """What was asked for, in the words of the command line: the cells follow from it."""

    arch: str
    alpha: str | None = None
    resolution: str | None = None
    rho: str | None = None
    dialect: str | None = None
    classes: int | None = None
    twin: str | None = "standard"
    twins_only: bool = False  # networks without such a twin are not timed
    max_twin_gmacs: float | None = None  # larger twins are not timed
    copies: int = 1
    precision: list[str] = field(default_factory=lambda: ["fp32"])
    batch: list[int] = field(default_factory=lambda: [1])
    runtime: list[str] = []
    provider: list[str] = []
    threads: list[int] = field(default_factory=lambda: [1])
    python: list[str] = []  # beside this interpreter
    by_layer: bool = False
    pairs: bool = False  # those that the twin replaces, each by itself; and the ceilings
    memory: bool = False  # of each network, in a process of its own


class Options(Struct, frozen=True, kw_only=True):
    """How it was measured, as asked for."""

    target_error: float  # half the width of the 95 % interval / the median
    max_time: float  # seconds
    processes: int  # of each worker, one after the other, at least
    seed: int


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


class Burst(Struct, frozen=True, kw_only=True):
    """One visit to one cell: runs right after one another; ``cell`` is null for the reference."""

    round: Natural  # within the generation, from 0; a round visits every cell of every worker once
    cell: Natural | None
    at: float
    warmup_ns: list[Nanoseconds]
    ns: list[Nanoseconds]  # in order; each is one call, whatever the batch


class Process(Struct, kw_only=True):
    """One life of a worker process.

    Generations follow one another; in each, one process for each worker runs, and all of these
    visit their cells in the same rounds.
    """

    generation: Natural
    runtime: str
    threads: Positive
    python: str | None = None
    arm: str = ""
    versions: dict[str, str]  # of python, the runtime, numpy
    cpus: list[int] | None  # those it was pinned to
    clock_ns: Annotated[float, Meta(ge=0)]  # the smallest step of its clock
    started: float
    loaded: float | None = None  # when its cells were loaded and had run once
    ended: float | None = None
    first_runs: list[Burst] = []  # of each cell, right after it was loaded: no samples
    bursts: list[Burst] = []

    @property
    def worker(self) -> tuple[str, int, str | None, str]:
        """Which worker it is a life of, as :attr:`Cell.worker`."""
        return self.runtime, self.threads, self.python, self.arm


class Conditions(Struct, frozen=True, kw_only=True):
    """What else the machine did while the processes of a generation ran."""

    generation: Natural
    steal: float | None  # share of all cores' time that the hypervisor gave to others
    other_load: float | None  # cores that other programs kept busy
    mhz: float | None  # of the first core, at the end of the generation


class Failure(Struct, frozen=True, kw_only=True):
    """A cell that was given up, and why."""

    cell: Natural
    generation: Natural
    reason: str


class LeftOut(Struct, frozen=True, kw_only=True):
    """A cell that is not to be timed, and why."""

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
    theoretical_ratio: float  # MACs of the pair / of the merged convolution, by the paper's formula
    counts: dict[Natural, Positive]  # how often it stands in a network, by the network's cell
    cells: list[PairCells]


class LayerShare(Struct, frozen=True, kw_only=True):
    """The time of one of our layers under the profiler, for each profiled run."""

    layer: str  # or what belongs to none, in brackets: see mncost.results.layers
    kind: str
    macs: int
    kernels: list[str]  # the runtime's names for what ran
    ns: list[Nanoseconds]


class Profile(Struct, frozen=True, kw_only=True):
    """One cell under the runtime's profiler, in one process."""

    cell: Natural
    generation: Natural
    profiled_ns: list[Nanoseconds]  # whole runs with the profiler
    plain_ns: list[Nanoseconds]  # whole runs without, in turn with these
    layers: list[LayerShare]


class Ceilings(Struct, frozen=True, kw_only=True):
    """What the machine can do at most, as one worker process saw it."""

    generation: Natural
    runtime: str
    provider: str | None
    precision: str
    threads: Positive
    python: str | None = None
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


class Commit(Struct, frozen=True, kw_only=True):
    """The git commit of the working directory."""

    id: str
    dirty: bool


class Run(Struct, kw_only=True):
    """Everything that one ``mncost bench`` measured."""

    kind: Literal["mncost run"] = "mncost run"
    schema_version: Literal[1] = 1
    mncost_version: str
    started: str  # ISO 8601, UTC
    request: Request | None = None  # None: not from a command line
    options: Options
    machine: Machine
    git: Commit | None
    reference: str  # which fixed workload was visited beside the cells
    cells: list[Cell]
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

    def failure(self, cell: int) -> Failure | None:
        """Why a cell was given up, if it was."""
        return next((failure for failure in self.failures if failure.cell == cell), None)
