"""Which twin a table shows beside a network."""

from __future__ import annotations

import mncost
from mncost.graph.twin import TWINS
from mncost.tables.grid import grid_table
from mncost.twins import WITHOUT_PAIRS, fitting_twin


def test_each_family_has_the_twin_that_says_something() -> None:
    wanted = {
        **dict.fromkeys(["v1", "v4-hybrid-m", "efficientnet-b0", "mobilevit-xxs"], "standard"),
        **dict.fromkeys(["resnet-50", "vgg-16", "densenet-121", "squeezenet-1.0"], "separable"),
        # Their k×k convolutions are a stem, or cut patches, or have groups already.
        **dict.fromkeys(["vit-b-16", "convnext-t", "shufflenet-v1-g3", "resnext-50-32x4d"], None),
    }
    assert {name: fitting_twin(mncost.load(name)) for name in wanted} == wanted


def test_a_missing_twin_can_be_explained_whichever_it_is() -> None:
    assert list(WITHOUT_PAIRS) == list(TWINS)


def test_columns_of_mixed_families() -> None:
    """V1 beside its standard twin, ResNet-18 beside its separable one; programs keep the first."""
    table = grid_table(mncost.grid(["v1", "resnet-18", "vit-b-32"]))
    rows = [dict(zip([c.name for c in table.columns], row, strict=True)) for row in table.rows]
    assert [row["twin"] for row in rows] == ["standard", "separable", None]
    v1, resnet, vit = rows
    assert v1["twin_macs"] == v1["standard_macs"] == mncost.load("v1").standard.macs
    assert v1["twin_macs_ratio"] == v1["macs_ratio"]
    separable = mncost.load("resnet-18").as_twin("separable")
    assert (resnet["twin_macs"], resnet["twin_params"]) == (separable.macs, separable.params)
    assert resnet["twin_macs_ratio"] == separable.macs / mncost.load("resnet-18").macs
    assert (vit["twin_macs"], vit["twin_params_ratio"]) == (None, None)
    people = [column.name for column in table.for_people().columns]
    assert "standard_macs" not in people
    assert "twin_macs" in people


def test_columns_of_one_kind() -> None:
    """MobileNets have the columns of the standard twin; where no twin fits there are none."""
    names = [column.name for column in grid_table(mncost.grid("v1,v2")).columns]
    assert "standard_macs" in names
    assert "twin_macs" not in names
    people = [c.name for c in grid_table(mncost.grid("vit-b-16")).for_people().columns]
    assert not {"twin", "twin_macs", "standard_macs", "macs_ratio"} & {*people}
    asked = grid_table(mncost.grid("v1"), columns="arch,twin")
    assert asked.rows == [["v1", "standard"]]
