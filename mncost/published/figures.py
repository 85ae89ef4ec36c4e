"""Published figures: what papers and checkpoint tables print, with their source."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Figure", "read_published"]

FILE = Path(__file__).parent / "figures.csv"


class Figure(NamedTuple):
    """One published row, as printed; what it does not print is ``""``.

    Attributes:
        arch: the architecture it is, ``""`` if none of ours.
        dialect: whose network it is, ``""`` for the paper's.
        alpha, resolution: of the network.
        family, variant: what the source calls it.
        precision: ``fp32`` or ``int8``.
        macs_m, params_m: millions, the digits as printed.
        macs_basis, params_basis: how the printed figure follows from the exact count
            (:mod:`mncost.published.bases`).
        top1, top5: ImageNet accuracy, percent.
        latency_ms, latency_device: lists in the same order, with ``;`` between.
        source: where it is printed. ``note``: what else is known.
    """

    arch: str
    dialect: str
    alpha: str
    resolution: str
    family: str
    variant: str
    precision: str
    macs_m: str
    params_m: str
    macs_basis: str
    params_basis: str
    top1: str
    top5: str
    latency_ms: str
    latency_device: str
    source: str
    note: str


@cache
def read_published() -> tuple[Figure, ...]:
    """Return every published row, in the order of the file."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        assert tuple(next(rows)) == Figure._fields
        return tuple(Figure(*row) for row in rows)
