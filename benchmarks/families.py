"""How long it takes to count every network of every family, as published, in one process.

Run from the top of the repository::

    python -m benchmarks.families

The exit status is 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import time

import mncost
from mncost.spec.catalog import load_spec, networks

GOAL = 2.0  # seconds


def count_all() -> int:
    """Count each network at its published α and resolutions; return how many these are."""
    counted = 0
    for name in networks():
        spec = load_spec(name)
        sizes = spec.published_resolutions or (spec.native,)
        grid = mncost.grid(name, alpha=list(spec.alphas), resolution=",".join(map(str, sizes)))
        for network in grid:
            assert network.macs > 0
            assert network.params > 0
            assert network.peak_activation_bytes > 0
            counted += 1
    return counted


def main() -> int:
    """Print how long it takes; return 1 if it takes longer than the goal."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    began, cpu = time.perf_counter(), time.process_time()
    counted = count_all()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{counted} networks of {len(networks())} names: {wall:.2f} s, {cpu:.2f} s of CPU")
    return 0 if cpu <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
