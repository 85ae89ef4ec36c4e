"""What the index of the built-in networks should say, from their files."""

from __future__ import annotations

from mncost.spec.catalog import FAMILIES, Entry
from mncost.spec.parse import read_spec

__all__ = ["indexed"]


def indexed() -> list[Entry]:
    """Return what the index should say: reads every file."""
    specs = [(path.stem, read_spec(path)) for path in FAMILIES.glob("*.toml")]
    entries = []
    for file, spec in sorted(specs, key=lambda one: (one[1].order, one[0])):
        if not spec.variants:
            entries.append(Entry(spec.name, file, spec.groups, tuple(spec.checkpoints)))
        for name, variant in spec.variants.items():
            patterns = tuple(variant.checkpoints)
            entries.append(Entry(name, file, spec.groups, patterns, is_variant=True))
    return entries
