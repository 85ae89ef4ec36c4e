"""What holds whatever the numbers are."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import mncost
from mncost.cost.groups import GROUPINGS, group
from mncost.cost.layers import Layer
from mncost.graph.twin import SPLITTING, TWINS
from mncost.spec.width import make_divisible, round_width
from tests.networks import EVERY_DIALECT, Row, network_of_rows
from tests.random_rows import ALPHAS, PADDINGS, TAIL, bodies, without_strides

BIG = 64  # an image that three strides, and the attention's own, leave something of
PLAIN = ("conv", "depthwise", "separable", "fused_inverted_residual", "uib")
every_dialect = pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
slow = settings(deadline=None, max_examples=10)
some = settings(deadline=None, max_examples=60)


# ---------------------------------------------------------------------------------- width rounding


@given(st.integers(1, 5000), st.sampled_from([4, 8, 16, 32]))
@settings(deadline=None, max_examples=500)
def test_make_divisible_is_the_nearest_multiple_not_far_below(value: int, divisor: int) -> None:
    """The nearest multiple, halves up, unless that is over 10 % below: exact fractions."""
    nearest = math.floor(Fraction(value, divisor) + Fraction(1, 2)) * divisor
    nearest = max(nearest, divisor)
    expected = nearest if 10 * nearest >= 9 * value else nearest + divisor
    assert make_divisible(value, divisor, divisor) == expected


@given(st.floats(0.01, 1e5), st.sampled_from([1, 2, 8, 12, 32]))
@settings(deadline=None, max_examples=500)
def test_make_divisible_stays_close(value: float, divisor: int) -> None:
    """A multiple of the divisor, at most 10 % below the value and less than a divisor above it."""
    rounded = make_divisible(value, divisor, divisor)
    assert rounded % divisor == 0
    assert rounded >= 0.9 * value
    assert rounded == divisor or rounded - value < divisor


@given(st.integers(1, 4096), ALPHAS)
@settings(deadline=None, max_examples=300)
def test_truncated_widths(channels: int, alpha: float) -> None:
    """V1's rule: the largest whole number not above channels × α, and at least 8."""
    width = round_width(channels * alpha, "down", 1, 8)
    assert width >= 8
    assert width == 8 or 0 <= channels * alpha - width < 1


# --------------------------------------------------------------------------- monotone in α and size


@every_dialect
@slow
@given(pair=st.tuples(ALPHAS, ALPHAS))
def test_counts_grow_with_alpha(arch: str, dialect: str, pair: tuple[float, float]) -> None:
    """A wider network has no fewer MACs, parameters or weight bytes."""
    narrow, wide = (mncost.load(arch, alpha, dialect=dialect) for alpha in sorted(pair))
    assert narrow.macs <= wide.macs
    assert narrow.params <= wide.params
    assert narrow.weight_bytes <= wide.weight_bytes


@every_dialect
@slow
@given(pair=st.tuples(st.integers(64, 512), st.integers(64, 512)))
def test_macs_grow_with_the_resolution(arch: str, dialect: str, pair: tuple[int, int]) -> None:
    """A larger image takes no fewer MACs or bytes, and exactly the same parameters."""
    small, large = (mncost.load(arch, 1.0, size, dialect) for size in sorted(pair))
    assert small.macs <= large.macs
    assert small.peak_activation_bytes <= large.peak_activation_bytes
    assert (small.params, small.weight_bytes) == (large.params, large.weight_bytes)


@pytest.mark.parametrize(
    ("arch", "fixed"), [("v1", ["classifier.linear"]), ("v2", ["classifier.linear"])]
)
@pytest.mark.parametrize("resolution", [96, 128, 160, 224])
def test_twice_the_side_is_four_times_the_macs(
    arch: str, fixed: list[str], resolution: int
) -> None:
    """Where every stride divides the side, all but the classifier costs four times as much."""
    small, large = mncost.load(arch, 1.0, resolution), mncost.load(arch, 1.0, 2 * resolution)
    for before, after in zip(small.layers, large.layers, strict=True):
        factor = 1 if before.name in fixed else 4
        assert after.macs == factor * before.macs, before.name


@some
@given(rows=bodies(*PLAIN), size=st.integers(1, 20))
def test_without_strides_twice_the_side_is_four_times_the_macs(rows: list[Row], size: int) -> None:
    """Stride-free random convolutions do the same work at every pixel."""
    rows = without_strides(rows)
    small, large = network_of_rows(rows, size), network_of_rows(rows, 2 * size)
    assert large.macs == 4 * small.macs > 0


@some
@given(size=st.integers(1, 20), heads=st.integers(1, 4))
def test_attention_is_quartic_in_the_side(size: int, heads: int) -> None:
    """Twice the side is four times the queries and four times the keys."""
    rows = [{"block": "mobile_mqa", "heads": heads, "key_dim": 4}]
    small, large = network_of_rows(rows, size), network_of_rows(rows, 2 * size)
    assert large.work["attention"] == 16 * small.work["attention"] > 0
    assert large.work["conv"] == 4 * small.work["conv"]


# ------------------------------------------------------------------------------- sums and the pairs


