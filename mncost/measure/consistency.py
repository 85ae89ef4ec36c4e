"""What has to agree inside a run, and no single value can know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mncost.errors import InputError, one_line
from mncost.graph.shapes import infer_shapes
from mncost.measure.bursts import Bursts
from mncost.measure.records import ModelRecord, Run

__all__ = ["problems"]


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
        for name in ("first_runs", "pilot", "bursts"):
            yield from _of_samples(f"processes[{p}].{name}", getattr(process, name))
    yield from _of_profiles(run)


def _of_cells(run: Run) -> Iterator[str]:
    for position, cell in enumerate(run.cells):
        if cell.id != position:
            yield f"cells[{position}].id: {cell.id}, and should be its position"
        if cell.digest not in run.models:
            yield f"cells[{position}].digest: there is no model {one_line(cell.digest)}"


def _of_model(model: ModelRecord) -> str | None:
    """Say why a model cannot be built."""
    nodes = model.graph.nodes
    if not nodes or not model.inputs:
        return "it has no operators or no inputs"
    if any(source >= index or source < 0 for index, n in enumerate(nodes) for source in n.inputs):
        return "an operator reads one that does not come before it"
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
    cells = [bursts.cell for bursts in records]
    if len(set(cells)) < len(cells):
        yield f"{place}: a cell stands there twice"


def _of_profiles(run: Run) -> Iterator[str]:
    for n, profile in enumerate(run.profiles):
        runs = len(profile.profiled_ns)
        if not runs or not profile.plain_ns or not any(profile.profiled_ns):
            yield f"profiles[{n}]: it has no time"
        for m, layer in enumerate(profile.layers):
            if len(layer.ns) != runs:
                yield f"profiles[{n}].layers[{m}].ns: {len(layer.ns)} times of {runs} runs"
    for n, ceilings in enumerate(run.ceilings):
        if not ceilings.product_ns or not ceilings.copy_ns:
            yield f"ceilings[{n}]: it has no time"


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
