"""Converters that print: kept from the standard streams."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

__all__ = ["silence"]


@contextlib.contextmanager
def silence(level: int = logging.WARNING) -> Iterator[None]:
    """Keep a converter's messages and warnings from the standard streams.

    Args:
        level: log records up to it are left out.
    """
    before = logging.root.manager.disable
    logging.disable(level)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
