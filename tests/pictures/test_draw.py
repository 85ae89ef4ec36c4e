"""Points as a picture: what is named where, and what keeps its place."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import pytest
from matplotlib.figure import Figure

from mncost.pictures.draw import draw
from mncost.pictures.labels import Labels, Side
from mncost.pictures.points import AXES, Axis, Fit, Point
from mncost.pictures.scatter import Scatter
from tests.pictures.svg import texts

X, Y = AXES["macs"], AXES["top1"]
OPPOSITE = {
    ("left", "center"): ("right", "center"),
    ("right", "center"): ("left", "center"),
    ("center", "bottom"): ("center", "top"),
    ("center", "top"): ("center", "bottom"),
}
RIGHT, LEFT = Side(5, 0, "left", "center"), Side(-5, 0, "right", "center")


def scatter(
    points: list[Point], x: Axis, y: Axis, caption: str = "", format: str = "svg", **more: Any
) -> bytes:
    return draw(Scatter("", "", points, (x, y))._replace(**more), caption, format)


def cloud(groups: int, members: int = 3) -> list[Point]:
    return [
        Point(10.0 * (1 + m) + g, 50.0 + 3 * g + m, f"net{g:02}", f"{m}·224")
        for g in range(groups)
        for m in range(members)
    ]


def marks(picture: bytes, group: int) -> list[str]:
    """Return the colour and the shape of a group's marks, and how many there are."""
    text = picture.decode()
    (element,) = re.findall(rf'<g id="points-{group}">.*?</g>\s*</g>', text, re.DOTALL)
    (shape,) = re.findall(r'<path id="[^"]*" d="([^"]*)"', element)
    uses = re.findall(r"<use [^>]*fill: (#\w+)", element)
    return [*sorted(set(uses)), " ".join(shape.split()), str(len(uses))]


def test_words_stand_on_no_mark_and_not_on_each_other() -> None:
    axes = Figure().add_subplot()
    points = [(x / 10, y / 10) for x in range(1, 10) for y in range(1, 10, 2)]
    axes.set(xlim=(0, 1), ylim=(0, 1))
    labels = Labels(axes, points, [[(0.0, 0.5), (1.0, 0.5)]])
    written = [labels.add("0.75·224", point, [RIGHT, LEFT], fontsize=5) for point in points]
    boxes = [found.get_window_extent() for found in written if found is not None]
    assert len(boxes) > 10
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    for place in axes.transData.transform([*points, *((x / 100, 0.5) for x in range(101))]):
        assert not any(box.contains(*place) for box in boxes)
    assert len(axes.texts) == len(boxes), "what finds no room is not drawn"


@pytest.mark.parametrize(
    ("point", "outside"),
    [
        ((0.99, 0.5), RIGHT),
        ((0.01, 0.5), LEFT),
        ((0.5, 0.99), Side(0, 5, "center", "bottom")),
        ((0.5, 0.01), Side(0, -5, "center", "top")),
    ],
)
def test_words_stay_within_the_axes(point: tuple[float, float], outside: Side) -> None:
    axes = Figure().add_subplot()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    labels = Labels(axes, [])
    assert labels.add("some words", point, [outside]) is None
    inside = Side(-outside.dx, -outside.dy, *OPPOSITE[outside.ha, outside.va])
    found = labels.add("some words", point, [outside, inside])
    assert found is not None
    assert (found.get_horizontalalignment(), found.get_verticalalignment()) == (
        inside.ha,
        inside.va,
    )


@pytest.mark.parametrize(("groups", "has_legend"), [(1, False), (4, False), (8, True)])
def test_a_few_groups_are_named_beside_their_points(groups: int, has_legend: bool) -> None:
    picture = scatter(cloud(groups), X, Y, format="svg")
    assert ('id="legend_1"' in picture.decode()) == has_legend
    named = [f"net{g:02}" for g in range(groups) if f"net{g:02}" in texts(picture)]
    assert len(named) == (groups if groups > 1 else 0), "one group needs no name"


@pytest.mark.parametrize("groups", [8, 30])
def test_no_two_groups_look_alike(groups: int) -> None:
    points = [p._replace(group=f"v{g // 5}-{g}") for g, p in enumerate(cloud(groups, 1))]
    picture = scatter(points, X, Y, format="svg")
    looks = [tuple(marks(picture, g)[:2]) for g in range(groups)]
    assert len(set(looks)) == groups


def test_with_many_groups_a_family_has_one_colour() -> None:
    points = [p._replace(group=f"v{g // 5}-{g:02}") for g, p in enumerate(cloud(15, 1))]
    picture = scatter(points, X, Y, format="svg")
    colours = [marks(picture, g)[0] for g in range(15)]
    assert [len(set(colours[first : first + 5])) for first in (0, 5, 10)] == [1, 1, 1]
    assert len(set(colours)) == 3


def test_every_point_has_its_mark() -> None:
    picture = scatter(cloud(2, members=7), X, Y, format="svg")
    assert [marks(picture, g)[-1] for g in (0, 1)] == ["7", "7"]


def test_the_front_is_labelled() -> None:
    front = [
        Point(10, 50, "a", "0.5·96"),
        Point(100, 60, "a", "1·96"),
        Point(500, 70, "a", "1·224"),
    ]
    picture = scatter(front, X, Y, front=front, title="what is seen", caption="where", format="svg")
    assert {"0.5·96", "1·96", "1·224", "what is seen", "where", X.title} <= set(texts(picture))


def test_an_interval_that_is_far_too_wide_leaves_the_picture() -> None:
    """The marks stand as if it ended at twice the largest value, and half the smallest."""

    def drawn(lo: float, hi: float) -> list[tuple[str, str]]:
        points = [
            Point(10, 5, "a", "", y_bounds=(lo, hi)),
            Point(20, 9, "a", ""),
            Point(40, 16, "a", ""),
        ]
        picture = scatter(points, X, AXES["latency"], fit=Fit(0.5, 1.0, 1.0, 3), format="svg")
        (element,) = re.findall(r'<g id="points-0">.*?</g>\s*</g>', picture.decode(), re.DOTALL)
        return re.findall(r'<use [^>]*x="(\S+)" y="(\S+)"', element)

    assert drawn(1e-6, 1e6) == drawn(2.5, 32.0)
    assert drawn(1e-6, 1e6) != drawn(4.9, 5.1)


def test_a_wide_axis_has_readable_numbers() -> None:
    points = [Point(x, 50 + n, "a", "") for n, x in enumerate((12, 100, 1000, 10600))]
    found = texts(scatter(points, X, Y, format="svg"))
    assert {"30", "100", "300", "1,000", "10,000"} <= set(found)
    assert not {"20", "50", "2,000"} & set(found)


def test_a_single_point_is_a_picture_too() -> None:
    one = [Point(10, 50, "a", "1·224")]
    assert "1·224" in texts(scatter(one, X, Y, front=one, format="svg"))


@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_the_same_picture_is_the_same_file(format: str) -> None:
    assert scatter(cloud(3), X, Y, format=format) == scatter(cloud(3), X, Y, format=format)


def test_the_readers_own_settings_change_nothing() -> None:
    import matplotlib as mpl

    plain = scatter(cloud(3), X, Y, format="svg")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "#000000", "lines.markersize": 20}):
        assert scatter(cloud(3), X, Y, format="svg") == plain
        assert mpl.rcParams["font.size"] == 30
