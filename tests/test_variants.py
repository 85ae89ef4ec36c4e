"""Variants of an architecture file, `depth`, the index of names, and the groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from mncost.errors import InputError
from mncost.network import network_of
from mncost.spec.catalog import FAMILIES, Entry, groups, index, load_spec, networks
from mncost.spec.finding import find
from mncost.spec.indexing import indexed
from mncost.spec.parse import parse_spec, read_spec
from mncost.spec.resolve import resolve

FILE = """
name = "tiny"
resolution = 8
rules = { classes = 3 }
defaults = { kernel = 3 }
rows = [
  { block = "conv", out = 8, name = "stem" },
  { block = "conv", out = 16, repeats = 1, name = "body" },
  { block = "pool" },
  { block = "linear", out = "classes", batch_norm = false },
]
[dialects.theirs.rows]
stem = { stride = 2 }
[variants]
small = {}
deep = { depth = 1.1, resolution = 16 }
deeper = { repeats = { body = 3 }, rows = { body = { kernel = 5 } } }
wide = { alpha = 2.0, rules = { classes = 5 } }
other = { rows = { stem = { block = "max_pool", kernel = 2 } }, defaults = { batch_norm = false } }
"""


def counts(variant: str | None, dialect: str = "paper") -> tuple[str, int, int]:
    """Return name, MACs and parameters of a variant."""
    spec = parse_spec(FILE.encode(), "tiny.toml", variant)
    network = network_of(resolve(spec, dialect=dialect), spec.native)
    return network.arch, network.macs, network.params


def convolution(inputs: int, outputs: int, kernel: int, side: int) -> tuple[int, int]:
    """Return the MACs and parameters of a convolution with batch norm, by hand."""
    weights = inputs * outputs * kernel * kernel
    return weights * side * side, weights + 2 * outputs


def added(*layers: tuple[int, int]) -> tuple[int, int]:
    return sum(macs for macs, _ in layers), sum(params for _, params in layers)


STEM = convolution(3, 8, 3, 8)
HEAD = (16 * 3, 16 * 3 + 3)


def test_a_variant_changes_what_it_says() -> None:
    """By hand: a repeat more, another kernel, twice the width, no batch norm."""
    small = added(STEM, convolution(8, 16, 3, 8), HEAD)
    assert counts(None) == counts("small") == ("small", *small)
    deep = convolution(3, 8, 3, 16), convolution(8, 16, 3, 16), convolution(16, 16, 3, 16), HEAD
    assert counts("deep") == ("deep", *added(*deep))  # ceil(1.1) = 2
    fives = convolution(8, 16, 5, 8), convolution(16, 16, 5, 8), convolution(16, 16, 5, 8)
    assert counts("deeper") == ("deeper", *added(STEM, *fives, HEAD))
    wide = convolution(3, 16, 3, 8), convolution(16, 32, 3, 8), (32 * 5, 32 * 5 + 5)
    assert counts("wide") == ("wide", *added(*wide))
    weights = 3 * 16 * 9
    assert counts("other") == ("other", weights * 16 + 48, weights + 16 + 51)  # a bias instead


def test_a_dialect_may_change_one_key_of_a_row() -> None:
    """A row of a dialect without `block` leaves the other keys of the table's row, by hand."""
    halved = convolution(3, 8, 3, 4), convolution(8, 16, 3, 4), HEAD
    assert counts("small", "theirs") == ("small", *added(*halved))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("depp = 2", ("variants.x: unknown key 'depp'", "did you mean 'depth'")),
        ("rows = { bodi = { kernel = 5 } }", ("variants.x: bodi: there is no such row", "'body'")),
        ("rows = { body = { kernal = 5 } }", ("row 2", "unknown key 'kernal'", "'kernel'")),
        ("repeats = { body = 0 }", ("repeats", "from 1 to 100")),
        ("rules = { divisr = 4 }", ("rules", "unknown key 'divisr'", "'divisor'")),
        ("alpha = 'x'", ("alpha", "number")),
    ],
)
def test_a_wrong_variant(change: str, words: tuple[str, ...], tmp_path: Path) -> None:
    """One line with the file and the place; also if it is not the variant that is asked for."""
    path = tmp_path / "tiny.toml"
    path.write_text(FILE + f"[variants.x]\n{change}\n", encoding="utf-8")
    for name in (f"{path}:x", str(path)):
        with pytest.raises(InputError) as caught:
            find(name)
        message = str(caught.value)
        assert "\n" not in message
        assert [word for word in (str(path), *words) if word not in message] == [], message


def test_variants_of_files(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(FILE, encoding="utf-8")
    assert [choice.spec.name for choice in find(f"{path},{path}:wide")] == ["small", "wide"]
    with pytest.raises(InputError, match="unknown variant of tiny 'wild'"):
        find(f"{path}:wild")
    path.write_text(FILE.partition("[variants]")[0], encoding="utf-8")
    with pytest.raises(InputError, match="'wide' is asked for, and the file has no variants"):
        find(f"{path}:wide")


def test_the_index_is_what_the_files_say() -> None:
    """`python tools/make_index.py` writes it."""
    assert list(index().values()) == indexed()
    assert all(isinstance(entry, Entry) for entry in index().values())


def test_each_name_stands_for_one_network() -> None:
    """No pattern hides a network's own name, and no network has the name of a group."""
    assert [name for name in networks() if [one.spec.name for one in find(name)] != [name]] == []
    assert [name for name in networks() if groups().get(name, [name]) != [name]] == []


def test_a_name_reads_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families that are not asked for are not read: the files that are opened."""
    opened: list[Path] = []

    def noted(path: Path, variant: str | None = None) -> object:
        opened.append(path)
        return read_spec(path, variant)

    monkeypatch.setattr("mncost.spec.catalog.read_spec", noted)
    load_spec.cache_clear()
    find("v2")
    find("mobilenet_v3_large")
    assert opened == [FAMILIES / "v2.toml", FAMILIES / "v3-large.toml"]
    load_spec.cache_clear()
