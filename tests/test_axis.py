"""The grammar of α, ρ and resolutions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mncost.errors import GridError, NothingPublishedError
from mncost.spec.axis import alphas, parse_axis, resolutions
from mncost.spec.catalog import load_spec
from mncost.spec.rho import resolutions_at_rho
from tests.networks import MOBILENETS

V2_ALPHAS, V2_SIZES = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), (96, 128, 160, 192, 224)
# As the papers' and the released checkpoints' tables print them.
PUBLISHED = {
    "v1": ([0.25, 0.5, 0.75, 1.0], [128, 160, 192, 224]),
    "v2": ([0.35, 0.5, 0.75, 1.0, 1.3, 1.4], [96, 128, 160, 192, 224]),
    "v3-large": ([0.35, 0.5, 0.75, 1.0, 1.25], [96, 128, 160, 192, 224, 256]),
    "v3-small": ([0.35, 0.5, 0.75, 1.0, 1.25], [96, 128, 160, 192, 224, 256]),
    "v4-conv-s": ([1.0], [224]),
    "v4-conv-m": ([1.0], [256]),
    "v4-conv-l": ([1.0], [384]),
}


def of_v2(text: str) -> list[float]:
    """Return the α that a text chooses for V2."""
    return alphas(parse_axis("α", text), V2_ALPHAS, "v2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0", [1.0]),
        ("1", [1.0]),
        ("0.6", [0.6]),
        ("1e-1", [0.1]),
        (" 0.5 , 0.75 ", [0.5, 0.75]),
        ("0.35,0.5", [0.35, 0.5]),
        ("0.5,0.35", [0.5, 0.35]),
        ("0.5,0.5,0.50", [0.5]),
        ("0.35:1.0", [0.35, 0.5, 0.75, 1.0]),
        ("0.36:0.99", [0.5, 0.75]),
        ("0.01:16", [0.35, 0.5, 0.75, 1.0, 1.3, 1.4]),
        ("0.6:0.6", [0.6]),
        ("0.5:0.75,2,0.7:0.8:0.05", [0.5, 0.75, 2.0, 0.7, 0.8]),
        ("0.1:0.4:0.1", [0.1, 0.2, 0.3, 0.4]),
        ("0.1:0.35:0.1", [0.1, 0.2, 0.3]),
        ("0.5:1:5", [0.5]),
        ("0.5:0.5:0.1", [0.5]),
    ],
)
def test_alphas(text: str, expected: list[float]) -> None:
    """Values, lists, published ranges (closed) and steps, each value once, in the order named."""
    assert of_v2(text) == expected


def test_steps_leave_no_float_dust() -> None:
    """`0.35:1.0:0.05` prints as somebody would write it: 0.7, not 0.7000000000000001."""
    printed = [str(alpha) for alpha in of_v2("0.35:1.0:0.05")]
    assert " ".join(printed) == "0.35 0.4 0.45 0.5 0.55 0.6 0.65 0.7 0.75 0.8 0.85 0.9 0.95 1.0"


@given(
    low=st.integers(1, 400),
    count=st.integers(0, 50),
    step=st.integers(1, 20),
    places=st.integers(2, 4),
)
def test_steps_are_exact(low: int, count: int, step: int, places: int) -> None:
    """Every step is the decimal number that it should be, and the range is closed."""
    unit = Decimal(1).scaleb(-places)
    text = f"{low * unit}:{(low + count * step) * unit}:{step * unit}"
    found = parse_axis("α", text).values([], "v2")
    assert found == [(low + i * step) * unit for i in range(count + 1)]


@given(st.lists(st.sampled_from(V2_ALPHAS), min_size=1))
def test_a_list_keeps_its_order_and_names_each_once(values: list[float]) -> None:
    """A list of numbers is what it says, without repetitions."""
    assert alphas(parse_axis("α", values), V2_ALPHAS, "v2") == list(dict.fromkeys(values))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_range_is_what_the_family_published(name: str) -> None:
    """The widest ranges give each family's published α and resolutions."""
    spec = load_spec(name)
    widths, sizes = PUBLISHED[name]
    assert alphas(parse_axis("α", "0.01:16"), spec.alphas, name) == widths
    assert resolutions("1:16384", spec.published_resolutions, name) == sizes


