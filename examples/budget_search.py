"""Which networks fit a budget of multiply-accumulates and parameters?

::

    python examples/budget_search.py --macs 60 --params 2.5
    python examples/budget_search.py --macs 60 --params 2.5 --arch v3,examples/my_net.toml

Both budgets are in millions. Of every architecture the published α and resolutions within the two
ranges are tried; those that use most of the budget for MACs come first. The exit status is 1 if
nothing fits, 2 if an argument cannot be used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence

import mncost

MILLION = 1_000_000


def fitting(networks: Iterable[mncost.Network], macs: float, params: float) -> list[mncost.Network]:
    """Return the networks within both budgets, the one with the most MACs first."""
    found = [net for net in networks if net.macs <= macs and net.params <= params]
    return sorted(found, key=lambda net: (-net.macs, net.params))


def as_text(networks: Iterable[mncost.Network]) -> Iterator[str]:
    """Yield the lines of a table, one for each network."""
    yield f"{'arch':24} {'α':>5} {'px':>4} {'MACs M':>8} {'params M':>9}"
    for net in networks:
        macs, params = net.macs / MILLION, net.params / MILLION
        yield f"{net.arch:24} {net.alpha:>5} {net.resolution:>4} {macs:8.2f} {params:9.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--macs", type=float, required=True, help="at most so many million MACs")
    parser.add_argument("--params", type=float, required=True, help="at most so many million")
    parser.add_argument("--arch", default="v1,v2,v3", help="architectures or files, with commas")
    parser.add_argument("--alpha", default="0.25:1.5", help="range of α (default: %(default)s)")
    parser.add_argument("--resolution", default="96:256", help="of pixels (default: %(default)s)")
    parser.add_argument(
        "--top", type=int, default=10, help="so many at most (default: %(default)s)"
    )
    args = parser.parse_args(arguments)
    try:
        networks = mncost.grid(args.arch, args.alpha, args.resolution)
    except mncost.InputError as error:
        parser.error(str(error))
    for note in networks.notes:
        print(f"note: {note}", file=sys.stderr)
    found = fitting(networks, args.macs * MILLION, args.params * MILLION)
    if not found:
        print(f"none of {len(networks)} networks fits", file=sys.stderr)
        return 1
    print(*as_text(found[: args.top]), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
