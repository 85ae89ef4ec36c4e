"""What tests of real runtimes share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mncost.measure.workers.builder import Builder


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    """Return what writes the models of a file's tests, in a process of its own."""
    builder = Builder()
    yield builder
    builder.close()
