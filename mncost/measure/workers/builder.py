"""Builds models in a process of its own, which is started again if it dies."""

from __future__ import annotations

import pickle
from pathlib import Path

from mncost.measure.workers.child import Child
from mncost.measure.workers.prepare import BuildModel, Prepared, Recipe
from mncost.measure.workers.worker import WorkerDied, answer_of

__all__ = ["Builder"]

START_SECONDS, BUILD_SECONDS = 120.0, 900.0


class Builder:
    """Writes the models that workers load."""

    def __init__(self, scratch: Path | None = None) -> None:
        """Make one; the process is started when there is something to build.

        Args:
            scratch: where it keeps temporary files; by default where everyone does.
        """
        self._child: Child | None = None
        self._environment = {} if scratch is None else {"TMPDIR": str(scratch)}

    def prepare(self, recipe: Recipe, folder: Path) -> Prepared:
        """Write a model.

        Args:
            recipe: what it is made of.
            folder: to make and write to, in a private directory.

        Raises:
            WorkerRefused: there is not enough memory for it, or it cannot be built.
            WorkerDied: the process ended or hung.
        """
        pickled = folder.with_name(f"{folder.name}.graph")
        pickled.write_bytes(pickle.dumps((recipe.graph, recipe.content)))
        request = BuildModel(
            graph=str(pickled),
            inputs=dict(recipe.inputs),
            format=recipe.format,
            precision=recipe.precision,
            seed=recipe.seed,
            folder=str(folder),
            sparsity=recipe.sparsity,
        )
        try:
            return answer_of(self._started(), request, BUILD_SECONDS)
        except WorkerDied:
            self.close()
            raise
        finally:
            pickled.unlink()

    def close(self) -> None:
        """End the process."""
        if self._child:
            self._child.close()
            self._child = None

    def _started(self) -> Child:
        if self._child is None:
            self._child = Child(
                None, "builder", environment=self._environment, seconds=START_SECONDS
            )
        return self._child
