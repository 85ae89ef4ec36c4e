"""Builds models in a process of its own, which is started again if it dies."""

from __future__ import annotations

import pickle
from pathlib import Path

from mncost.graph.graph import Graph, Shapes
from mncost.measure.workers.child import Child
from mncost.measure.workers.prepare import BuildModel, Prepared
from mncost.measure.workers.worker import WorkerDied, answer_of
from mncost.readers.model import Content

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

    def prepare(  # noqa: PLR0913 - what a model is made of
        self,
        graph: Graph,
        inputs: Shapes,
        *,
        format: str,
        precision: str,
        seed: int,
        folder: Path,
        content: Content | None = None,
        sparsity: float = 0.0,
    ) -> Prepared:
        """Write a model.

        Args:
            graph: the model.
            inputs: the shapes of its inputs, without the batch.
            format: a key of :data:`mncost.models.formats.FORMATS`.
            precision: one of the format's.
            seed: of the weights.
            folder: to make and write to, in a private directory.
            content: the model that is run as it is, or weights that are not random.
            sparsity: share of each layer's weights that is 0: the smallest.

        Raises:
            WorkerRefused: there is not enough memory for it, or it cannot be built.
            WorkerDied: the process ended or hung.
        """
        pickled = folder.with_name(f"{folder.name}.graph")
        pickled.write_bytes(pickle.dumps((graph, content)))
        request = BuildModel(
            graph=str(pickled),
            inputs=dict(inputs),
            format=format,
            precision=precision,
            seed=seed,
            folder=str(folder),
            sparsity=sparsity,
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