def test_every_family_publishes_its_native_network() -> None:
    """α 1.0 is published for every family."""
    assert [name for name in MOBILENETS if 1.0 not in load_spec(name).alphas] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.857,0.714,0.571", [192, 160, 128]),
        ("1", [224]),
        ("0.5", [112]),
        ("0.5:1.0", [128, 160, 192, 224]),
        ("0.4:1", [96, 128, 160, 192, 224]),
        ("0.25:1:0.25", [56, 112, 168, 224]),
        ("1,1.0,0.999", [224]),
        ("0.3504", [78]),  # 78.49 px
        ("0.35045", [79]),  # 78.5008 px
        ("0.627232142857142857142857142857", [141]),  # 140.5 px, the half goes up
    ],
)
def test_rho_is_a_ratio_of_the_native_size(text: str, expected: list[int]) -> None:
    """ρ times 224 to the nearest pixel; a range is over the published sizes."""
    assert resolutions_at_rho(parse_axis("ρ", text), V2_SIZES, 224, "v2") == expected


@given(st.integers(1, 16_384), st.integers(1, 4096))
def test_rho_undoes_a_ratio(size: int, native: int) -> None:
    """A size divided by the native one, written with six digits, comes back as that size."""
    ratio = f"{Fraction(size, native).numerator / Fraction(size, native).denominator:.6f}"
    if float(ratio) > 0:
        assert resolutions_at_rho(parse_axis("ρ", ratio), [native], native, "net") == [size]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a number"),
        (" ", "is not a number"),
        (",", "is not a number"),
        ("1,", "is not a number"),
        (":", "is not a number"),
        ("1:", "is not a number"),
        (":1", "is not a number"),
        ("abc", "'abc' is not a number"),
        ("1 0", "'1 0' is not a number"),
        ("nan", "'nan' is not a number"),
        ("sNaN", "is not a number"),
        ("inf", "'inf' is not a number"),
        ("0.1:inf", "'inf' is not a number"),
        ("0.1:0.5:nan", "'nan' is not a number"),
        ("1:2:3:4", "low:high:step"),
        ("0", "0 is not greater than 0"),
        ("-1", "-1 is not greater than 0"),
        ("0:1", "0 is not greater than 0"),
        ("-0", "is not greater than 0"),
        ("0.1:0.9:0", "0 is not greater than 0"),
        ("0.1:0.9:-1", "-1 is not greater than 0"),
        ("1:0.5", "the range 1:0.5 is reversed"),
        ("0.5,1:0.5", "the range 1:0.5 is reversed"),
        ("0.1:0.9:1e-12", "more than 10,000 values"),
        ("1e999", "1e999"),
        ("1e-999", "1e-999"),
        ("1e999999999999", "1e999999999999"),
        ("17", "at most 16"),
        ("0.5:1,17", "at most 16"),
    ],
)
def test_what_is_no_alpha(text: str, words: str) -> None:
    """What the grammar does not know is refused; the message quotes it and says what is wrong."""
    with pytest.raises(GridError) as caught:
        of_v2(text)
    assert words in str(caught.value)
    assert str(caught.value).startswith("α")


@pytest.mark.parametrize(("text", "words"), [("1.5", "1.5"), ("99999", "16384"), ("0.4", "0.4")])
def test_what_is_no_resolution(text: str, words: str) -> None:
    """Half pixels and absurd sizes are refused."""
    with pytest.raises(GridError, match=words):
        resolutions(text, V2_SIZES, "v2")


def test_a_family_says_what_it_has() -> None:
    """A range without a published value names all published ones."""
    with pytest.raises(NothingPublishedError) as caught:
        of_v2("0.9:0.95")
    assert str(caught.value) == (
        "v2 has no published α in 0.9:0.95; it has 0.35, 0.5, 0.75, 1.0, 1.3, 1.4"
    )
    with pytest.raises(NothingPublishedError, match=r"it has 96, 128, 160, 192, 224$"):
        resolutions("100:120", V2_SIZES, "v2")
    with pytest.raises(NothingPublishedError, match=r"it has .*0\.857 \(192 px\)"):
        resolutions_at_rho(parse_axis("ρ", "0.9:0.95"), V2_SIZES, 224, "v2")


@given(st.text(max_size=30) | st.text("0123456789.:,eE+-_ naif", max_size=30))
def test_any_text_is_values_or_a_grid_error(text: str) -> None:
    """Whatever is typed: positive finite α, each once, or a GridError."""
    try:
        found = of_v2(text)
    except GridError:
        return
    assert found == list(dict.fromkeys(found))
    assert all(0 < alpha <= 16 for alpha in found)


def test_numbers_of_numpy_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    for one in (numpy.int64(160), Decimal(160)):
        assert resolutions(one, [], "v2") == [160]  # type: ignore[arg-type]


def test_a_size_out_of_all_proportion_is_refused() -> None:
    with pytest.raises(GridError):
        resolutions("1" * 5000 + "x3", [], "v2")
