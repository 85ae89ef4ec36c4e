"""How often is ``mncost check`` wrong, and how small a slowdown does it find?

V2 1.0/224 on ONNX Runtime, one thread, old version against new one, in one run (A/B). Run from the
top of the repository, on a machine that does nothing else. Each line says how long it takes::

    python -m benchmarks.gate false-alarms              # A/A, limit 3 %: 100 decisions, 30 min
    python -m benchmarks.gate false-alarms --busy one   # beside a busy core: 60, 15 to 20 min
    python -m benchmarks.gate false-alarms --busy both  # two programs for each core: 60, 20 min
    python -m benchmarks.gate power                     # 5 % slower, limit 2 %: 60, 12 to 20 min
    python -m benchmarks.gate power --busy both         # the same: 60, 20 min
    python -m benchmarks.gate power --slowdown 0.02 --limit 0.005       # 60, 20 min
    python -m benchmarks.gate naive                     # two runs, medians compared: 100, 35 min

The slowdown is real work: a V2 whose last convolution is wider. How much slower that is, is
measured first, for ``--calibrate`` seconds, with nothing else running. ``--save FILE`` appends each
decision to a file of JSON lines; ``--resume FILE`` goes on with it, until there are ``--decisions``
of them. The exit status is 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from statistics import fmean
from typing import Any

import mncost
from benchmarks.busy import CASES, Case, busy
from benchmarks.recorded import Record, add_options, counted
from mncost.budget.baseline import Baseline
from mncost.budget.records import Limit, Model, Place, Regression
from mncost.budget.run import check

LAST = 1280  # channels of V2's last convolution
CHANNELS_A_PERCENT = 130  # about; the calibration says what it is
BLOCK = 16  # channels that a runtime handles at once: half a block is no steady slowdown


def architecture(directory: Path, channels: int) -> Path:
    """Write V2 with so many channels in its last convolution."""
    text = files("mncost").joinpath("spec/families/v2.toml").read_text("utf-8")
    assert f"out = {LAST}," in text
    directory.mkdir(exist_ok=True)
    file = directory / "v2.toml"
    file.write_text(text.replace(f"out = {LAST},", f"out = {channels},", 1))
    return file


def calibrated(new: Path, old: Path, seconds: float) -> tuple[float, float]:
    """Return how many times as long the new version takes, and half of its 95 % interval."""
    measured = mncost.bench(
        f"{new},{old}", runtime="onnxruntime", twin=False, target_error=1e-4, max_time=seconds
    )
    found = measured.ratio(0, 1)
    assert found is not None
    center, lo, hi = found[:3]
    assert lo is not None
    assert hi is not None
    return center, (hi - lo) / 2


def decided(new: Path, old: Path, share: float, seconds: float) -> dict[str, Any]:
    """Return the verdict of one check."""
    limit = Limit(
        budget=1,
        line=None,
        name="v2",
        model=Model(arch=str(new)),
        precision="fp32",
        place=Place(),
        metric="latency regression",
        bound=Regression(share),
    )
    found = check([limit], max_time=seconds, baseline=Baseline(arch=old))
    (outcome,) = found
    assert outcome.value is not None
    assert found.run is not None
    generations = {process.generation for process in found.run.processes}
    return {
        "verdict": outcome.verdict,
        "value": outcome.value.center,
        "lo": outcome.value.lo,
        "hi": outcome.value.hi,
        "seconds": found.run.seconds,
        "generations": len(generations),
        "why": outcome.why,
    }


def naive(new: Path, old: Path, share: float, seconds: float) -> dict[str, Any]:
    """Return the verdict of two runs one after the other, by their medians."""
    medians = []
    for arch in (old, new):
        measured = mncost.bench(
            str(arch), runtime="onnxruntime", twin=False, processes=1, max_time=seconds / 2
        )
        median = measured.summaries[0].latency
        assert median is not None
        medians.append(median.center)
    ratio = medians[1] / medians[0]
    return {"verdict": "FAIL" if ratio > 1 + share else "PASS", "value": ratio}


def main(arguments: Sequence[str] | None = None) -> int:
    """Decide, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["false-alarms", "power", "naive"])
    parser.add_argument("--decisions", type=int, help="default: 100; power, or busy: 60")
    parser.add_argument("--max-time", type=float, default=20.0, help="seconds each (default: 20)")
    parser.add_argument("--slowdown", type=float, help="default: 0.05 for power, else 0")
    parser.add_argument("--limit", type=float, help="default: 0.02 for power, else 0.03")
    parser.add_argument("--calibrate", type=float, default=120.0, help="seconds (default: 120)")
    parser.add_argument("--busy", choices=CASES, default="quiet", help="default: quiet")
    add_options(parser)
    options = parser.parse_args(arguments)
    power = options.what == "power"
    slowdown = options.slowdown if options.slowdown is not None else 0.05 * power
    share = options.limit if options.limit is not None else (0.02 if power else 0.03)
    decisions = options.decisions or (60 if power or options.busy != "quiet" else 100)
    settings = {"benchmark": "gate", "what": options.what, "busy": options.busy}
    settings |= {"slowdown": slowdown, "limit": share, "max_time": options.max_time}
    record = Record(options, settings)
    one = naive if options.what == "naive" else decided
    with tempfile.TemporaryDirectory() as scratch:
        wide = LAST + BLOCK * round(100 * slowdown * CHANNELS_A_PERCENT / BLOCK)
        new = architecture(Path(scratch) / "new", wide)
        old = architecture(Path(scratch) / "old", LAST)
        if slowdown and options.calibrate and not record.earlier:
            ratio, half = calibrated(new, old, options.calibrate)
            print(f"{wide} channels are {ratio - 1:.2%} ± {half:.2%} slower", flush=True)
        with busy(options.busy):
            while len(record.results) < decisions:
                record.add(one(new, old, share, options.max_time))
    return concluded(options.what, record.results, slowdown, share, options.busy)


def concluded(
    what: str, results: Sequence[dict[str, Any]], slowdown: float, share: float, case: Case
) -> int:
    """Print how often there was which verdict, with exact intervals; return 1 if a goal is missed.

    An unchanged network never FAILs, and PASSes in 80 % where the machine is busy. A slowdown FAILs
    in 95 %, one of 2 % over 0.5 % in 90 %, and in 80 % where every core is busy.
    """
    verdicts, total = Counter(one["verdict"] for one in results), len(results)
    for verdict in ("PASS", "FAIL", "INCONCLUSIVE"):
        print(f"{verdict}: {counted(verdicts[verdict], total)}")
    if took := [one["seconds"] for one in results if "seconds" in one]:
        print(f"{fmean(took):.1f} s a decision")
    if what == "naive":
        return 0
    if slowdown:
        least = 0.8 if case == "both" else 0.9 if share < 0.01 else 0.95
        reached, goal = verdicts["FAIL"] >= least * total, f"FAIL in at least {least:.0%}"
    else:
        least = 0.8 if case != "quiet" else 0.0
        reached = not verdicts["FAIL"] and verdicts["PASS"] >= least * total
        goal = "no FAIL" + (f", PASS in at least {least:.0%}" if least else "")
    print(f"goal: {goal}: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
