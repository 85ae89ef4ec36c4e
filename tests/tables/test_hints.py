"""Hints: V1's channels are ⌊α · c⌋, so which α keep all of them at multiples of 4 is arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mncost.measure.runtimes.blocked import layout_of
from mncost.tables.hints import hints
from mncost.which import Which
from tests.running import Result

Cli = Callable[..., Result]
WIDTHS = (32, 64, 128, 256, 512, 1024)  # V1 paper, Table 1


def fits(alpha: float) -> bool:
    """Whether all widths are multiples of 4, or, of what no depthwise layer reads, at most 16."""
    return all(int(alpha * width) % 4 == 0 for width in WIDTHS)


@pytest.mark.parametrize("alpha", [0.25, 0.35, 0.5, 0.6, 0.75, 1.0])
def test_only_alphas_that_do_not_fit_get_a_hint(alpha: float) -> None:
    said = [*hints(Which("v1", alpha=alpha, resolution="96,128"))]
    assert len(said) == (not fits(alpha))
    if said:
        below = max(a / 100 for a in range(10, round(100 * alpha)) if fits(a / 100))
        assert f"α {below:g}" in said[0]


def test_the_command(run_cli: Cli) -> None:
    result = run_cli(["table", "v1", "--alpha", "0.35", "--hints"])
    assert (result.status, "21 of 27 convolutions" in result.out) == (0, True)
    assert "blocked" not in run_cli(["table", "v1", "--alpha", "0.35"]).out
    assert run_cli(["table", "v1", "--alpha", "0.35", "--hints", "--pivot", "macs"]).status == 2


def test_the_classifier_is_no_convolution() -> None:
    (network,) = Which("v1", alpha=0.5).grid()
    assert layout_of(network.graph).convolutions == 27


def test_each_network_of_a_group_is_looked_at_by_itself() -> None:
    """DenseNet-161 has other channels than 121, the first of the group: other α fit."""
    one, others = ([*hints(Which(name, alpha=0.9))] for name in ("densenet-161", "densenet"))
    assert len(one) == 1
    assert one[0] in others


def test_the_network_of_a_file_is_looked_at_and_not_the_one_of_its_name(
    run_cli: Cli, here: Path
) -> None:
    """The file is V1 at α 0.5, called v1 too: what keeps its channels is half of what V1 needs."""
    run_cli(["export", "v1", "--alpha", "0.5", "-o", "half.toml"])
    (alone,) = hints(Which("half.toml", alpha=0.7))
    both = [*hints(Which("v1,half.toml", alpha=0.7))]
    assert len(both) == 2
    assert both[1] == alone.replace("v1 ", "v1 (half.toml) ", 1)
