"""Architectures as people spell them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mncost.errors import UnknownNameError
from mncost.spec.catalog import index
from mncost.spec.finding import find
from tests.running import FAMILIES


@pytest.mark.parametrize(
    ("name", "arch", "dialect"),
    [
        ("MobileNetV2", "v2", "paper"),
        ("V2", "v2", "paper"),
        ("MobileNet", "v1", "paper"),
        ("mobilenetv3_large", "v3-large", "paper"),
        ("V3_large", "v3-large", "paper"),
        ("MobileNetV3Large", "v3-large", "paper"),
        ("MobileNet V3-Small", "v3-small", "paper"),
        ("MobileNetV3SmallMinimalistic", "v3-small-minimalistic", "paper"),
        ("v3-large-minimal", "v3-large-minimalistic", "paper"),
        ("MobileNetV4ConvMedium", "v4-conv-m", "paper"),
        ("mobilenetv4-hybrid-l", "v4-hybrid-l", "paper"),
        ("mobilenet_v2", "v2", "torchvision"),  # the name of torchvision's checkpoint
        ("torchvision/mobilenet_v3_large", "v3-large", "torchvision"),
        ("timm/mobilenetv2_100.ra_in1k", "v2", "timm"),
        ("hf-hub:timm/mobilenetv3_large_100.miil_in21k_ft_in1k", "v3-large", "timm"),
        ("timm/MobileNetV2", "v2", "timm"),
        ("keras/MobileNetV2", "v2", "keras"),
        ("keras/resnet-50", "resnet-50", "keras"),
        ("timm/v2", "v2", "timm"),
        ("google/mobilenet_v2_1.0_224", "v2", "paper"),
    ],
)
def test_spellings(name: str, arch: str, dialect: str) -> None:
    (choice,) = find(name)
    assert (choice.spec.name, choice.dialect) == (arch, dialect)


def test_a_file_may_have_a_plus_in_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "c++"
    folder.mkdir()
    for path in (folder / "net.toml", folder / "a+b.toml"):
        path.write_bytes((FAMILIES / "v2.toml").read_bytes())
        assert [choice.spec.name for choice in find(str(path))] == ["v2"]
        assert find(f"{path}+ssdlite")[0].spec.name != "v2"


def test_groups_may_be_spelled_out() -> None:
    assert [choice.spec.name for choice in find("MobileNetV3")] == [
        choice.spec.name for choice in find("v3")
    ]


@pytest.mark.parametrize("name", ["v5", "mobilenetv5", "timm/resnet500", "v3-larg", "timm/", "v"])
def test_other_names_are_unknown(name: str) -> None:
    with pytest.raises(UnknownNameError):
        find(name)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("mobilnet_v2", "'v2'"),
        ("MobileNetV3Lage", "'v3-large'"),
        ("mobilenetv4_conv_smal", "'v4-conv-s'"),
        ("shuflenetv2", "'shufflenet-v2'"),
        ("efficientnet_b9", "'efficientnet-b"),
        ("v3-larg", "'v3-large'"),
    ],
)
def test_the_closest_architecture_is_offered(slip: str, meant: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean") as caught:
        find(slip)
    assert f"(did you mean {meant}" in str(caught.value)


def test_nothing_is_offered_for_what_is_like_no_architecture() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find("yolov8n")
    assert "did you mean" not in str(caught.value)


def test_classes_and_sizes_of_timms_checkpoints() -> None:
    """Of each that we know by name: those of timm's own configuration, recorded."""
    file = Path(__file__).parent / "witness/timm_names.json.gz"
    recorded = json.loads(gzip.decompress(file.read_bytes()))["names"]
    patterns = [pattern for entry in index().values() for pattern in entry.checkpoints]
    ours = tuple(pattern.partition("{")[0] for pattern in patterns)
    compared = 0
    for name, (classes, side) in recorded.items():
        if not name.startswith(ours):
            continue
        try:
            (choice,) = find(name)
        except UnknownNameError:
            continue
        outputs = choice.spec.rules.classes if choice.classes is None else choice.classes
        size = choice.resolution or choice.native or choice.spec.native
        assert (outputs, str(size)) == (classes, str(side)), name
        compared += 1
    assert compared > 260


def test_a_file_may_lie_in_a_folder_called_as_an_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is one whatever its folder is called: ``timm/`` is an owner before names only."""
    (tmp_path / "timm").mkdir()
    text = 'name = "own"\nresolution = 32\nrows = [{ block = "conv", kernel = 1, out = 8 }]\n'
    (tmp_path / "timm" / "net.toml").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    (choice,) = find("timm/net.toml")
    assert (choice.spec.name, choice.file) == ("own", "timm/net.toml")
