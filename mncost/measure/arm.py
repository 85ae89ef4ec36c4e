"""Names of Arm's cores: ``/proc/cpuinfo`` has only the numbers of implementer and part."""

from __future__ import annotations

import re

__all__ = ["arm_name"]

_IMPLEMENTERS = {0x41: "Arm", 0x42: "Broadcom", 0x46: "Fujitsu", 0x48: "HiSilicon", 0x4E: "NVIDIA"}
_IMPLEMENTERS |= {0x51: "Qualcomm", 0x53: "Samsung", 0x61: "Apple", 0xC0: "Ampere"}

# The main ID registers of Arm's technical reference manuals.
_CORTEX = {
    **{0xC07: "Cortex-A7", 0xC08: "Cortex-A8", 0xC09: "Cortex-A9", 0xC0F: "Cortex-A15"},
    **{0xD03: "Cortex-A53", 0xD04: "Cortex-A35", 0xD05: "Cortex-A55", 0xD07: "Cortex-A57"},
    **{0xD08: "Cortex-A72", 0xD09: "Cortex-A73", 0xD0A: "Cortex-A75", 0xD0B: "Cortex-A76"},
    **{0xD0C: "Neoverse-N1", 0xD0D: "Cortex-A77", 0xD40: "Neoverse-V1", 0xD41: "Cortex-A78"},
    **{0xD44: "Cortex-X1", 0xD46: "Cortex-A510", 0xD47: "Cortex-A710", 0xD48: "Cortex-X2"},
    **{0xD49: "Neoverse-N2", 0xD4D: "Cortex-A715", 0xD4E: "Cortex-X3", 0xD4F: "Neoverse-V2"},
    **{0xD80: "Cortex-A520", 0xD81: "Cortex-A720", 0xD82: "Cortex-X4", 0xD8E: "Neoverse-N3"},
}


def arm_name(cpuinfo: str) -> str:
    """Return the kinds of cores that ``/proc/cpuinfo`` lists, e.g. ``Cortex-A76 + Cortex-A55``.

    Unknown ones have their numbers. Without Arm's fields the name is empty.
    """
    makers = re.findall(r"(?m)^CPU implementer\s*: (0x[0-9a-f]+)", cpuinfo)
    parts = re.findall(r"(?m)^CPU part\s*: (0x[0-9a-f]+)", cpuinfo)
    names = [_name(int(maker, 16), int(part, 16)) for maker, part in zip(makers, parts)]
    return " + ".join(sorted(set(names), reverse=True))


def _name(maker: int, part: int) -> str:
    if maker == 0x41 and part in _CORTEX:
        return _CORTEX[part]
    return f"{_IMPLEMENTERS.get(maker, f'implementer {maker:#x}')} part {part:#x}"
