"""Results of a long measurement in a file of JSON lines, so that another session can go on with it.

python -m benchmarks.gate power --save power.jsonl --decisions 20
python -m benchmarks.gate power --resume power.jsonl              # until there are 60
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

__all__ = ["Record", "add_options", "counted"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--save`` and ``--resume``."""
    files = parser.add_mutually_exclusive_group()
    files.add_argument("--save", type=Path, help="append each result as a line of JSON")
    files.add_argument(
        "--resume", type=Path, help="the same, and count the results of these settings it has"
    )


class Record:
    """The results of one measurement: those of earlier sessions, and new ones.

    Attributes:
        results: all of them.
        earlier: how many are of earlier sessions.
    """

    def __init__(self, options: argparse.Namespace, settings: Mapping[str, Any]) -> None:
        """Read what there is.

        Args:
            options: with the fields of :func:`add_options`.
            settings: what makes two results those of one measurement.
        """
        self._file: Path | None = options.resume or options.save
        self._settings = dict(settings)
        self.results: list[dict[str, Any]] = []
        if options.resume and options.resume.exists():
            lines = map(json.loads, options.resume.read_text("utf-8").splitlines())
            self.results = [line for line in lines if self._settings.items() <= line.items()]
        self.earlier = len(self.results)
        if self.earlier:
            print(f"{self.earlier} results of earlier sessions are counted", flush=True)

    def add(self, result: Mapping[str, Any]) -> None:
        """Take a new result, print it, and append it to the file."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.results.append({**self._settings, "at": now, **result})
        words = (f"{name}={value}" for name, value in result.items() if value != "")
        print(len(self.results), *words, flush=True)
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(self.results[-1]) + "\n")


def counted(times: int, total: int) -> str:
    """Return a count with Clopper and Pearson's 95 % interval of its share."""
    if not total:
        return "0 of 0"
    bounds = binomtest(times, total).proportion_ci()
    return f"{times} of {total} ({bounds.low:.1%} to {bounds.high:.1%})"
