"""Pictures in a page: well-formed, in its colours, with a tooltip at the right point."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np
import pytest

from mncost.pictures.draw import draw
from mncost.pictures.inline import inline
from mncost.pictures.points import AXES, Point
from mncost.pictures.scatter import Scatter

# Two groups, out of order; the last two points of v2 lie on one another.
POINTS = [
    Point(30, 5.0, "v3", "a", y_bounds=(4, 6)),
    Point(10, 9.0, "v2", "b"),
    Point(20, 1.0, "v3", "c"),
    Point(40, 7.0, "v2", "d"),
    Point(40, 7.0, "v2", "e"),
]


def tips(points: list[Point]) -> dict[str, list[str]]:
    """Return what is said about the points: their coordinates, by group."""
    groups = sorted({point.group for point in points})
    return {
        f"points-{number}": [f"{p.x} {p.y} {p.label}" for p in points if p.group == group]
        for number, group in enumerate(groups)
    }


def drawn(points: list[Point] = POINTS, name: str = "one", label: str = "L") -> str:
    svg = draw(Scatter("", "", points, (AXES["macs"], AXES["latency"])), format="svg-text")
    return inline(svg, name, label, tips(points))


def marks(picture: str) -> list[tuple[float, float, str]]:
    """Return where the points are, and what is said about them."""
    found = ET.fromstring(picture).findall(".//use[@class='point']")
    return [
        (float(mark.attrib["x"]), float(mark.attrib["y"]), mark.findtext("title") or "")
        for mark in found
    ]


def test_each_tooltip_is_at_its_point() -> None:
    """Axes are linear: where a point stands is an affine function of what its tooltip says."""
    found = marks(drawn())
    assert sorted(text for *_, text in found) == sorted(
        text for group in tips(POINTS).values() for text in group
    )
    values = np.array([[float(word) for word in text.split()[:2]] for *_, text in found])
    places = np.array([place[:2] for place in found])
    for axis in (0, 1):
        slope, intercept = np.polyfit(values[:, axis], places[:, axis], 1)
        assert abs(slope) > 1
        assert places[:, axis] == pytest.approx(slope * values[:, axis] + intercept, abs=0.01)


def test_the_number_of_tooltips_has_to_be_that_of_the_points() -> None:
    svg = draw(Scatter("", "", POINTS, (AXES["macs"], AXES["latency"])), format="svg-text")
    with pytest.raises(ValueError, match="zip"):
        inline(svg, "one", "", {"points-0": ["one", "two"]})
    with pytest.raises(KeyError):
        inline(svg, "one", "", {"points-2": ["one"]})


def test_pictures_of_one_page_share_no_id_and_point_to_their_own() -> None:
    one, two = (ET.fromstring(drawn(name=name)) for name in ("one", "two"))
    ids = Counter(e.attrib["id"] for root in (one, two) for e in root.iter() if "id" in e.attrib)
    assert set(ids.values()) == {1}
    for root, name in ((one, "one"), (two, "two")):
        used = {e.attrib["href"].removeprefix("#") for e in root.iter("use")}
        for element in root.iter():
            for value in element.attrib.values():
                used |= set(re.findall(r"url\(#(.*?)\)", value))
        assert used
        assert all(target.startswith(f"{name}-") for target in used)
        assert used <= {e.attrib.get("id") for e in root.iter()}


def test_a_picture_has_no_style_and_nothing_from_outside() -> None:
    picture = drawn()
    root = ET.fromstring(picture)
    assert {e.tag for e in root.iter()} <= {
        *("svg", "defs", "g", "path", "use", "title", "text", "clipPath", "rect", "tspan"),
    }
    assert not [e for e in root.iter() if "style" in e.attrib]
    assert "http" not in picture
    assert "width" not in root.attrib
    assert len(root.attrib["viewBox"].split()) == 4
    clip = root.find(".//clipPath/rect")
    assert clip is not None
    assert float(clip.attrib["width"]) > 100


def test_a_picture_has_the_colours_of_the_page() -> None:
    """What is black or white on paper follows the theme; the colours of points do not."""
    root = ET.fromstring(drawn())
    colours = {e.attrib[n] for e in root.iter() for n in ("fill", "stroke") if n in e.attrib}
    assert {"currentColor", "var(--grid)", "none"} <= colours
    assert not colours & {"#000000", "#ffffff", "#444444", "#bbbbbb", "#e6e6e6"}
    assert {"#d55e00", "#009e73"} <= colours  # of V2 and V3
    for text in root.iter("text"):
        assert text.attrib.get("fill", "currentColor") in ("currentColor", "var(--quiet)")


HOSTILE = ["<script>alert(1)</script>", '"]]></svg>&', "$x_1$", "$\\frac{", "漢字", "_hidden"]


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_text(name: str) -> None:
    points = [point._replace(group=f"{name}{point.group}", label=name) for point in POINTS]
    root = ET.fromstring(drawn(points, label=name))
    assert {e.tag for e in root.iter()} & {"script"} == set()
    assert root.attrib["aria-label"] == name
    titles = [title.text for title in root.iter("title")]
    assert len(titles) == len(POINTS)
    assert all(str(title).endswith(name) for title in titles)
    words = {str(text.text).strip() for text in root.iter("text")}
    if not name.startswith("_"):  # which matplotlib leaves out of legends
        assert {f"{name}v2", f"{name}v3"} <= words
    assert "latency, median of one call (ms)" in words
