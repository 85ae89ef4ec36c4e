"""Each convention gives, to the unit, what the real tool prints for our torch modules.

Needs the tools: ``pip install -c constraints.txt -e '.[dev,tools]'``. A tool that is not installed
is skipped.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from packaging.version import Version

import mncost
from mncost.cost.conventions import CONVENTIONS
from mncost.cost.forms import seen
from mncost.cost.projects import forms_of
from mncost.label import Label
from mncost.network import Network
from tests.networks import Row, network_of_rows

pytest.importorskip("torch")

import torch
from torch import nn

from mncost.models.torch_model import torch_module

pytestmark = pytest.mark.filterwarnings("ignore")


def _of_torch(model: nn.Module, image: torch.Tensor) -> Any:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image)
    return counter.get_total_flops()


def _of_fvcore(model: nn.Module, image: torch.Tensor) -> Any:
    analysis = _tool("fvcore.nn").FlopCountAnalysis(model, image)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return analysis.total()


def _of_ptflops(backend: str) -> Callable[[nn.Module, torch.Tensor], Any]:
    def count(model: nn.Module, image: torch.Tensor) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            macs, _ = _tool("ptflops").get_model_complexity_info(
                model,
                tuple(image.shape[1:]),
                as_strings=False,
                print_per_layer_stat=False,
                backend=backend,
            )
        return macs

    return count


def _of_thop(model: nn.Module, image: torch.Tensor) -> Any:
    macs, _ = _tool("thop").profile(model, inputs=(image,), verbose=False)
    return macs


def _of_torchinfo(model: nn.Module, image: torch.Tensor) -> Any:
    return _tool("torchinfo").summary(model, input_data=image, verbose=0).total_mult_adds


def _of_torchprofile(model: nn.Module, image: torch.Tensor) -> Any:
    return _tool("torchprofile").profile_macs(model, image)


TOOLS: dict[str, Callable[[nn.Module, torch.Tensor], Any]] = {
    "torch": _of_torch,
    "fvcore": _of_fvcore,
    "ptflops-pytorch": _of_ptflops("pytorch"),
    "ptflops-aten": _of_ptflops("aten"),
    "thop": _of_thop,
    "torchinfo": _of_torchinfo,
    "torchprofile": _of_torchprofile,
}

# Every architecture, dialects with every padding and head, narrow and wide, odd resolutions.
NETWORKS = [
    ("v1", "paper", 1.0, 224),
    ("v1", "slim", 0.25, 128),
    ("v1", "keras", 0.75, 97),
    ("v2", "paper", 1.0, 224),
    ("v2", "torchvision", 1.4, 96),
    ("v2", "slim", 0.35, 131),
    ("v2", "keras", 0.5, 160),
    ("v3-large", "paper", 1.0, 224),
    ("v3-large", "torchvision", 0.75, 100),
    ("v3-large", "slim", 1.25, 96),
    ("v3-small", "keras", 0.75, 129),
    ("v3-small", "timm", 1.0, 64),
    ("v3-large-minimalistic", "keras", 1.0, 96),
    ("v3-small-minimalistic", "slim-finegrain", 0.75, 110),
    ("v4-conv-s", "paper", 1.0, 224),
    ("v4-conv-m", "timm", 0.5, 96),
    ("v4-conv-l", "paper", 0.5, 80),
    ("v4-hybrid-m", "paper", 1.0, 256),
    ("v4-hybrid-m", "timm", 0.5, 99),
    ("v4-hybrid-l", "paper", 0.5, 96),
]
_STEM: Row = {"block": "conv", "kernel": 3, "out": 8, "name": "stem"}
_ENCODER: Row = {"block": "encoder", "heads": 2, "expansion": 2, "layer_scale": True}
ROWS: dict[str, list[Row]] = {
    "layer norm": [_STEM, {"block": "layer_norm"}],
    "mobilevit": [_STEM, {"block": "mobilevit", "features": 8, "layers": 2, "heads": 2}],
    "bilinear": [_STEM, {"block": "upsample", "factor": 2, "mode": "bilinear"}],
    "nearest": [_STEM, {"block": "upsample", "like": "input"}],
    "shuffle": [_STEM, {"block": "shuffle", "groups": 2}],
    "concat": [_STEM, {"block": "concat", "from": ["stem", "input"]}],
    "batch norm": [_STEM, {"block": "batch_norm", "activation": "relu"}],
    "bottleneck": [_STEM, {"block": "bottleneck", "out": 6, "width": 4, "activation": "relu"}],
    "class token": [
        *(_STEM, {"block": "tokens", "class_token": True, "positions": True}, _ENCODER),
        *({"block": "layer_norm"}, {"block": "token"}, {"block": "linear", "out": 5}),
    ],
    "mean of tokens": [_STEM, {"block": "tokens"}, _ENCODER, {"block": "pool"}],
}
TWINS = [
    ("v1", "keras", 0.5, 96),
    ("v2", "paper", 1.0, 224),
    ("v3-small", "slim", 1.0, 75),
    ("v4-hybrid-m", "paper", 0.5, 64),
]


# It compiles a trace, which takes longer than all other tools together: here, of the networks with
# the fewest nodes; `slow` has them all.
TRACED_SLOWLY = "torchprofile"


@pytest.mark.parametrize(
    ("arch", "dialect", "alpha", "resolution", "tool"),
    [
        pytest.param(
            *network,
            tool,
            marks=pytest.mark.slow
            if tool == TRACED_SLOWLY and network[0].startswith(("v3-large", "v4"))
            else (),
        )
        for network in NETWORKS
        for tool in TOOLS
    ],
)
def test_each_tool_prints_what_its_convention_gives(
    arch: str, dialect: str, alpha: float, resolution: int, tool: str
) -> None:
    """Over all families, dialects, widths and odd resolutions."""
    network = mncost.load(arch, alpha=alpha, resolution=resolution, dialect=dialect)
    assert ours(network, tool) == printed(network, tool)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("arch", "dialect", "alpha", "resolution"), TWINS)
def test_each_tool_prints_what_its_convention_gives_of_a_twin(
    arch: str, dialect: str, alpha: float, resolution: int, tool: str
) -> None:
    """The standard-convolution twins are modules like any other."""
    network = mncost.load(arch, alpha=alpha, resolution=resolution, dialect=dialect).standard
    assert ours(network, tool) == printed(network, tool)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", ROWS)
def test_each_tool_prints_what_its_convention_gives_of_a_row(name: str, tool: str) -> None:
    """Rows that no MobileNet has; 7 × 7 pixels are no whole number of MobileViT's patches."""
    network = network_of_rows(ROWS[name], 7)
    assert ours(network, tool) == printed(network, tool)


