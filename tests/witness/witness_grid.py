"""What to record, and the file format, shared by the recorders.

Nothing here knows how a MobileNet is built: the numbers come from the
projects themselves.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# 0.56 is there because 16, 32 and 64 times it fall where truncating before
# rounding to eight (Keras V2) and not truncating (everyone else) part.
ALPHAS = (0.1, 0.25, 0.35, 0.5, 0.56, 0.6, 0.7, 0.75, 0.9)
ALPHAS += (1.0, 1.1, 1.25, 1.3, 1.4, 2.0)
RESOLUTIONS = (96, 128, 160, 192, 200, 97, 255)
NATIVE = {
    "v4-conv-m": 256,
    "v4-hybrid-m": 256,
    "v4-conv-l": 384,
    "v4-hybrid-l": 384,
}


def grid(arch: str) -> Iterator[tuple[float, int]]:
    """Yield the (alpha, resolution) pairs recorded for one architecture."""
    for alpha in ALPHAS:
        yield alpha, NATIVE.get(arch, 224)
    if arch.startswith("v4"):
        pairs = [(1.0, size) for size in (160, 225, 320)]
    else:
        pairs = [(alpha, size) for alpha in (0.35, 1.0) for size in RESOLUTIONS]
    yield from pairs


def layer(
    kind: str,
    in_channels: int | None = None,
    out_channels: int | None = None,
    *,
    kernel: int | None = None,
    stride: int | None = None,
    groups: int | None = None,
    bias: int | None = None,
    out_hw: tuple[int | None, int | None] = (None, None),
    params: int = 0,
    macs: int = 0,
) -> list[Any]:
    """Return one layer in the order the files use."""
    shape = [kernel, stride, groups, bias, *out_hw]
    return [kind, in_channels, out_channels, *shape, params, macs]


def network(
    project: str,
    builder: str,
    where: tuple[str, str, float, int],
    totals: dict[str, int],
    layers: list[list[Any]],
) -> dict[str, Any]:
    """Return one record; ``where`` is (arch, dialect, alpha, resolution)."""
    arch, dialect, alpha, resolution = where
    return {
        "project": project,
        "builder": builder,
        "arch": arch,
        "dialect": dialect,
        "alpha": alpha,
        "resolution": resolution,
        **totals,
        "macs": sum(row[-1] for row in layers if row[0] in ("conv", "linear")),
        "attention_macs": sum(row[-1] for row in layers if row[0] == "attention"),
        "layers": layers,
    }


def write(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write records as gzip JSON lines, the same bytes every time."""
    lines = [json.dumps(record, separators=(",", ":")) for record in records]
    text = "".join(line + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    print(f"{path.name}: {len(lines)} networks, {path.stat().st_size} bytes")
