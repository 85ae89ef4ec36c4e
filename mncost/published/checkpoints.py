"""Which published rows have weights to load, how, and what they were trained on."""

from __future__ import annotations

from mncost.published.figures import Figure

__all__ = ["checkpoint", "load_code", "trained_on"]

_TIMM, _TORCHVISION, _KERAS = "huggingface/pytorch-image-models", "torchvision ", "keras-team/keras"


def checkpoint(figure: Figure) -> str | None:
    """Return the name of the weights in their library; ``None`` if a row names none."""
    if figure.source.startswith((_TIMM, _TORCHVISION)):
        return figure.variant
    if figure.source.startswith(_KERAS):
        return figure.variant.removesuffix(" (Keras)")
    return None


def load_code(figure: Figure) -> str | None:
    """Return the line of Python that loads the weights; ``None`` if there is none."""
    name = checkpoint(figure)
    if name is None:
        return None
    if figure.source.startswith(_TIMM):
        return f'timm.create_model("{name}", pretrained=True)'
    if figure.source.startswith(_TORCHVISION):
        model, _, weights = name.partition(" ")
        if model.endswith("_quantized"):
            model = f"quantization.{model.removesuffix('_quantized')}"
            return f'torchvision.models.{model}(weights="{weights}", quantize=True)'
        return f'torchvision.models.{model}(weights="{weights}")'
    size = "Large" if "large" in name else "Small"
    minimalistic = ", minimalistic=True" if "minimalistic" in name else ""
    return f"keras.applications.MobileNetV3{size}(alpha={float(figure.alpha):g}{minimalistic})"


def trained_on(figure: Figure) -> str:
    """Return the training data: ``1k`` is ImageNet-1k; more makes a network more accurate."""
    words = f"{figure.variant} {figure.note}"
    if "JFT" in words:
        data = "JFT"
    elif "SWAG" in words:
        data = "IG-3.6B"
    elif "in21k" in words:
        data = "21k"
    elif "in12k" in words:
        data = "12k"
    else:
        data = "1k"
    return f"{data}, distilled" if "distil" in words.lower() else data