ACTIVATIONS = (
    *("relu", "relu6", "hardswish", "hardsigmoid", "sigmoid", "silu", "gelu"),
    *("elu", "mish", "tanh", "leaky_relu", "hardtanh", "prelu"),
)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_tool_prints_what_its_convention_gives_of_an_activation(
    activation: str, tool: str
) -> None:
    """Each activation that a file can ask for, after a biased, unevenly padded convolution too."""
    rows: list[Row] = [
        {
            "block": "conv",
            "kernel": 3,
            "out": 8,
            "stride": 2,
            "batch_norm": False,
            "activation": activation,
        },
        {"block": "depthwise", "kernel": 5, "stride": 2, "activation": activation},
        {
            "block": "conv",
            "kernel": 3,
            "out": 12,
            "stride": 2,
            "padding": "end",
            "activation": activation,
        },
        {"block": "conv", "out": 6, "kernel": 1, "padding": "valid", "activation": activation},
        {"block": "max_pool", "kernel": 3, "stride": 1, "padding": 1},
        {"block": "average_pool", "kernel": 2, "stride": 1},
        {"block": "pool"},
        {"block": "linear", "out": 10, "bias": False, "activation": activation},
        {"block": "linear", "out": "classes"},
    ]
    network = network_of_rows(rows, 37, rules={"padding": "same"})
    assert ours(network, tool) == printed(network, tool)


@pytest.mark.parametrize(
    ("tool", "number"),
    [
        ("torch", 2 * 300_774_272),
        ("fvcore", 314_193_216),
        ("ptflops-pytorch", 320_300_008),
        ("ptflops-aten", 300_775_272),
        ("thop", 327_486_720),
        ("torchinfo", 300_809_384),
        ("torchprofile", 307_453_664),
    ],
)
def test_v2s_numbers_are_those_of_the_tools(tool: str, number: int) -> None:
    """MobileNetV2 1.0 at 224: the printed numbers, literally."""
    network = mncost.load("v2")
    assert (ours(network, tool), printed(network, tool)) == (number, number)


def test_every_convention_but_our_own_is_a_tool() -> None:
    """No convention goes unproven."""
    assert set(CONVENTIONS) == {"paper", "onnx-tool", *TOOLS}  # see test_onnx_tool.py


@pytest.mark.parametrize("name", sorted({c.split("-")[0] for c in TOOLS}))
def test_the_stated_version_is_the_tested_one(name: str) -> None:
    """`explain` names the versions that these tests run."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = Version(version(name)).public
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    stated = {c.version for c in CONVENTIONS.values() if c.name.split("-")[0] == name}
    assert stated == {found}


def ours(network: Network, tool: str) -> int:
    """Return the number by our convention, of our own module: no dialect's project wrote it."""
    forms = forms_of(network.graph, network.shapes, Label("ours"))
    return CONVENTIONS[tool].total(seen(network.costs, forms))


def printed(network: Network, tool: str) -> Any:
    """Return the number by the tool itself."""
    module = torch_module(network.graph).eval()
    image = torch.zeros(1, *network.shapes[0])
    return TOOLS[tool](module, image)


def _tool(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)
