"""Networks with a published accuracy: against the table of published figures, read by itself."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

import mncost
from mncost.errors import InputError
from mncost.published.accuracy import Candidate, accuracy_of, candidates, is_near_tie
from mncost.published.figures import read_published
from tests.printed import Printed, refusals

PUBLISHED = Path(mncost.__file__).parent / "published/figures.csv"
V1_TO_V3 = "v1,v2,v3-large,v3-small"


def rows(precision: str = "fp32") -> Iterator[dict[str, str]]:
    with PUBLISHED.open(encoding="utf-8", newline="") as stream:
        yield from (row for row in csv.DictReader(stream) if row["precision"] == precision)


@pytest.mark.parametrize(
    ("arch", "alpha", "resolution", "top1", "source"),
    [
        ("v1", 0.75, 192, 67.2, "tensorflow/models research/slim/nets/mobilenet_v1.md"),
        ("v2", 0.75, 160, 66.4, "tensorflow/models research/slim/nets/mobilenet/README.md"),
        ("v3-large", 0.75, 224, 73.3, "arXiv:1905.02244 Table 3"),
    ],
)
def test_what_the_papers_print(
    arch: str, alpha: float, resolution: int, top1: float, source: str
) -> None:
    (one,) = candidates(arch, alpha, resolution, dialect="paper")
    assert one.top1 == top1
    assert one.figure.source.startswith(source)


def test_every_published_accuracy_of_ours_is_in_one_candidate() -> None:
    found = candidates()
    figures = [figure for one in found for figure in one.figures]
    expected = sorted(
        (row["arch"], row["variant"], row["top1"]) for row in rows() if row["arch"] and row["top1"]
    )
    assert sorted((f.arch, f.variant, f.top1) for f in figures) == expected
    assert len({(one.network.graph, one.network.resolution) for one in found}) == len(found)


def test_the_most_accurate_come_first_and_a_candidate_is_ranked_by_its_best() -> None:
    found = candidates(V1_TO_V3)
    accuracies = [one.top1 for one in found]
    assert accuracies == sorted(accuracies, reverse=True)
    best: dict[tuple[str, str, str], float] = {}
    for row in rows():
        if row["arch"] == "v1" and not row["dialect"] and row["resolution"]:
            key = row["arch"], row["alpha"], row["resolution"]
            best[key] = max(best.get(key, 0.0), float(row["top1"]))
    ours = {(one.network.alpha, one.network.resolution): one.top1 for one in candidates("v1")}
    for (_, alpha, resolution), top1 in best.items():
        assert ours[float(alpha), int(resolution)] >= top1  # a dialect may be the same network


def test_sources_of_one_network_are_one_candidate_and_dialects_are_not() -> None:
    """torchvision's V2 differs from the paper's by the epsilon of its batch norms."""
    found = {one.network.dialect: one for one in candidates("v2", 1.0, 224)}
    assert set(found) == {"paper", "timm", "torchvision"}
    assert len({figure.source for figure in found["paper"].figures}) > 2
    assert (found["paper"].lowest_top1, found["paper"].top1) == (71.8, 73.4)
    assert (found["torchvision"].lowest_top1, found["torchvision"].top1) == (71.878, 72.154)
    assert len({one.network.macs for one in found.values()}) == 1


def test_a_resolution_that_is_not_printed_is_marked() -> None:
    marked = [one for one in candidates("v2") if one.assumed_resolution]
    assert {one.figure.resolution for one in marked} == {""}
    assert {one.network.resolution for one in marked} == {224}


def test_int8_has_its_own_accuracies() -> None:
    (one,) = candidates("v2", 1.0, 224, dialect="torchvision", precision="int8")
    assert (one.top1, one.network.precision) == (71.658, "int8")


def test_accuracies_are_found_by_the_graph_not_by_the_name(tmp_path: Path) -> None:
    network = mncost.load("v2", 0.75, 160)
    found = accuracy_of(network)
    assert found is not None
    assert found.top1 == 66.4
    assert accuracy_of(mncost.load("v2", 0.75, 161)) is None
    assert accuracy_of(mncost.load("v2", 0.75, 160, classes=10)) is None
    text = Path(mncost.__file__).parent.joinpath("spec/families/v2.toml").read_text("utf-8")
    own = tmp_path / "v2.toml"
    own.write_text(text.replace("out = 1280,", "out = 1024,"), "utf-8")
    assert accuracy_of(mncost.load(str(own), 0.75, 160)) is None
    with pytest.raises(InputError, match="no accuracies"):
        candidates(str(own))


BAD: list[dict[str, Any]] = [
    {"arch": "v9"},
    {"arch": "v2", "precision": "fp16"},
    {"arch": "v2", "dialect": "tim"},
    {"arch": "v2", "alpha": 0.9},
]


def test_bad_input(snapshot: SnapshotAssertion) -> None:
    assert refusals(candidates, BAD) == snapshot(extension_class=Printed)


def printed(top1: str) -> Candidate:
    """Return a candidate of which somebody printed this accuracy."""
    return Candidate(mncost.load("v2"), [read_published()[0]._replace(top1=top1)])


@pytest.mark.parametrize(("other", "tie"), [("70.0", True), ("70.5", True), ("70.6", False)])
def test_near_ties_are_within_what_50_000_images_tell_apart(other: str, tie: bool) -> None:
    """By hand: 1.96 * sqrt(2 * 0.7 * 0.3 / 50000) is 0.568 points."""
    assert is_near_tie(printed("70.0"), printed(other)) is tie
    assert is_near_tie(printed(other), printed("70.0")) is tie
