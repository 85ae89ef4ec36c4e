"""NetAdapt beside brute force over all proposals of a small network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import mncost
from mncost.errors import InputError, MeasureError
from mncost.nas.log import Point, Proposal
from mncost.nas.netadapt import NetAdapt, choose, unrolled
from mncost.nas.score import score_of
from mncost.spec.resolved import unrolled_document
from tests.nas.small import START, Ruled, counted, network, seconds

GROUPS = {
    ("stem.out", "row2.out"): "out16",
    ("row2.expanded",): "b",
    ("row3.expanded",): "c",
    ("row3.out", "row4.out"): "out24",
    ("row4.expanded",): "d",
    ("last.out",): "last",
}
Widths = Mapping[str, int]


def every(widths: Widths, least: float, round: int) -> Iterator[tuple[str, int, float, float]]:
    """Yield each group with its largest width that saves so much: all widths are tried."""
    now = seconds(*counted(widths))
    for name in GROUPS.values():
        able = [
            (width, seconds(*made), made[0])
            for width in range(round, widths[name], round)
            for made in [counted({**widths, name: width})]
            if now - seconds(*made) >= least
        ]
        if able:
            yield (name, *max(able))


def by_brute_force(budget: float, step: float, round: int) -> Iterator[tuple[str, int]]:
    """Yield which group shrinks to which width, by counts that are worked out by hand."""
    widths = {name: START[name] for name in GROUPS.values()}
    whole, start = counted(widths)[0], seconds(*counted(widths))
    while (now := seconds(*counted(widths))) * 1.02 > budget:
        least = min(step * start, now - budget / 1.02)
        score = counted(widths)[0] / whole
        name, width, _, _ = max(
            every(widths, least, round), key=lambda one: (one[3] / whole - score) / (now - one[2])
        )
        widths[name] = width
        yield name, width


@pytest.mark.parametrize(
    ("share", "step", "round"), [(0.7, 0.01, 8), (0.5, 0.05, 8), (0.6, 0.02, 4)]
)
def test_every_step_is_the_best_of_all(
    share: float, step: float, round: int, tmp_path: Path
) -> None:
    first = network(tmp_path)
    assert (first.macs, first.params) == counted(START)
    start = seconds(first.macs, first.params)
    budget = share * start
    expected = list(by_brute_force(budget, step, round))
    assert len(expected) > 3

    state = NetAdapt(first, Ruled(), score_of(None, first.macs), round=round, name="found")
    taken: list[tuple[str, int]] = []
    while state.high > budget:
        before = state.point
        least = min(step * start, before.latency - budget / 1.02)
        made = state.step(len(taken) + 1, least)
        assert all(before.latency - one.point.latency >= least for one in made.proposals)
        (width,) = set(made.proposal.changed.values())
        taken.append((GROUPS[tuple(made.proposal.changed)], width))
    assert taken == expected

    widths = {**START, **dict(taken)}
    (tmp_path / "found.toml").write_text(state.file("Found."))
    found = mncost.load(str(tmp_path / "found.toml"))
    assert (found.macs, found.params) == counted(widths) == (state.point.macs, state.point.params)
    assert seconds(found.macs, found.params) * 1.02 <= budget


def test_what_shrinks_together(tmp_path: Path) -> None:
    first = network(tmp_path)
    state = NetAdapt(first, Ruled(), score_of(None, first.macs), round=8, name="found")
    assert {one.keys for one in state.groups} == set(GROUPS)


def test_v3_shrinks_as_in_its_paper() -> None:
    """Expansions alone; the outputs of all bottlenecks of a width together (arXiv:1905.02244)."""
    first = mncost.load("v3-large")
    state = NetAdapt(first, Ruled(), score_of(None, first.macs), round=8, name="found")
    outputs = [[key for key in one.keys if key.endswith(".out")] for one in state.groups]
    together = sorted(len(keys) for keys in outputs if len(keys) > 1)
    assert together == [2, 2, 2, 3, 3, 4]  # 16 (with the stem), 112, 24, 40, 160, 80
    assert all(len(one.keys) == 1 for one in state.groups if not one.keys[0].endswith(".out"))
    assert sum(one.keys[0].endswith(".expanded") for one in state.groups) == 14


def test_the_best_ratio_is_taken() -> None:
    def point(latency: float, score: float) -> Point:
        return Point(latency=latency, lo=latency, hi=latency, macs=1, params=1, score=score)

    now = point(10.0, 0.8)
    given = [(9.0, 0.7), (5.0, 0.5), (8.0, 0.7), (8.0, 0.7)]  # lost a second: 0.1, 0.06, 0.05, 0.05
    proposals = [Proposal(changed={}, point=point(*one)) for one in given]
    assert choose(now, proposals) == 2
    assert choose(now, [*proposals, Proposal(changed={}, point=point(9.9, 0.81))]) == 4


def test_nothing_left_to_shrink(tmp_path: Path) -> None:
    first = network(tmp_path)
    state = NetAdapt(first, Ruled(), score_of(None, first.macs), round=8, name="found")
    with pytest.raises(MeasureError, match=r"no layer can shrink any further at .* --max-latency"):
        state.step(1, 2 * state.point.latency)


@pytest.mark.parametrize(
    "name", ["v2", "v3-small", "resnet18", "efficientnet-b0", "vit-b-16", "mobilevit-xxs"]
)
def test_a_row_for_each_block_is_the_same_network(name: str) -> None:
    first = mncost.load(name)
    assert first.architecture is not None
    assert first.resolution is not None
    rows = unrolled_document(first.architecture, first.resolution)["rows"]
    assert len(rows) == len(first.architecture.blocks)
    again = unrolled(first)
    assert [(one.op, one.inputs) for one in again.graph.nodes] == [
        (one.op, one.inputs) for one in first.graph.nodes
    ]


def test_twins_are_refused() -> None:
    with pytest.raises(InputError, match="not models or twins"):
        unrolled(mncost.load("v1").standard)
