"""The model files of a run: built once for all cells that run the same model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol

from mncost.errors import InputError
from mncost.label import Label
from mncost.measure.ceilings import PRODUCT, PRODUCT_BATCH
from mncost.measure.private import without_home
from mncost.measure.records import Cell, Failure, ModelFile, ModelRecord, Place, Run
from mncost.measure.runtimes import runtime_class
from mncost.measure.workers.prepare import Prepared, Recipe
from mncost.measure.workers.worker import WorkerDied, WorkerRefused
from mncost.readers.model import Content, TorchSource

__all__ = ["Build", "ModelFiles"]


class Build(Protocol):
    """Builds model files, in a process of its own."""

    def prepare(self, recipe: Recipe, folder: Path) -> Prepared:
        """Write a model to a folder that is made; may raise WorkerRefused or WorkerDied."""

    def close(self) -> None:
        """End it."""


class _Kind(NamedTuple):
    """Which kind of model a place loads."""

    format: str
    precision: str
    sparsity: float


class ModelFiles:
    """The folders that workers load.

    Attributes:
        folders: of each cell whose model was built, by the cell's id.
    """

    def __init__(
        self,
        run: Run,
        start: Callable[[], Build],
        scratch: Path,
        generation: int,
        watch: Callable[[str, int, int], None],
    ) -> None:
        """Begin with none.

        Args:
            run: takes in what was built, and the cells that are given up.
            start: starts a builder.
            scratch: where folders are made.
            generation: the first one; a run that is resumed has its records already.
            watch: called with the phase, how many are done, and of how many.
        """
        self.folders: dict[int, Path] = {}
        self._run = run
        self._start = start
        self._scratch = scratch
        self._generation = generation
        self._watch = watch
        self._numbers = count()
        self._products: dict[_Kind, Path] = {}

    def build(self, cells: Sequence[Cell]) -> None:
        """Build the models of cells that have none yet; give up those that cannot be built."""
        wanted: dict[tuple[str, _Kind], list[Cell]] = {}
        for cell in cells:
            if cell.id not in self.folders:
                wanted.setdefault((cell.digest, _kind(cell.place)), []).append(cell)
        if not wanted:
            return
        builder = self._start()
        try:
            for index, ((_, kind), sharing) in enumerate(wanted.items()):
                self._watch("build", index, len(wanted))
                self._build(builder, sharing, kind)
            if self._run.pairs and not self._products:
                self._build_products(builder, cells)
        finally:
            builder.close()

    def product(self, place: Place) -> Path | None:
        """Return the matrix product that shows the ceiling of a place, if there is one."""
        return self._products.get(_kind(place)) if _runs_product(place) else None

    def _build(self, builder: Build, cells: Sequence[Cell], kind: _Kind) -> None:
        model = self._run.models[cells[0].digest]
        folder = self._scratch / f"{next(self._numbers)}.{kind.format}"
        try:
            built = self._prepare(builder, model, kind, folder)
        except (WorkerRefused, WorkerDied, InputError) as error:
            reason = without_home(str(error))
            lost = {failure.cell for failure in self._run.failures}
            self._run.failures += [
                Failure(cell=cell.id, generation=self._generation, reason=reason)
                for cell in cells
                if cell.id not in lost
            ]
            return
        ids = [cell.id for cell in cells]
        self.folders |= dict.fromkeys(ids, folder)
        if not self._generation:
            self._run.files.append(
                ModelFile(
                    cells=ids,
                    bytes=built.bytes,
                    seconds=built.seconds,
                    agreement=built.agreement,
                    denormals=built.denormals,
                )
            )

    def _build_products(self, builder: Build, cells: Sequence[Cell]) -> None:
        """Build the matrix products whose speed is the ceiling of what is measured."""
        product = ModelRecord(graph=PRODUCT, inputs=PRODUCT.images(1), label=Label("product"))
        able = (cell.place for cell in cells if _runs_product(cell.place))
        for kind in dict.fromkeys(map(_kind, able)):
            form, precision, _ = kind
            folder = self._scratch / f"product.{precision}.{form}"
            try:
                self._prepare(builder, product, kind._replace(sparsity=0.0), folder)
            except (WorkerRefused, WorkerDied) as error:
                reason = without_home(str(error))
                note = f"no ceilings of {form} models in {precision}: {reason}"
                self._run.notes += [note] if note not in self._run.notes else []
            else:
                self._products[kind] = folder

    def _prepare(
        self,
        builder: Build,
        model: ModelRecord,
        kind: _Kind,
        folder: Path,
    ) -> Prepared:
        recipe = Recipe(
            model.graph,
            model.inputs,
            kind.format,
            kind.precision,
            self._run.options.seed,
            _content(model),
            kind.sparsity,
        )
        return builder.prepare(recipe, folder)


def _content(model: ModelRecord) -> Content | None:
    """Return what a model's graph is run with; a torch module in hand becomes a file."""
    if not isinstance(model.source, TorchSource):
        return model.source or model.weights
    from mncost.readers.torch.in_hand import with_program

    return with_program(model.source)


def _runs_product(place: Place) -> bool:
    """Whether a place runs all rows of the product in one call."""
    return runtime_class(place.runtime).largest_batch >= PRODUCT_BATCH


def _kind(place: Place) -> _Kind:
    """Return which kind of model a place loads."""
    return _Kind(runtime_class(place.runtime).format, place.precision, place.sparsity)
