"""Which networks of the other families are recorded, and what builds each in its project."""

from __future__ import annotations

from typing import Any

from record_families import Case


def tv(
    arch: str, name: str, native: int = 224, *, dialect: str = "torchvision", **more: Any
) -> Case:
    return Case(arch, dialect, f"torchvision.models.{name}()", native, **more)


def tm(arch: str, name: str, native: int = 224, *, dialect: str = "timm", **more: Any) -> Case:
    return Case(arch, dialect, f"timm.create_model({name!r})", native, **more)


GHOSTNET = "timm.models.ghostnet._create_ghostnet('ghostnet_100'"
LARGE: dict[str, Any] = {"others": (129,)}
WIDE: dict[str, Any] = {"others": (289, "224x288")}  # smaller ones are made larger inside

# Their last pooling is over 7×7 pixels, so that there is one size.
SHUFFLENETS = [
    Case(
        f"shufflenet-v1-g{groups}",
        "megvii",
        f"megvii.ShuffleNetV1(model_size='{alpha}x', group={groups})",
        others=(),
        alpha=alpha,
    )
    for groups in (3, 8)
    for alpha in (0.5, 1.0, 1.5, 2.0)
]

TORCHVISION = [
    tv("alexnet", "alexnet"),
    *(tv(f"vgg-{n}", f"vgg{n}") for n in (11, 13, 16, 19)),
    *(tv(f"vgg-{n}-bn", f"vgg{n}_bn") for n in (11, 13, 16, 19)),
    *(tv(f"resnet-{n}", f"resnet{n}") for n in (18, 34, 50, 101, 152)),
    tv("resnext-50-32x4d", "resnext50_32x4d"),
    tv("resnext-101-32x8d", "resnext101_32x8d"),
    tv("resnext-101-64x4d", "resnext101_64x4d"),
    tv("wide-resnet-50", "wide_resnet50_2"),
    tv("wide-resnet-101", "wide_resnet101_2"),
    *(tv(f"densenet-{n}", f"densenet{n}") for n in (121, 161, 169, 201)),
    tv("squeezenet-1.0", "squeezenet1_0"),
    tv("squeezenet-1.1", "squeezenet1_1"),
    *(
        tv(f"shufflenet-v2-{x}", f"shufflenet_v2_x{x.replace('.', '_')}")
        for x in ("0.5", "1.0", "1.5", "2.0")
    ),
    *(
        Case("mnasnet-b1", "torchvision", f"torchvision.models.MNASNet({a})", alpha=a)
        for a in (0.5, 0.75, 1.0, 1.3)
    ),
    *(
        tv(
            f"efficientnet-b{n}",
            f"efficientnet_b{n}",
            r,
            dialect="torchvision" if n < 5 else "torchvision-b5",
            **(LARGE if n else {}),
        )
        for n, r in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
    ),
    *(tv(f"efficientnet-v2-{s}", f"efficientnet_v2_{s}", 384, **LARGE) for s in "sml"),
    *(tv(f"convnext-{s[0]}", f"convnext_{s}") for s in ("tiny", "small", "base", "large")),
    *(
        Case(
            f"vit-{s}-{p}",
            "torchvision",
            f"torchvision.models.vit_{s}_{p}(image_size={{side}})",
            224,
            (96, 384),
        )
        for s, p in (("b", 16), ("b", 32), ("l", 16), ("l", 32))
    ),
]

for _head in ("lraspp", "deeplabv3"):
    _name = f"{_head}_mobilenet_v3_large"
    _builder = f"torchvision.models.segmentation.{_name}(weights_backbone=None)"
    TORCHVISION.append(Case(_name, "torchvision", _builder, 520, (257, "256x384")))

_builder = "torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights_backbone=None)"
TORCHVISION.append(Case("ssdlite-v3-large", "torchvision", _builder, 320, (257, "256x320")))

