"""One colour for each family of networks in pictures, and a label that names the network."""

from __future__ import annotations

import re

import pytest

from mncost.pictures.families import colour_of, family_of
from mncost.pictures.points import short_name
from mncost.spec.catalog import families, networks


def test_every_network_of_a_family_has_its_colour() -> None:
    for family, names in families().items():
        assert {family_of(name) for name in names} == {family}
        assert len({colour_of(name) for name in names}) == 1
    assert all(re.fullmatch("#[0-9A-F]{6}", colour_of(name)) for name in networks())


def test_families_share_few_colours_and_the_mobilenets_none() -> None:
    colours = [colour_of(names[0]) for names in families().values()]
    first = [colour_of(name) for name in ("v1", "v2", "v3-large", "v4-conv-s")]
    assert all(colours.count(colour) == 1 for colour in first)
    assert max(map(colours.count, colours)) <= 2


def test_somebodys_own_network_has_a_colour_by_its_name() -> None:
    assert colour_of("my-net") == colour_of("my-other")  # one family
    assert colour_of("my-net") not in [colour_of(name) for name in ("v1", "v2", "v3", "v4")]


@pytest.mark.parametrize("resolution", [None, 224])
def test_labels_tell_the_networks_apart(resolution: int | None) -> None:
    labels = [short_name(name, 1.0, resolution) for name in networks()]
    assert len(set(labels)) == len(labels)


def test_labels() -> None:
    assert short_name("v3-large", 1.0, 224) == "V3-L 1.0 @224"
    assert short_name("v3-large", 0.75, None) == "V3-L 0.75"
    assert short_name("resnet-50", 1.0, 224) == "resnet-50 @224"
    assert short_name("shufflenet-v2-0.5", 1.0, None) == "shufflenet-v2-0.5"


def test_an_svg_suits_a_light_and_a_dark_page() -> None:
    """It has no background, and each ink of words and lines has another for a dark page."""
    pytest.importorskip("matplotlib")
    from mncost.pictures.look import canvas, headed, saved

    with canvas(2.0) as figure:
        figure.add_subplot().set_xlabel("MACs")
        headed(figure, "Title", "Finding", "Caption")
        svg, page = (saved(figure, format).decode() for format in ("svg", "svg-text"))
    (style,) = re.findall(r"<style[^>]*>(.*?)</style>", svg, re.DOTALL)
    _, _, dark = style.partition("@media (prefers-color-scheme: dark)")
    backgrounds = re.findall(r'<g id="patch_[12]">\s*<path [^>]*style="fill: ([^;"]+)', svg)
    assert backgrounds == ["none", "none"]
    inks = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", svg.replace(style, "")))
    assert inks
    assert [ink for ink in inks if ink not in dark] == []
    assert "prefers-color-scheme" not in page  # there the page decides
