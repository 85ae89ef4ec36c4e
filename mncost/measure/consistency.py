"""Checks of a run that involve several of its values: ids, counts, shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from mncost.errors import InputError, one_line
from mncost.graph.ops import Input
from mncost.graph.shapes import infer_shapes
from mncost.measure.bursts import Bursts
from mncost.measure.records import IDENTITY, Cell, ModelRecord, PairCells, Run
from mncost.measure.runtime_names import MAX_BATCH, MAX_THREADS

__all__ = ["problems"]

PAIR_CELLS = PairCells.__struct_fields__


def problems(run: Run) -> Iterator[str]:
    """Yield what does not agree in a run, each with its place: ``cells[3].id: ...``."""
    yield from _of_cells(run)
    for digest, model in run.models.items():
        if problem := _of_model(model):
            yield f"models[{one_line(digest)}]: {problem}"
    for place, cell in _references(run):
        if cell >= len(run.cells):
            yield f"{place}: there is no cell {cell}; the file has {len(run.cells)}"
    for p, process in enumerate(run.processes):
        if process.worker.threads > MAX_THREADS:
            yield f"processes[{p}].worker.threads: at most {MAX_THREADS} is accepted"
        for name in ("first_runs", "pilot", "bursts"):
            yield from _of_samples(f"processes[{p}].{name}", getattr(process, name))
    yield from _of_ratios(run)
    yield from _of_profiles(run)


def _of_cells(run: Run) -> Iterator[str]:
    for position, cell in enumerate(run.cells):
        if cell.id != position:
            yield f"cells[{position}].id: {cell.id}, and should be its position"
        for name, most in (("batch", MAX_BATCH), ("threads", MAX_THREADS)):
            if getattr(cell.place, name) > most:
                yield f"cells[{position}].place.{name}: at most {most} is accepted"
        if cell.digest not in run.models:
            yield f"cells[{position}].digest: there is no model {one_line(cell.digest)}"


def _of_model(model: ModelRecord) -> str | None:
    """Say why a model cannot be built."""
    nodes = model.graph.nodes
    if not nodes or not model.inputs:
        return "it has no operators or no inputs"
    if any(source >= index or source < 0 for index, n in enumerate(nodes) for source in n.inputs):
        return "an operator reads one that does not come before it"
    if any(isinstance(n.op, Input) == bool(n.inputs) for n in nodes):
        return "an operator reads nothing, or an input reads something"
    if not all(0 <= output < len(nodes) for output in model.graph.outputs):
        return "an output is no operator"
    try:
        infer_shapes(model.graph, model.inputs)
    except InputError as error:
        return one_line(str(error))
    except (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError):
        return "its operators do not fit each other"
    return None


def _of_samples(place: str, records: Sequence[Bursts]) -> Iterator[str]:
    for b, bursts in enumerate(records):
        yield from (f"{place}[{b}].{problem}" for problem in bursts.problems())
    cells = [(bursts.cell, bursts.workload) for bursts in records]
    if len(set(cells)) < len(cells):
        yield f"{place}: a cell stands there twice"


def _of_profiles(run: Run) -> Iterator[str]:
    lengths: dict[int, int] = {}
    for n, profile in enumerate(run.profiles):
        length = lengths.setdefault(profile.cell, len(profile.layers))
        if len(profile.layers) != length:
            yield f"profiles[{n}].layers: {len(profile.layers)}, and {length} in another process"
        runs = len(profile.profiled_ns)
        if not _median(profile.profiled_ns) or not _median(profile.plain_ns):
            yield f"profiles[{n}]: it has no time"
        for m, layer in enumerate(profile.layers):
            if len(layer.ns) != runs:
                yield f"profiles[{n}].layers[{m}].ns: {len(layer.ns)} times of {runs} runs"
        cell = run.cells[profile.cell]
        if not cell.macs and any(layer.macs for layer in profile.layers):
            yield f"profiles[{n}]: its layers have MACs, and cells[{profile.cell}] has none"
    for n, ceilings in enumerate(run.ceilings):
        if not ceilings.product_ns or not ceilings.copy_ns:
            yield f"ceilings[{n}]: it has no time"


def _median(times: Sequence[int]) -> int:
    """Return the lower median; 0 without a time."""
    return sorted(times)[(len(times) - 1) // 2] if times else 0


def _of_ratios(run: Run) -> Iterator[str]:
    """Yield what has nothing that its twin, or a pair's convolution, can be compared with."""
    twins = {_without_twin(cell) for cell in run.cells if cell.subject.twin}
    compared = [n for n, cell in enumerate(run.cells) if _without_twin(cell) in twins]
    for pair in run.pairs:
        compared += [getattr(cells, name) for cells in pair.cells for name in PAIR_CELLS]
    for n in compared:
        if not run.cells[n].macs or not run.cells[n].params:
            yield f"cells[{n}]: it has a twin, and no MACs or no parameters"
    for n, pair in enumerate(run.pairs):
        if not 0 < pair.theoretical_share < inf:
            yield f"pairs[{n}].theoretical_share: accepted is more than 0"


def _without_twin(cell: Cell) -> tuple[object, ...]:
    return tuple(cell.fact(name) for name in IDENTITY if name != "twin")


def _references(run: Run) -> Iterator[tuple[str, int]]:
    """Yield every mention of a cell, with its place."""
    for n, cell in enumerate(run.cells):
        if cell.baseline_of is not None:
            yield f"cells[{n}].baseline_of", cell.baseline_of
    for p, process in enumerate(run.processes):
        for name in ("first_runs", "pilot", "bursts"):
            for b, bursts in enumerate(getattr(process, name)):
                if bursts.cell is not None:
                    yield f"processes[{p}].{name}[{b}].cell", bursts.cell
    for n, pair in enumerate(run.pairs):
        yield from ((f"pairs[{n}].counts", cell) for cell in pair.counts)
        for place, cells in enumerate(pair.cells):
            for name in cells.__struct_fields__:
                yield f"pairs[{n}].cells[{place}].{name}", getattr(cells, name)
    for f, file in enumerate(run.files):
        for c, of_file in enumerate(file.cells):
            yield f"files[{f}].cells[{c}]", of_file
    for listed in ("left_out", "memory", "profiles", "failures"):
        for n, record in enumerate(getattr(run, listed)):
            yield f"{listed}[{n}].cell", record.cell