_builder = "torchvision.models.detection.ssd300_vgg16(weights=None, weights_backbone=None)"
TORCHVISION.append(Case("ssd-vgg-16", "torchvision", _builder, 300, (320, "310x352")))

TIMM = [
    *(tm(f"vgg-{n}", f"vgg{n}", **WIDE) for n in (11, 13, 16, 19)),
    *(tm(f"vgg-{n}-bn", f"vgg{n}_bn", **WIDE) for n in (11, 13, 16, 19)),
    *(tm(f"resnet-{n}", f"resnet{n}") for n in (18, 34, 50, 101, 152)),
    tm("resnext-50-32x4d", "resnext50_32x4d"),
    tm("resnext-101-32x4d", "resnext101_32x4d"),
    tm("resnext-101-32x8d", "resnext101_32x8d"),
    tm("resnext-101-64x4d", "resnext101_64x4d"),
    tm("wide-resnet-50", "wide_resnet50_2"),
    tm("wide-resnet-101", "wide_resnet101_2"),
    *(tm(f"densenet-{n}", f"densenet{n}") for n in (121, 161, 169, 201)),
    *(
        Case(
            "ghostnet",
            "timm",
            f"{GHOSTNET}, width={a})",
            alpha=a,
        )
        for a in (0.5, 0.75, 1.0, 1.3)
    ),
    *(
        Case(
            f"mnasnet-{v}",
            "timm",
            f"timm.models.efficientnet._gen_mnasnet_{v.replace('-', '_')}({n!r}, {a})",
            alpha=a,
        )
        for v, n in (("b1", "mnasnet_100"), ("a1", "semnasnet_100"), ("small", "mnasnet_small"))
        for a in (0.5, 0.75, 1.0, 1.4)
    ),
    *(
        Case("fbnet-c", "timm", f"timm.models.efficientnet._gen_fbnetc('fbnetc_100', {a})", alpha=a)
        for a in (0.5, 1.0)
    ),
    *(
        tm(f"efficientnet-b{n}", f"efficientnet_b{n}", r, **(LARGE if n else {}))
        for n, r in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
    ),
    *(
        tm(f"efficientnet-lite{n}", f"efficientnet_lite{n}", r, **(LARGE if n else {}))
        for n, r in enumerate((224, 240, 260, 280, 300))
    ),
    *(
        tm(f"efficientnet-v2-{s}", f"tf_efficientnetv2_{s}", 384, dialect="timm-tf", **LARGE)
        for s in "sml"
    ),
    *(
        Case(
            "mobilenet-edgetpu-v1",
            "timm",
            f"timm.models.efficientnet._gen_mobilenet_edgetpu('mobilenet_edgetpu_100', {a})",
            alpha=a,
        )
        for a in (0.5, 1.0)
    ),
    *(tm(f"mobilenet-edgetpu-v2-{s}", f"mobilenet_edgetpu_v2_{s}") for s in ("xs", "s", "m", "l")),
    tm("mobileone-s0", "mobileone_s0"),
    Case(
        "mobileone-s0-fused",
        "timm",
        "timm.utils.reparameterize_model(timm.create_model('mobileone_s0'))",
    ),
    *(tm(f"convnext-{s[0]}", f"convnext_{s}") for s in ("tiny", "small", "base", "large")),
    *(
        Case(arch, "timm", f"timm.create_model({name!r}, img_size={{side}})", 224, (96, 384))
        for arch, name in (
            ("vit-b-16", "vit_base_patch16_224"),
            ("vit-b-32", "vit_base_patch32_224"),
            ("vit-l-16", "vit_large_patch16_224"),
            ("vit-l-32", "vit_large_patch32_384"),
            ("deit-ti", "deit_tiny_patch16_224"),
            ("deit-s", "deit_small_patch16_224"),
        )
    ),
    *(
        tm(f"mobilevit-{s}", f"mobilevit_{s}", 256, others=(320, "192x256"))
        for s in ("xxs", "xs", "s")
    ),
]
