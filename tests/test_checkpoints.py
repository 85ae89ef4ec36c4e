"""What a published row says about its weights."""

from __future__ import annotations

import importlib.util
import re

import pytest

import mncost
from mncost.published.accuracy import candidates
from mncost.published.checkpoints import checkpoint, load_code, trained_on
from mncost.published.figures import Figure, read_published

FIGURES = [figure for figure in read_published() if figure.top1 and figure.arch]


def figure(variant: str, **at: str) -> Figure:
    """Return the first row of a name, with these values."""
    return next(
        one
        for one in FIGURES
        if one.variant == variant and all(getattr(one, name) == at[name] for name in at)
    )


@pytest.mark.parametrize(
    ("variant", "code"),
    [
        (
            "mobilenetv2_050.lamb_in1k",
            'timm.create_model("mobilenetv2_050.lamb_in1k", pretrained=True)',
        ),
        (
            "mobilenet_v2 IMAGENET1K_V2",
            'torchvision.models.mobilenet_v2(weights="IMAGENET1K_V2")',
        ),
        (
            "mobilenet_v3_large_quantized IMAGENET1K_QNNPACK_V1",
            "torchvision.models.quantization.mobilenet_v3_large("
            'weights="IMAGENET1K_QNNPACK_V1", quantize=True)',
        ),
        (
            "mobilenet_v3_small_0.75_224 (Keras)",
            "keras.applications.MobileNetV3Small(alpha=0.75)",
        ),
        (
            "mobilenet_v3_large_minimalistic_1.0_224 (Keras)",
            "keras.applications.MobileNetV3Large(alpha=1, minimalistic=True)",
        ),
        ("V3-Large 0.75 (paper)", None),
    ],
)
def test_the_line_that_loads_the_weights(variant: str, code: str | None) -> None:
    assert load_code(figure(variant)) == code
    assert (checkpoint(figure(variant)) is None) is (code is None)


@pytest.mark.parametrize(
    ("variant", "data"),
    [
        ("mobilenetv2_050.lamb_in1k", "1k"),
        ("mobilenetv3_large_100.miil_in21k_ft_in1k", "21k"),
        ("mobilenetv4_conv_medium.e250_r384_in12k_ft_in1k", "12k"),
        ("MNv4-Conv-S distilled (their recipe)", "JFT, distilled"),
        ("V3-Large 1.0 (paper)", "1k"),
    ],
)
def test_what_it_was_trained_on(variant: str, data: str) -> None:
    assert trained_on(figure(variant)) == data


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="needs timm")
def test_timm_has_all_of_its_checkpoints() -> None:
    timm = importlib.import_module("timm")
    names = {
        name
        for one in FIGURES
        if "pytorch-image-models" in one.source
        for name in re.findall(r'"(.*)", pretrained', load_code(one) or "")
    }
    assert len(names) > 20
    assert names <= set(timm.list_models(pretrained=True))


def test_only_networks_with_weights() -> None:
    """V2 0.5 at 224 pixels: the paper of V4 prints 66.0 %, timm's weights have 65.928 %."""
    every = mncost.pick(max_size="10MB")
    loadable = mncost.pick(max_size="10MB", with_weights=True)
    assert every[0].source.startswith("arXiv")
    assert all(load_code(one.figure) for one in loadable)
    assert 0 < loadable.known < every.known
    accuracies = [one.top1 for one in loadable]
    assert accuracies == sorted(accuracies, reverse=True)
    assert "\nto load " in str(loadable)
    assert len(candidates()) > loadable.considered
