"""How often is ``mncost check`` wrong, and how small a slowdown does it find?

V2 1.0/224 on ONNX Runtime, one thread, old version against new one, in one run (A/B). Run from the
top of the repository, on a machine that does nothing else::

    python -m benchmarks.gate false-alarms              # A/A, regression = "3 %"
    python -m benchmarks.gate power                     # 5 % slower, regression = "2 %"
    python -m benchmarks.gate power --slowdown 0.03     # or by less: what can still be found?
    python -m benchmarks.gate naive                     # two runs, medians compared, threshold 3 %
    python -m benchmarks.gate false-alarms --busy       # while another process keeps one core busy

The slowdown is real work: a V2 whose last convolution is wider. How much slower that is, is
measured first, for ``--calibrate`` seconds. With ``--log FILE`` each decision is appended to a file
of JSON lines. The exit status is 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

import mncost
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


def spin() -> None:
    """Keep a core busy."""
    while True:
        pass


@contextmanager
def busy(wanted: bool) -> Iterator[None]:
    """Keep one core busy for as long as this lasts."""
    process = multiprocessing.Process(target=spin, daemon=True)
    if wanted:
        process.start()
    try:
        yield
    finally:
        if wanted:
            process.kill()


def main(arguments: Sequence[str] | None = None) -> int:
    """Decide, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["false-alarms", "power", "naive"])
    parser.add_argument("--decisions", type=int, help="default: 100; power: 60")
    parser.add_argument("--max-time", type=float, default=20.0, help="seconds each (default: 20)")
    parser.add_argument("--slowdown", type=float, help="default: 0.05 for power, else 0")
    parser.add_argument("--limit", type=float, help="default: 0.02 for power, else 0.03")
    parser.add_argument("--calibrate", type=float, default=120.0, help="seconds (default: 120)")
    parser.add_argument("--busy", action="store_true", help="keep one core busy")
    parser.add_argument("--log", type=Path, help="append each decision as a line of JSON")
    options = parser.parse_args(arguments)
    power = options.what == "power"
    slowdown = options.slowdown if options.slowdown is not None else 0.05 * power
    share = options.limit if options.limit is not None else (0.02 if power else 0.03)
    decisions = options.decisions or (60 if power else 100)
    one = naive if options.what == "naive" else decided
    with tempfile.TemporaryDirectory() as scratch, busy(options.busy):
        wide = LAST + BLOCK * round(100 * slowdown * CHANNELS_A_PERCENT / BLOCK)
        new = architecture(Path(scratch) / "new", wide)
        old = architecture(Path(scratch) / "old", LAST)
        if slowdown and options.calibrate:
            ratio, half = calibrated(new, old, options.calibrate)
            print(f"{wide} channels are {ratio - 1:.2%} ± {half:.2%} slower", flush=True)
        verdicts = Counter[str]()
        began = time.monotonic()
        for number in range(decisions):
            found = one(new, old, share, options.max_time)
            verdicts[found["verdict"]] += 1
            print(number + 1, *(f"{k}={v}" for k, v in found.items() if v != ""), flush=True)
            if options.log:
                about = {"what": options.what, "busy": options.busy, "slowdown": slowdown}
                with options.log.open("a") as log:
                    log.write(json.dumps({**about, "limit": share, **found}) + "\n")
    took = (time.monotonic() - began) / decisions
    return concluded(options.what, verdicts, slowdown, took, loud=options.busy)


def concluded(
    what: str, verdicts: Counter[str], slowdown: float, took: float, *, loud: bool
) -> int:
    """Print how often there was which verdict; return 1 if a goal is missed."""
    total = verdicts.total()
    for verdict, times in verdicts.items():
        bounds = binomtest(times, total).proportion_ci()
        print(f"{verdict}: {times} of {total} ({bounds.low:.1%} to {bounds.high:.1%})")
    print(f"{took:.1f} s a decision")
    if what == "naive":
        return 0
    if slowdown:
        reached = verdicts["FAIL"] >= 0.95 * total
        print(f"goal: FAIL in at least 95 %: {'reached' if reached else 'MISSED'}")
    else:
        most = 0.02 if loud else 0.01
        reached = verdicts["FAIL"] <= most * total
        print(f"goal: FAIL in at most {most:.0%}: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
