"""Pictures of many families: one entry of the legend each, and what was trained on more data."""

from __future__ import annotations

from mncost.pictures.draw import draw
from mncost.pictures.families import colour_of, family_of
from mncost.pictures.scatter import accuracy_over_cost
from mncost.published.accuracy import candidates
from tests.pictures.svg import texts


def test_many_architectures_are_named_by_family() -> None:
    scatter = accuracy_over_cost(candidates("resnet,vgg,efficientnet,v4,densenet"))
    assert [*scatter.groups] == ["densenet", "efficientnet", "resnet", "v4", "vgg"]
    assert family_of("efficientnet-v2") == "efficientnet-v2"
    assert colour_of("v4") == colour_of("v4-conv-s")


def test_few_architectures_keep_their_names() -> None:
    scatter = accuracy_over_cost(candidates("resnet"))
    assert {*scatter.groups} >= {"resnet-18", "resnet-50"}


def test_training_recipes_are_marked() -> None:
    """V4's paper distils; ResNet-18 of torchvision is trained on ImageNet-1k."""
    distilled = accuracy_over_cost(candidates("v4-conv-l"))
    assert any(point.has_more_data for point in distilled.points)
    plain = accuracy_over_cost(candidates("resnet-18"))
    assert not any(point.has_more_data for point in plain.points)
    said = "dark edge: trained on more than ImageNet-1k, or distilled"
    assert said in texts(draw(distilled, format="svg"))
    assert said not in texts(draw(plain, format="svg"))
