"""Try many inputs, count what became of them, and say how to repeat each fault.

python -m tests.fuzz                           # 20,000 inputs, some minutes
python -m tests.fuzz --inputs 100000           # what docs/reliability.md shows
python -m tests.fuzz run_files --seed 7        # one fuzzer, other inputs
python -m tests.fuzz run_files --only 1234     # input 1234 of it again, with its traceback
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.fuzz.running import FUZZERS, Tried, repeat, try_many

_CHUNK = 500  # inputs a process tries: no cache grows for ever, and a crash is seen
_SECONDS = 3600  # for a chunk

Part = tuple[str, int, int, int]


def main() -> int:
    """Try inputs in as many processes as there are CPUs; return 1 if there were faults."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Try many inputs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(FUZZERS))
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="N", help="this input, in this process")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--part", nargs=2, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.names or list(FUZZERS)
    if unknown := set(names) - set(FUZZERS):
        parser.error(f"unknown: {', '.join(unknown)}; accepted: {', '.join(FUZZERS)}")
    if given.only is not None:
        print(repeat(names[0], given.seed, given.only))
        return 0
    if given.part is not None:
        print(json.dumps(try_many(names[0], given.seed, *given.part)))
        return 0
    return _many(names, given.inputs, given.seed, given.jobs)


def _many(names: list[str], inputs: int, seed: int, jobs: int) -> int:
    begin = time.monotonic()
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    seen: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], int] = {}
    with ThreadPoolExecutor(jobs) as pool:
        for name, tried in pool.map(_try_part, _parts(names, inputs, seed, jobs)):
            counts[name].update(tried.outcomes)
            for said, index in tried.faults:
                seen[name, said] += 1
                first.setdefault((name, said), index)
    _print(counts, time.monotonic() - begin)
    for (name, said), count in seen.most_common():
        how = f"python -m tests.fuzz {name} --seed {seed} --only {first[name, said]}"
        print(f"\nFAULT, {count} times, {name}: {said}\n  {how}")
    return 1 if seen else 0


def _parts(names: list[str], inputs: int, seed: int, jobs: int) -> Iterator[Part]:
    """Yield parts so small that no process is left with the last of them alone for long."""
    weights = {name: FUZZERS[name].weight for name in names}
    for name in names:
        share = inputs * weights[name] // sum(weights.values())
        size = max(1, min(_CHUNK, -(-share // (2 * jobs))))
        for first in range(0, share, size):
            yield name, seed, first, min(size, share - first)


def _try_part(part: Part) -> tuple[str, Tried]:
    """Try a part of the inputs in a process of its own."""
    name, seed, first, count = part
    words = [sys.executable, "-m", "tests.fuzz", name, "--seed", str(seed)]
    words += ["--part", str(first), str(count)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode:
        said = f"the process ends with status {done.returncode}: {done.stderr[-300:]}"
        return name, Tried({"FAULT": 1}, [(said, first)])
    return name, Tried(*json.loads(done.stdout.splitlines()[-1]))


def _print(counts: dict[str, Counter[str]], seconds: float) -> None:
    outcomes = sorted({outcome for counter in counts.values() for outcome in counter})
    print("fuzzer".ljust(15), *(outcome.rjust(15) for outcome in ["inputs", *outcomes]))
    for name, counter in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        row = [counter.total(), *(counter[outcome] for outcome in outcomes)]
        print(name.ljust(15), *(f"{number:,}".rjust(15) for number in row))
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
