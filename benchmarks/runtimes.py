"""How long does each runtime take beside ONNX Runtime, interleaved in one run?

Run from the top of the repository::

    python -m benchmarks.runtimes                           # all that are installed, fp32 and int8
    python -m benchmarks.runtimes --arch v1,v3-large --max-time 300

Ratios are round by round, as for every ratio of ``mncost bench``: time / time of ONNX Runtime in
the same precision, with a 95 % interval. Start it on a machine that does nothing else; it takes
about four minutes, and one or two more to lower the network for ExecuTorch if that is installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import mncost
from mncost.measure.records import Cell
from mncost.render.units import with_interval, written

_BASE = "onnxruntime"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--arch", default="v2", help="default: v2")
    parser.add_argument("--runtime", default="all", help="default: all")
    parser.add_argument("--precision", default="fp32,int8", help="default: fp32,int8")
    parser.add_argument("--max-time", type=float, default=180.0, help="seconds (default: 180)")
    options = parser.parse_args(arguments)
    results = mncost.bench(
        options.arch,
        runtime=options.runtime.split(","),
        precision=options.precision.split(","),
        twin=None,
        max_time=options.max_time,
    )
    bases = {_key(cell): cell for cell in results.run.cells if cell.place.runtime == _BASE}
    print(f"{'network':20} {'precision':9} {'runtime':33} {'latency':16} / {_BASE}")
    for cell in results.run.cells:
        base, latency = bases.get(_key(cell)), results.interval(cell.id)
        ratio = results.ratio(cell.id, base.id) if base else None
        print(
            f"{cell.label.arch:20} {cell.place.precision:9} "
            f"{' '.join(filter(None, [cell.place.runtime, cell.place.provider])):33} "
            f"{written('time', latency) if latency else '-':16} "
            f"{with_interval(ratio) if ratio else '-'}"
        )
    for failure in results.run.failures:
        print(f"failed: {results.run.cells[failure.cell].words()}: {failure.reason}")
    print(results.run.machine.cpu)
    return 1 if results.run.failures else 0


def _key(cell: Cell) -> object:
    """Return what a cell shares with the one that it is compared with."""
    return cell.subject, cell.place.precision, cell.place.threads, cell.place.batch


if __name__ == "__main__":
    sys.exit(main())
