"""Stands for ``ssh`` and the agent behind it: answers at the pace of a scripted worker.

``benchmarks.hosts`` puts it on PATH in place of ssh, so that 100 hosts need no 100 machines. It
imports the standard library only, and sleeps for as long as a burst would take.
"""

import json
import platform
import sys
import time
from typing import Any

RUN_NS = 2_000_000
FACTS = {
    "cpu": "scripted",
    "architecture": platform.machine(),
    "flags": [],
    "cores": 4,
    "logical_cores": 4,
    "affinity": None,
    "governor": None,
    "memory_bytes": 1 << 32,
    "os": "none",
    "container": None,
    "hypervisor": None,
    "load_average": 0.0,
}
HELLO = {"versions": {}, "cpus": [0], "clock_ns": 50.0, "empty_ns": 50, "empty_cpu_ns": 50}


def main() -> None:
    """Answer requests until there are none."""
    stream, host = sys.stdin.buffer, hash(sys.argv[-2]) % 1000
    stream.read(int(stream.readline()))  # the source
    say({"agent": platform.python_version()})
    for line in iter(stream.readline, b""):
        request = json.loads(line)
        stream.read(request.get("bytes", 0))
        if request["do"] == "round":
            for place, (_, message, _, _) in enumerate(request["visits"]):
                say({"visit": place, **asked(message, host)})
            say({"end": True})
        elif request["do"] == "ask":
            say(asked(request["message"], host))
        else:
            say(ANSWERS[request["do"]])


def asked(message: dict[str, Any], host: int) -> dict[str, Any]:
    """Take as long as a burst does, and return its times."""
    runs, warmups = message.get("runs", 2), message.get("warmups", 1)
    ns = RUN_NS + 1000 * host + time.monotonic_ns() % 20_000
    time.sleep(ns * (runs + warmups) / 1e9)
    times: dict[str, Any] = {"ns": [ns] * runs, "warmup_ns": [ns] * warmups}
    times |= {"cpu_ns": [ns] * runs, "warmup_cpu_ns": [ns] * warmups}
    counts = {"switches": 0, "waits": 0, "faults": 0}
    return {"answer": {**times, **counts}, "gained": {}}


def say(message: dict[str, Any]) -> None:
    """Write an answer."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


ANSWERS: dict[str, dict[str, Any]] = {
    "look": {"facts": FACTS, "quota": None, "runtimes": {}, "measuring": None},
    "offer": {"offer": {"providers": ["CPUExecutionProvider"]}},
    "lock": {},
    "quiet": {"quiet": []},
    "counters": {"counters": [0.0, 0.0, 0.0, None, None], "mhz": None},
    "start": {"first": HELLO},
    "have": {"folder": None},
    "put": {},
    "keep": {"folder": "/models"},
    "close": {},
}

if __name__ == "__main__":
    main()
