"""Runs whose truth is known: latencies drawn from a model of processes, rounds and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Input
from mncost.label import Label
from mncost.measure.records import (
    IDENTITY,
    Burst,
    Cell,
    Conditions,
    Machine,
    ModelRecord,
    Options,
    Place,
    Process,
    Run,
    Subject,
    WorkerSpec,
)

T = TypeVar("T")

MACHINE = Machine(
    cpu="Example CPU 3000",
    architecture="x86_64",
    flags=["avx2", "fma"],
    cores=4,
    logical_cores=8,
    affinity=[0, 1, 2, 3],
    governor="performance",
    memory_bytes=16 << 30,
    os="Linux",
    container=None,
    hypervisor=False,
    load_average=0.1,
)
_TINY = ModelRecord(
    graph=Graph((Node("input", "input", Input((3, None, None)), ()),), (0,)),
    inputs={"input": (3, 8, 8)},
    label=Label("tiny"),
)
REFERENCE_NS = 1_000_000.0


def cell(index: int = 0, **changes: Any) -> Cell:
    """Return a cell: V2 1.0/224 on ONNX Runtime unless told otherwise."""
    known: dict[str, Any] = {"arch": "v2", "dialect": "paper", "alpha": 1.0, "resolution": 224}
    known |= {"classes": 1000, "provider": "CPUExecutionProvider"}
    known |= {name: changes.pop(name) for name in IDENTITY if name in changes}

    def of(kind: type[T]) -> T:
        names = getattr(kind, "__struct_fields__")  # noqa: B009
        return kind(**{name: known[name] for name in names if name in known})

    known["label"] = of(Label)
    fields: dict[str, Any] = {
        "id": index,
        "subject": of(Subject),
        "place": of(Place),
        "digest": f"{index:016x}",
        "macs": 300_774_272,
        "params": 3_504_872,
        "weight_bytes": 14_000_000,
        "peak_activation_bytes": 4_800_000,
        "moved_bytes": 60_000_000,
    }
    return Cell(**(fields | changes))


def run_of(cells: Sequence[Cell], processes: Sequence[Process] = (), **changes: Any) -> Run:
    """Return a run with these cells and processes."""
    fields: dict[str, Any] = {
        "mncost_version": "0.1.0",
        "started": "2025-01-01T00:00:00Z",
        "options": Options(target_error=0.02, max_time=60.0, processes=5, seed=0),
        "machine": MACHINE,
        "git": None,
        "reference": "none",
        "stopped": "target",
        "seconds": 60.0,
    }
    fields["models"] = {cell.digest: _TINY for cell in cells}
    return Run(cells=list(cells), processes=list(processes), **(fields | changes))


def process(
    generation: int, visits: Mapping[Any, Sequence[Sequence[int]]], **changes: Any
) -> Process:
    """Return a process: for each cell (``None``: the reference) the runs of each of its rounds."""
    bursts = [
        Burst(
            round=number,
            cell=cell_id,
            at=generation * 10 + number * 0.1,
            warmup_ns=[],
            ns=list(ns),
            cpu_ns=list(ns),
        )
        for cell_id, rounds in visits.items()
        for number, ns in enumerate(rounds)
    ]
    worker: dict[str, Any] = {"runtime": "onnxruntime"}
    worker |= {name: changes.pop(name) for name in WorkerSpec.__struct_fields__ if name in changes}
    fields: dict[str, Any] = {
        "generation": generation,
        "worker": WorkerSpec(**worker),
        "versions": {"python": "3.11.7", "onnxruntime": "1.20.0"},
        "cpus": [0],
        "clock_ns": 20.0,
        "started": generation * 10.0,
    }
    bursts = changes.pop("bursts", bursts)
    first_runs = changes.pop("first_runs", [])
    made = Process(**(fields | changes))
    for burst in bursts:
        made.add(burst)
    for burst in first_runs:
        made.add(burst, "first_runs")
    return made


def quiet(generation: int) -> Conditions:
    """Return the conditions of a generation on an idle machine."""
    return Conditions(generation=generation, steal=0.0, other_load=0.0, mhz=3000.0)


def simulated(
    latencies: Mapping[Any, float],
    cells: Sequence[Cell],
    *,
    seed: int = 0,
    processes: int = 5,
    rounds: int = 10,
    runs: int = 5,
    between: float = 0.03,
    within: float = 0.01,
    drift: float = 0.0,
    warmups: int = 1,
    **changes: Any,
) -> Run:
    """Return a run of cells on one worker with these true latencies (ns).

    Args:
        latencies: by cell; ``None`` is the reference workload.
        cells: of the run.
        seed: of everything random.
        processes: generations of the one worker.
        rounds: of each.
        runs: of each burst.
        between: standard deviation of a cell's level between processes.
        within: standard deviation of runs around it.
        drift: relative change of the machine's speed from begin to end, for everything alike.
        warmups: of each burst, at three times the latency.
        changes: of the run.
    """
    rng = np.random.default_rng(seed)
    found = []
    for generation in range(processes):
        bursts = []
        level = {name: ns * np.exp(between * rng.normal()) for name, ns in latencies.items()}
        for number in range(rounds):
            at = generation + number / rounds
            slow = 1 + drift * at / processes
            for name, ns in level.items():
                samples = slow * ns * np.exp(within * rng.normal(size=runs))
                bursts.append(
                    Burst(
                        round=number,
                        cell=name,
                        at=at,
                        warmup_ns=[round(3 * ns)] * warmups,
                        ns=[round(sample) for sample in samples],
                        cpu_ns=[round(sample) for sample in samples],
                    )
                )
        found.append(process(generation, {}, bursts=bursts))
    changes.setdefault("conditions", [quiet(generation) for generation in range(processes)])
    return run_of(cells, found, **changes)
