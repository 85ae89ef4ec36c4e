"""Facts about machines: of scripted ones, and of this one by other means."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mncost.measure import machine as module
from mncost.measure.arm import arm_name
from mncost.measure.machine import (
    container,
    cpu_mhz,
    fingerprint,
    machine,
    machine_differences,
)
from tests.measure.synthetic import MACHINE

XEON = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8488C
flags\t\t: fpu sse2 avx avx2 fma f16c avx512f avx512vl avx512bw avx512_vnni avx512_bf16 amx_int8
bugs\t\t: spectre_v1

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
GRAVITON = """processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd aes asimdhp asimddp sve i8mm bf16
CPU implementer\t: 0x41
"""
# A Raspberry Pi 4 with a 64-bit system has this four times, and the model once, at the end.
PI_CORE = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""
PI_MODEL = "Revision\t: c03111\nModel\t\t: Raspberry Pi 4 Model B Rev 1.1\n"

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take from the environment what says where this runs."""
    for name in ("KUBERNETES_SERVICE_HOST", "container"):
        monkeypatch.delenv(name, raising=False)


def write(root: Path, name: str, text: str = "") -> None:
    """Write a file below a root."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.usefixtures("bare")
def test_an_x86_machine(tmp_path: Path) -> None:
    write(tmp_path, "proc/cpuinfo", XEON)
    write(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n")
    found = machine(tmp_path)
    assert found.cpu == "Intel(R) Xeon(R) Platinum 8488C"
    assert " ".join(found.flags) == (
        "amx_int8 avx avx2 avx512_bf16 avx512_vnni avx512bw avx512f f16c fma"
    )
    assert (found.governor, found.container) == ("powersave", None)


@linux
def test_a_hypervisor_is_seen_by_its_flag_and_its_absence_only_on_x86(tmp_path: Path) -> None:
    write(tmp_path, "proc/cpuinfo", XEON)
    assert machine(tmp_path).hypervisor is False
    write(tmp_path, "proc/cpuinfo", XEON.replace("fpu", "fpu hypervisor"))
    assert machine(tmp_path).hypervisor is True


def test_arm_has_numbers_of_parts_in_proc(tmp_path: Path) -> None:
    """The numbers are those of Arm's manuals; a board with two kinds of cores has both names."""
    core = "CPU implementer\t: 0x41\nCPU part\t: {}\n\n"
    cores = core.format("0xd05") + core.format("0xd0b")
    write(tmp_path, "proc/cpuinfo", f"Features\t: fp asimd\n{cores}")
    assert machine(tmp_path).cpu == "Cortex-A76 + Cortex-A55"
    write(tmp_path, "proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    assert machine(tmp_path).cpu == "Raspberry Pi 5 Model B Rev 1.0 (Cortex-A76 + Cortex-A55)"
    assert arm_name("CPU implementer\t: 0x48\nCPU part\t: 0xd01\n") == "HiSilicon part 0xd01"
    assert arm_name(XEON) == ""


def test_a_raspberry_pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container of it has no device tree, so the model may be that of /proc/cpuinfo."""
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    write(tmp_path, "proc/cpuinfo", 4 * PI_CORE + PI_MODEL)
    found = machine(tmp_path)
    assert found.cpu == "Raspberry Pi 4 Model B Rev 1.1 (Cortex-A72)"
    assert (found.architecture, found.flags, found.hypervisor) == ("aarch64", ["asimd"], None)
    write(tmp_path, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.1\0")
    assert machine(tmp_path).cpu == found.cpu
    write(tmp_path, "proc/cpuinfo", 4 * PI_CORE.replace("0xd08", "0xd0b") + PI_MODEL)
    other = machine(tmp_path)
    assert fingerprint(other) != fingerprint(found)
    assert any("Cortex-A72) and" in one for one in machine_differences(found, other))


def test_arm_has_no_name_in_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "proc/cpuinfo", GRAVITON)
    monkeypatch.setattr(module, "_from_cpuinfo_package", lambda: ("Neoverse-V1", {"other"}))
    found = machine(tmp_path)
    assert found.cpu == "Neoverse-V1"
    assert found.flags == ["asimd", "asimddp", "asimdhp", "bf16", "i8mm", "sve"]
    assert found.hypervisor is None


def test_nothing_can_be_found_out_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> Any:
        raise OSError("not here")

    for name in ("_from_cpuinfo_package", "_physical_cores", "_affinity", "_memory"):
        monkeypatch.setattr(module, name, fails)
    monkeypatch.setattr(os, "getloadavg", fails)
    monkeypatch.setattr(platform, "processor", lambda: "")
    found = machine(tmp_path)
    assert found.cpu == platform.machine()
    assert (found.flags, found.cores, found.affinity) == ([], None, None)
    assert (found.governor, found.memory_bytes, found.load_average) == (None, 0, None)


@linux
def test_this_machine() -> None:
    """Against /proc and the shell's own tools."""
    found = machine()
    assert found.architecture == os.uname().machine
    kibibytes = int(Path("/proc/meminfo").read_text().split()[1])
    assert found.memory_bytes == 1024 * kibibytes
    usable = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout
    assert found.affinity is not None
    assert len(found.affinity) == int(usable)
    assert os.uname().release in found.os


MARKS: list[tuple[str, str, dict[str, str], str | None]] = [
    ("proc/version", "", {}, None),
    (".dockerenv", "", {}, "docker"),
    (".dockerenv", "", {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
    ("run/.containerenv", "", {}, "podman"),
    ("proc/version", "", {"container": "lxc"}, "lxc"),
    ("run/systemd/container", "systemd-nspawn\n", {}, "systemd-nspawn"),
    ("proc/1/cgroup", "4:memory:/docker/0123abcd\n", {}, "docker"),
    ("proc/1/cgroup", "0::/kubepods.slice/docker-1.scope\n", {}, "kubernetes"),
    ("proc/1/cgroup", "0::/init.scope\n", {}, None),
    ("proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n", {}, "wsl"),
]


@pytest.mark.parametrize(("name", "text", "environment", "kind"), MARKS)
def test_containers_by_their_marks(
    name: str, text: str, environment: dict[str, str], kind: str | None, tmp_path: Path
) -> None:
    write(tmp_path, name, text)
    assert container(tmp_path, environment) == kind


DIFFERENCES: list[tuple[dict[str, Any], str]] = [
    ({"cpu": "Another"}, "CPU: Example CPU 3000 and Another"),
    ({"architecture": "arm64"}, "architecture: x86_64 and arm64"),
    ({"cores": 2}, "physical cores: 4 and 2"),
    ({"logical_cores": 4}, "logical cores: 8 and 4"),
    ({"affinity": [0]}, "cores that may be used: 4 and 1"),
    ({"affinity": None}, "cores that may be used: 4 and 8"),
    ({"flags": ["fma"]}, "only the first has avx2"),
    ({"flags": ["avx2", "avx512f", "fma"]}, "only the second has avx512f"),
    ({"memory_bytes": 15 << 30}, "memory: 16.0 GiB and 15.0 GiB"),
    ({"cpu_quota": 1.5}, "CPU quota: none and 1.5 cores"),
]


@pytest.mark.parametrize(("changes", "words"), DIFFERENCES)
def test_differences_that_change_latencies(changes: dict[str, Any], words: str) -> None:
    assert machine_differences(MACHINE, replace(MACHINE, **changes)) == [words]


@pytest.mark.parametrize(
    "changes",
    [
        {"memory_bytes": (16 << 30) * 96 // 100},
        {"load_average": 3.0, "os": "Linux 7", "container": "docker", "governor": None},
        {"affinity": [4, 5, 6, 7], "hypervisor": None},
    ],
)
def test_other_differences_do_not_make_another_machine(changes: dict[str, Any]) -> None:
    assert machine_differences(MACHINE, replace(MACHINE, **changes)) == []


def test_the_clock_rate_is_a_plausible_number_or_unknown() -> None:
    found = cpu_mhz()
    assert found is None or 100 < found < 10_000
