"""From my budget to my network: limits, what fits them, and a budget file that keeps it so.

::

    python examples/choose_a_network.py --latency "8 ms" --size "10 MB" --top1 65
    python examples/choose_a_network.py --latency "4 ms" --precision int8 --threads 2

Counts, sizes and published accuracies need no measuring, so these limits come first. The networks
that keep to them are measured on this machine, as few as it takes. The most accurate one that is
fast enough is written, with the limits, into a budget file for `mncost check`. The exit status is 0
if a network was chosen, 1 if none fits, 2 if an argument cannot be used, and 3 if none is known to
fit but more time could tell.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import mncost

FOUND, NOTHING, UNDECIDED = 0, 1, 3


def chosen(wanted: Mapping[str, Any], timing: Mapping[str, Any]) -> mncost.Pick:
    """Print what fits without and with the limit on latency; return the latter.

    Args:
        wanted: arguments of :func:`mncost.pick` that need no measuring.
        timing: those that do.
    """
    by_analysis = mncost.pick(**wanted, top=3)
    print("By counts and published accuracies:", by_analysis, sep="\n")
    if not by_analysis:
        return by_analysis
    print("\nMeasuring ...", flush=True)
    found = mncost.pick(**wanted, **timing, top=3)
    print("The most accurate ones that are fast enough:", found, sep="\n")
    return found


def in_words(one: mncost.Picked) -> str:
    """Say what a network that was measured has to offer."""
    words = f"{one.name}: {one.top1:g} % top-1, {one.network.macs / 1e6:.0f} M MACs"
    if one.latency is not None and one.latency.lo is not None and one.latency.hi is not None:
        lo, hi = 1e3 * one.latency.lo, 1e3 * one.latency.hi
        words += f", {lo:.2f} to {hi:.2f} ms"
    return words + (", as accurate as far as anyone knows" if one.is_near_tie else "")


def as_budget(
    one: mncost.Picked, limits: Mapping[str, str | None], place: Mapping[str, object]
) -> str:
    """Return a budget file that holds a network to the limits that it was chosen by.

    Args:
        one: the network.
        limits: by the keys of a budget; ``None`` is no limit.
        place: precision, runtime and threads.
    """
    net = one.network
    model = {"arch": net.arch, "alpha": net.alpha, "resolution": net.resolution}
    model |= {"dialect": net.dialect, "classes": net.classes}
    lines = [
        f"# {one.name}: {one.top1:g} % top-1, published in {one.source}",
        "[[budget]]",
        f"model = {{ {', '.join(_pairs(model))} }}",
        *_pairs(place),
        *_pairs({key: limit for key, limit in limits.items() if limit is not None}),
    ]
    return "\n".join(lines) + "\n"


def _pairs(values: Mapping[str, object]) -> Iterator[str]:
    """Yield ``key = value`` in TOML."""
    for key, value in values.items():
        yield f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Choose, print, write, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--latency", required=True, help='of one call, e.g. "8 ms"')
    add("--size", help='of the weights, e.g. "10 MB"')
    add("--macs", help='e.g. "150 M"')
    add("--top1", help="least ImageNet top-1 accuracy in %%")
    add("--arch", default="all", help="with commas (default: whatever is published)")
    add("--precision", default="fp32", help="fp32 or int8 (default: %(default)s)")
    add("--runtime", default="onnxruntime", help="(default: %(default)s)")
    add("--threads", type=int, default=1, help="(default: %(default)s)")
    add("--max-time", default="60 s", help="to measure at most (default: %(default)s)")
    add("--run", help="a run file for what is measured (.json)")
    add("--output", "-o", default="my_budget.toml", help="(default: %(default)s)")
    args = parser.parse_args(arguments)
    wanted = {"arch": args.arch, "precision": args.precision}
    wanted |= {"max_macs": args.macs, "max_size": args.size, "min_top1": args.top1}
    timing = {"max_latency": args.latency, "runtime": args.runtime, "threads": args.threads}
    timing |= {"max_time": args.max_time, "save": args.run}
    try:
        found = chosen(wanted, timing)
    except mncost.InputError as error:
        parser.error(str(error))
    if not found:
        return UNDECIDED if found.is_inconclusive else NOTHING
    print(
        f"\nChosen: {in_words(found[0])}", *(f"Or: {in_words(one)}" for one in found[1:]), sep="\n"
    )
    limits = {"macs": args.macs, "weight_bytes": args.size, "latency.p50": args.latency}
    place = {"precision": args.precision, "runtime": args.runtime, "threads": args.threads}
    try:
        Path(args.output).write_text(as_budget(found[0], limits, place), "utf-8")
    except OSError as error:
        parser.error(f"{args.output}: {error.strerror}")
    print(f"\nFor CI: mncost check {args.output}")
    if args.run:
        print(f"For a picture: mncost plot {args.run} --x latency --y top1 -o front.svg")
    return FOUND


if __name__ == "__main__":
    sys.exit(main())
