"""Facts about the machine, as far as they matter for latency. Nothing here ever fails.

:func:`facts` also runs on other hosts: it needs the standard library of Python 3.9 only, and takes
psutil where that is installed.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mncost.measure.arm import arm_name
from mncost.measure.quota import Quota, quota

if TYPE_CHECKING:
    from mncost.measure.records import Machine

__all__ = ["cpu_mhz", "facts", "fingerprint", "machine", "machine_differences"]

MEMORY_TOLERANCE = 0.05  # kernels and hypervisors keep a little for themselves, not always the same

T = TypeVar("T")

# Instruction sets that the kernels of inference libraries choose by.
_FLAGS = re.compile(
    r"avx|avx2|fma|f16c|avx512f|avx512bw|avx512_vnni|avx_vnni|avx512_bf16|avx512_fp16|amx_\w+"
    r"|neon|asimd|asimddp|asimdhp|i8mm|bf16|sve\w*"
)
_CGROUPS = {"kubepods": "kubernetes", "docker": "docker", "libpod": "podman", "lxc": "lxc"}


def machine(root: Path = Path("/")) -> Machine:
    """Return what can be found out about this machine.

    Args:
        root: where ``/proc``, ``/sys`` and the like are.
    """
    from mncost.measure.records import Machine

    return Machine(**facts(root))


def facts(root: Path = Path("/")) -> dict[str, Any]:
    """Return the fields of :class:`mncost.measure.records.Machine` by name."""
    name, flags = _cpu(root)
    return {
        "cpu": name,
        "architecture": platform.machine(),
        "flags": sorted(flag for flag in flags if _FLAGS.fullmatch(flag)),
        "cores": _try(lambda: _physical_cores(root)),
        "logical_cores": os.cpu_count() or 1,
        "affinity": _try(_affinity),
        "governor": _text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "memory_bytes": _try(_memory) or 0,
        "os": _operating_system(),
        "container": container(root, os.environ),
        "hypervisor": _hypervisor(root, flags),
        "load_average": _try(lambda: os.getloadavg()[0]),
        "cpu_quota": _try(lambda: _cores(quota(root))),
    }


def fingerprint(of: Machine) -> str:
    """Return a short name for what decides about the latency of a machine."""
    decides = of.cpu, of.architecture, sorted(of.flags), of.cores, of.logical_cores, _usable(of)
    return sha256(repr((decides, of.cpu_quota)).encode()).hexdigest()[:12]


def machine_differences(old: Machine, new: Machine) -> list[str]:
    """Say in words what differs between two machines that changes latencies; nothing: the same."""
    facts = {
        "CPU": (old.cpu, new.cpu),
        "architecture": (old.architecture, new.architecture),
        "physical cores": (old.cores, new.cores),
        "logical cores": (old.logical_cores, new.logical_cores),
        "cores that may be used": (_usable(old), _usable(new)),
        "CPU quota": (_quota(old), _quota(new)),
    }
    differences = [f"{name}: {a} and {b}" for name, (a, b) in facts.items() if a != b]
    if missing := sorted(set(old.flags) - set(new.flags)):
        differences.append(f"only the first has {', '.join(missing)}")
    if added := sorted(set(new.flags) - set(old.flags)):
        differences.append(f"only the second has {', '.join(added)}")
    sizes = sorted((old.memory_bytes, new.memory_bytes))
    if sizes[0] < (1 - MEMORY_TOLERANCE) * sizes[1]:
        a, b = (f"{size / 2**30:.1f} GiB" for size in (old.memory_bytes, new.memory_bytes))
        differences.append(f"memory: {a} and {b}")
    return differences


def cpu_mhz() -> float | None:
    """Return the current clock rate of the first core."""

    def first_core() -> float | None:
        import psutil

        cores = psutil.cpu_freq(percpu=True)
        return float(cores[0].current) if cores and cores[0].current else None

    return _try(first_core)


def container(root: Path, environment: Mapping[str, str]) -> str | None:
    """Return which kind of container this is, by the marks that each leaves."""
    if "KUBERNETES_SERVICE_HOST" in environment:
        return "kubernetes"
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    # What podman, systemd-nspawn and LXC say of themselves.
    if name := environment.get("container") or _text(root / "run/systemd/container"):
        return name
    groups = _text(root / "proc/1/cgroup") or ""
    for mark, name in _CGROUPS.items():
        if mark in groups:
            return name
    kernel = _text(root / "proc/sys/kernel/osrelease") or ""
    return "wsl" if "microsoft" in kernel.lower() else None


def _cpu(root: Path) -> tuple[str, set[str]]:
    """Return the CPU's name and all its flags.

    py-cpuinfo takes a second and starts processes, so Linux's own file comes first. On Arm it has
    numbers of parts in place of a name. It does not exist elsewhere.
    """
    text = _text(root / "proc/cpuinfo") or ""
    said: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        said.setdefault(key.strip().lower(), value.strip())
    arm = arm_name(text)
    name = arm or said.get("model name", "")
    board = (_text(root / "proc/device-tree/model") or "").strip("\0")
    board = board or (said.get("model", "") if arm else "")  # on x86 the model is a number
    name = f"{board} ({name})" if board and name else board or name
    flags = set(said.get("flags", said.get("features", "")).split())
    if not name or not flags:
        known_name, known_flags = _try(_from_cpuinfo_package) or ("", set())
        name, flags = name or known_name, flags or known_flags
    return name or platform.processor() or platform.machine() or "unknown", flags


def _from_cpuinfo_package() -> tuple[str, set[str]]:
    import cpuinfo

    known = cpuinfo.get_cpu_info()
    return str(known.get("brand_raw", "")), {str(flag) for flag in known.get("flags", ())}


def _physical_cores(root: Path) -> int | None:
    try:
        import psutil
    except ImportError:
        cpus = root / "sys/devices/system/cpu"
        shared = cpus.glob("cpu[0-9]*/topology/thread_siblings_list")
        return len({path.read_text("ascii") for path in shared}) or None
    cores: int | None = psutil.cpu_count(logical=False)
    return cores


def _affinity() -> list[int] | None:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _memory() -> int:
    try:
        import psutil
    except ImportError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(psutil.virtual_memory().total)


def _usable(machine: Machine) -> int:
    return machine.logical_cores if machine.affinity is None else len(machine.affinity)


def _cores(limit: Quota | None) -> float | None:
    return None if limit is None else round(limit.cores, 3)


def _quota(machine: Machine) -> str:
    return "none" if machine.cpu_quota is None else f"{machine.cpu_quota:g} cores"


def _operating_system() -> str:
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    if platform.system() != "Linux":
        return platform.platform()
    release = _try(lambda: platform.freedesktop_os_release()) or {}  # noqa: PLW0108 - Python 3.10
    kernel = f"Linux {platform.release()}"
    return f"{release['PRETTY_NAME']}, {kernel}" if "PRETTY_NAME" in release else kernel


def _hypervisor(root: Path, flags: set[str]) -> bool | None:
    if "hypervisor" in flags or (root / "sys/hypervisor/type").exists():
        return True
    # Only x86 has a flag whose absence says something.
    return False if platform.system() == "Linux" and "fpu" in flags else None


def _text(path: Path) -> str | None:
    """Return the text of a small file without blanks around it; ``None`` if there is none."""
    try:
        return path.read_text("utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _try(find_out: Callable[[], T]) -> T | None:
    """Return a fact, or ``None``: no fact about the machine is worth a failed measurement."""
    try:
        return find_out()
    except Exception:
        return None
