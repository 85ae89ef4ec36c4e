"""The words of a report, each explained: those that its tables and pictures use."""

from __future__ import annotations

from collections.abc import Collection

from mncost.page.html import Section

__all__ = ["glossary"]

_WORDS = {
    "latency": (
        "latency",
        "the time of one call: the median over all calls. ± is half of its 95 % confidence "
        "interval: the interval of a run repeated in the same way would hold the true value 95 "
        "times in 100",
    ),
    "wall": ("wall", "the wall time of a call that nothing interrupts"),
    "alpha": ("α", "the width multiplier: it scales the channels of every layer"),
    "resolution": ("px", "the side of the square image in pixels, or height × width"),
    "macs": ("MACs", "multiply-accumulates for one image: a multiplication and an addition"),
    "macs_per_second": ("MAC/s", "multiply-accumulates / latency: how well the machine is used"),
    "images_per_second": ("images/s", "images of one call / its latency"),
    "twin_latency": (
        "twin",
        "the same network with other convolutions: standard: each depthwise-separable pair as one; "
        "fused: each expansion and its depthwise as one; separable: each k×k one as a pair",
    ),
    "macs_ratio": ("MACs ratio", "MACs of the twin / MACs of the network"),
    "speedup": ("speed-up", "latency of the twin / latency of the network, from the same rounds"),
    "int8_speedup": ("INT8 speed-up", "latency in fp32 / latency in int8"),
    "python_speedup": ("beside ours", "latency in the other interpreter / in our own"),
    "logits_error": (
        "logits error",
        "how far the int8 outputs are from the fp32 ones, in standard deviations of these",
    ),
    "efficiency": ("efficiency", "speed-up / MACs ratio"),
    "time_share": ("time share", "the share of a call that a layer takes"),
    "ceiling_share": (
        "of ceiling",
        "the least time that the machine's arithmetic and memory allow / the measured time",
    ),
    "warnings": ("warnings", "reasons why a row may be unreliable; see the section on warnings"),
}
_FRONT = (
    "Pareto front",
    "the networks that no other network beats: no other is both faster and more accurate",
)


def glossary(columns: Collection[str], *, has_front: bool) -> Section:
    """Return what the words mean: of these columns, and of a front if one is drawn."""
    facts = [entry for name, entry in _WORDS.items() if name in columns]
    return Section("words", "Words", facts=[*facts, _FRONT] if has_front else facts)
