"""Design spaces on a cluster: a task counts a range of networks and keeps its front."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from mncost.cluster.client import results, workers_of
from mncost.space.parts import Counting, Executor, Job, Part, Range

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["on_cluster"]

_one_at_a_time = Lock()  # of the threads of a worker: what is priced is shared


def on_cluster(client: Client) -> Executor:
    """Return what counts ranges on the workers of a cluster.

    The tasks of a lost worker are run again on another one.
    """

    def parts(job: Job, ranges: Sequence[Range]) -> Iterator[Part]:
        workers_of(client)
        futures = client.map(_count, *zip(*ranges, strict=True), job=pickle.dumps(job), pure=False)
        try:
            yield from results(client, futures)
        finally:
            client.cancel(futures)

    return parts


def _count(start: int, stop: int, job: bytes) -> Part:
    with _one_at_a_time:
        return _counting(job).part(start, stop)


@lru_cache(maxsize=2)
def _counting(job: bytes) -> Counting:
    return Counting(pickle.loads(job))