def totals(things: object) -> tuple[int, int, int, int, int]:
    """Add up parameters, buffers, MACs and bytes of layers or groups."""
    fields = ("params", "buffers", "macs", "bytes_read", "bytes_written")
    found = [[getattr(thing, field) for field in fields] for thing in things]  # type: ignore[attr-defined]
    return tuple(map(sum, zip(*found, strict=True)))  # type: ignore[return-value]


def check_sums(network: mncost.Network) -> None:
    """Check that layers, and blocks, stages and kinds, add up to the network."""
    whole = totals(network.all_layers)
    assert whole[:3] == (network.params, network.buffers, network.macs)
    assert totals(network.layers)[:3] == whole[:3]
    for by in GROUPINGS:
        groups = group(network.all_layers, by)
        assert totals(groups) == whole, by
        assert sum(found.layers for found in groups) == len(network.layers), by
        assert len({found.name for found in groups}) == len(groups), by
        assert sum(found.macs_share for found in groups) == pytest.approx(1)


def check_pairs(network: mncost.Network) -> None:
    """Check the ratio of each pair with one filter a channel: the formulas, as fractions."""
    for pair in network.pairs:
        n, k = pair.second.out_channels, side(pair.first.kernel)
        assert pair.macs_share == Fraction(1, n) + Fraction(1, k * k), pair.first.name
        assert pair.theoretical_share == pair.macs_share
    for pair in network.pairs_of("fused"):
        c = pair.first.in_channels
        k, s = side(pair.second.kernel), side(pair.second.stride)
        expanded = Fraction(pixels(pair.first), pixels(pair.second))
        assert pair.macs_share == expanded / k**2 + Fraction(1, c), pair.first.name
        assert pair.theoretical_share == Fraction(s * s, k * k) + Fraction(1, c)


def side(size: tuple[int, int] | None) -> int:
    """Return the side of a square kernel."""
    assert size is not None
    height, width = size
    assert height == width
    return height


def pixels(layer: Layer) -> int:
    """Return how many pixels a layer writes."""
    return layer.out_height * layer.out_width


def check_twin(network: mncost.Network, name: str) -> None:
    """Check a twin's MACs and parameters: the network's, pair by pair exchanged."""
    macs, params, buffers = network.macs, network.params, network.buffers
    norms = {layer.name: layer for layer in network.all_layers if layer.kind == "batch_norm"}
    for pair in network.pairs_of(name):
        k = max(side(pair.first.kernel), side(pair.second.kernel))  # one of the two is 1×1
        c, n = pair.first.in_channels, pair.second.out_channels
        macs += k * k * c * n * pixels(pair.second) - pair.first.macs - pair.second.macs
        params += k * k * c * n + (n if pair.second.bias else 0)
        params -= pair.first.params + pair.second.params
        if norm := norms.get(pair.first.name.removesuffix("conv") + "bn"):
            params -= norm.params
            buffers -= norm.buffers
    twin = network.as_twin(name)
    assert (twin.macs, twin.params, twin.buffers) == (macs, params, buffers)


@every_dialect
def test_families_add_up(arch: str, dialect: str) -> None:
    """Layers and groups are the totals; pairs and twins follow the formula: all the families."""
    for alpha in (0.5, 1.0, 1.3):
        network = mncost.load(arch, alpha, dialect=dialect)
        check_sums(network)
        check_pairs(network)
        for name in [*TWINS.keys() - SPLITTING]:
            check_twin(network, name)
        assert network.pairs


@settings(deadline=None, max_examples=150)
@given(rows=bodies(), alpha=ALPHAS, padding=PADDINGS)
def test_random_networks_add_up(rows: list[Row], alpha: float, padding: str) -> None:
    """Any valid file builds, has shapes, counts and a twin, and the same sums hold."""
    try:
        network = network_of_rows([*rows, *TAIL], BIG, alpha, rules={"padding": padding})
    except mncost.InputError as error:
        # A shortcut of odd images has one pixel more than a strided filter padded at the end.
        if padding != "end" or " adds " not in str(error):
            raise
        reject()
    assert all(min(shape) >= 1 for shape in network.shapes)
    assert network.shapes[-1] == (1000,)
    check_sums(network)
    check_pairs(network)
    for name in [*TWINS.keys() - SPLITTING]:
        check_twin(network, name)
        check_sums(network.as_twin(name))
    assert network.weight_bytes > 0
    assert network.peak_activation_bytes >= 4 * 3 * BIG * BIG


TERMS: dict[str, Callable[[mncost.Network], int]] = {
    "conv": lambda net: sum(x.macs for x in net.layers if x.kind in PLAIN or x.kind == "pointwise"),
    "linear": lambda net: sum(x.macs for x in net.layers if x.kind == "linear"),
    "attention": lambda net: sum(x.macs for x in net.layers if x.kind == "attention"),
}


@some
@given(rows=bodies())
def test_each_mac_has_one_term(rows: list[Row]) -> None:
    """Convolutions, linear layers and attention make up the MACs, each under its own term."""
    network = network_of_rows([*rows, *TAIL], BIG)
    assert {name: network.work[name] for name in TERMS} == {
        name: total(network) for name, total in TERMS.items()
    }
    assert network.flops == 2 * network.macs == 2 * sum(network.work[name] for name in TERMS)
