"""Conventions give what the real tools print for torch modules in hand.

Each module is small and has one thing that counting tools see in their own way.
"""

from __future__ import annotations

import pytest

import mncost
from mncost.cost.conventions import CONVENTIONS

pytest.importorskip("torch")

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.models.test_tools import TOOLS

pytestmark = pytest.mark.filterwarnings("ignore")


class Windows(nn.Module):  # type: ignore[misc]
    """Linear layers over windows: torchinfo takes the number of windows for the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.norm, self.linear = nn.LayerNorm(8), nn.Linear(8, 5)
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, image: Tensor) -> Tensor:
        windows = self.stem(image).reshape(8, 2, 4, 2, 4).permute(1, 3, 2, 4, 0).reshape(4, 16, 8)
        return self.softmax(self.linear(self.norm(windows)))


class Softmaxes(nn.Module):  # type: ignore[misc]
    """thop counts 3 n - 1 for a vector of n elements, along whichever dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.softmax = nn.ModuleList([nn.Softmax(dim=1), nn.Softmax(dim=-2), nn.Softmax(dim=3)])

    def forward(self, image: Tensor) -> Tensor:
        return sum(softmax(image) for softmax in self.softmax)


class ChannelsLast(nn.Module):  # type: ignore[misc]
    """Pools by a mean over an image whose channels are last, then over tokens."""

    def forward(self, image: Tensor) -> Tensor:
        last = image.permute(0, 2, 3, 1)
        return last.mean((1, 2)) + last.flatten(1, 2).mean(1)


class Positions(nn.Module):  # type: ignore[misc]
    """Computes a position encoding from constants, by layers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Conv2d(2, 3, 1)
        self.mlp = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 8))

    def forward(self, image: Tensor) -> Tensor:
        ones = torch.ones(1, 2, 8, 8)
        encoding = self.projection((ones.cumsum(2) * 0.5).sin())
        return image + encoding + self.mlp(torch.ones(8, 4))


class Groups(nn.Module):  # type: ignore[misc]
    """A group norm, which fvcore and torchprofile price like a layer norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 3), nn.GroupNorm(2, 6)

    def forward(self, image: Tensor) -> Tensor:
        return self.norm(self.conv(image))


class Transposed(nn.Module):  # type: ignore[misc]
    """A linear layer on a transposed tensor adds its bias apart: ptflops does not see that."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 5), nn.Linear(5, 4)

    def forward(self, image: Tensor) -> Tensor:
        return self.second(self.first(image.flatten(2).transpose(1, 2)))


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("kind", [Windows, Softmaxes, ChannelsLast, Positions, Groups, Transposed])
def test_each_tool_prints_what_its_convention_gives(kind: type[nn.Module], tool: str) -> None:
    printed = TOOLS[tool](kind().eval(), torch.randn(1, 3, 8, 8))
    network = mncost.from_torch(kind().eval(), (1, 3, 8, 8))
    assert CONVENTIONS[tool].total(network.seen) == printed


def test_the_work_of_constants_counts_once() -> None:
    """3 x 8 x 8 x 2 MACs of the convolution, 8 x (4 x 6 + 6 x 8) of the linear layers."""
    network = mncost.from_torch(Positions().eval(), (1, 3, 8, 8))
    assert network.macs == CONVENTIONS["paper"].total(network.seen) == 384 + 576
    assert network.params == 3 * 3 + 6 * 5 + 8 * 7


def test_ptflops_counts_a_softmax_by_a_function() -> None:
    """torchvision's Swin calls it so; a traced graph does not tell it from the method."""

    class ShiftedWindowAttention(nn.Module):  # type: ignore[misc]
        def forward(self, image: Tensor) -> Tensor:
            return functional.softmax(image, dim=-1)

    ShiftedWindowAttention.__module__ = "torchvision.models.swin_transformer"
    ShiftedWindowAttention.__qualname__ = "ShiftedWindowAttention"
    block = nn.Sequential(ShiftedWindowAttention(), nn.Conv2d(3, 4, 1))
    printed = TOOLS["ptflops-pytorch"](block.eval(), torch.randn(1, 3, 8, 8))
    network = mncost.from_torch(block.eval(), (1, 3, 8, 8))
    assert CONVENTIONS["ptflops-pytorch"].total(network.seen) == printed
