"""Training steps, held against torch: its FLOP counter, what autograd saves, what it allocates."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

import mncost
from mncost.errors import InputError
from mncost.graph.ops import Conv, Input
from mncost.label import Label
from mncost.models.torch_model import torch_module
from mncost.network import Network
from mncost.spec.catalog import groups
from mncost.training.step import TrainingStep
from tests.networks import chain, conv

EVERY = list(dict.fromkeys(name for names in groups().values() for name in names))
QUICK = ["v1", "v2", "v3-small", "squeezenet-1.1", "shufflenet-v2-0.5", "resnet-18"]
ROOT = Path(__file__).parents[2]
HARD = ["v4-hybrid-m", "mobilevit-xxs", "deit-ti", "convnext-t", "v1+ssdlite"]
TRAIN = ["all", "head", "last:3", "norm", "bias", "head+norm"]


def module_of(step: TrainingStep, device: str) -> torch.nn.Module:
    """Return our torch module, in training mode, with the step's parameters trained.

    Which they are is worked out here, from torch's own modules.
    """
    with torch.device(device):
        module = torch_module(step.network.graph).train()
    layers = [
        name
        for name, one in module.named_modules()
        if isinstance(one, torch.nn.Conv2d | torch.nn.Linear)
    ]
    order = [name for name, _ in module.named_modules()]
    norms = (torch.nn.BatchNorm2d, torch.nn.BatchNorm1d, torch.nn.LayerNorm)
    for name, parameter in module.named_parameters():
        owner, _, leaf = name.rpartition(".")
        of_norm = isinstance(module.get_submodule(owner), norms)
        last = owner in order[order.index(layers[-3:][0]) :]
        meant = {"all": True, "norm": of_norm, "bias": leaf == "bias", "last:3": last}
        meant["head"] = owner == layers[-1]
        parameter.requires_grad_(any(meant[word] for word in step.train.split("+")))
    return module


def images_of(step: TrainingStep, device: str) -> list[torch.Tensor]:
    shapes = step.network.inputs.values()
    return [torch.zeros(step.batch, *shape, device=device) for shape in shapes]


def counted_and_saved(step: TrainingStep) -> tuple[int, int]:
    """Return the MACs that torch counts, and the bytes of memory that autograd holds."""
    module, images = module_of(step, "meta"), images_of(step, "meta")
    own = {one.untyped_storage()._cdata for one in (*module.parameters(), *module.buffers())}
    held: dict[int, torch.Tensor] = {}

    def pack(saved: torch.Tensor) -> torch.Tensor:
        if (place := saved.untyped_storage()._cdata) not in own:
            held[place] = saved
        return saved

    with FlopCounterMode(display=False) as counter:
        with saved_tensors_hooks(pack, lambda saved: saved):
            results = module(*images)
        results = results if isinstance(results, tuple) else (results,)
        ends = [result for result in results if result.requires_grad]
        torch.autograd.backward(ends, [torch.zeros_like(end) for end in ends])
    bytes_held = sum(saved.untyped_storage().nbytes() for saved in held.values())
    return counter.get_total_flops() // 2, bytes_held


def too_many(step: TrainingStep) -> int:
    """Return what torch's counter counts too much.

    It takes the gradient of the weights of a convolution in g groups for that of one without
    groups, g times as much: see :func:`test_a_brute_force_backward`.
    """
    nodes = [node for node in step.network.graph.nodes if node.inputs]
    return sum(
        (node.op.groups - 1) * layer.weight_gradient_macs
        for node, layer in zip(nodes, step.layers, strict=True)
        if isinstance(node.op, Conv)
    )


def check(arch: str, train: str, batch: int = 2) -> None:
    step = mncost.load(arch).training(train, batch=batch)
    counted, saved = counted_and_saved(step)
    assert step.macs + too_many(step) == counted
    assert step.kept_bytes == saved
    assert step.needed_bytes <= step.kept_bytes


@pytest.mark.parametrize("arch", [*QUICK, *HARD])
def test_macs_and_bytes_are_torchs(arch: str) -> None:
    check(arch, "all")


@pytest.mark.parametrize("train", TRAIN[1:])
@pytest.mark.parametrize("arch", ["v2", "v3-small"])
def test_what_is_trained(arch: str, train: str) -> None:
    # The modules of V3 are made in the graph's order, so that "last" means the same to torch.
    check(arch, train, batch=3)


@pytest.mark.slow
@pytest.mark.parametrize("arch", [name for name in EVERY if name not in (*QUICK, *HARD)])
def test_every_network(arch: str) -> None:
    check(arch, "all")


def brute_conv(
    x: Any, weight: Any, grad: Any, groups: int, stride: int
) -> tuple[Any, Any, int, int]:
    """Return both gradients of a convolution without padding, and the products of each."""
    out_channels, per_group, kernel, _ = weight.shape
    of_input, of_weight, products = np.zeros_like(x), np.zeros_like(weight), [0, 0]
    places = itertools.product(range(out_channels), *map(range, grad.shape[1:]))
    for (o, y, z), c, i, j in itertools.product(
        places, range(per_group), range(kernel), range(kernel)
    ):
        at = (o // (out_channels // groups) * per_group + c, y * stride + i, z * stride + j)
        of_input[at] += weight[o, c, i, j] * grad[o, y, z]
        products[0] += 1
        of_weight[o, c, i, j] += x[at] * grad[o, y, z]
        products[1] += 1
    return of_input, of_weight, *products


@pytest.mark.parametrize(("groups", "stride"), [(1, 1), (2, 2), (4, 1)])
def test_a_brute_force_backward(groups: int, stride: int) -> None:
    """Loops over every product give autograd's gradients, and as many products as are counted."""
    graph = chain(
        Input((4, None, None)),
        conv(4, 4, 3, stride, groups, padding="valid"),
        conv(4, 4, 3, stride, groups, padding="valid"),
    )
    network = Network(Label("tiny"), graph, {"input": (4, 9, 9)})
    step = network.training(batch=1)
    module = torch_module(graph).double()
    image = torch.randn(1, 4, 9, 9, dtype=torch.float64)
    between = module.get_submodule("a.1")(image).detach().requires_grad_()
    result = module.get_submodule("a.2")(between)
    grad = torch.randn_like(result)
    result.backward(grad)
    weight = module.get_parameter("a.2.weight")
    of_input, of_weight, *products = brute_conv(
        between[0].detach().numpy(), weight.detach().numpy(), grad[0].numpy(), groups, stride
    )
    assert between.grad is not None
    assert weight.grad is not None
    assert np.allclose(between.grad[0].numpy(), of_input)
    assert np.allclose(weight.grad.numpy(), of_weight)
    first, second = step.layers
    assert [second.input_gradient_macs, second.weight_gradient_macs] == products
    assert (first.input_gradient_macs, first.weight_gradient_macs) == (0, first.forward_macs)
    counted, _ = counted_and_saved(step)
    assert counted - step.macs == (groups - 1) * step.weight_gradient_macs


@pytest.mark.parametrize(
    ("arch", "train"), [("v2", "all"), ("v2", "last:3"), ("v2", "norm"), ("resnet-18", "all")]
)
def test_the_peak_is_what_torch_allocates(arch: str, train: str) -> None:
    """Beside what is counted, kernels need space to work in: little beside such images.

    In a process of its own: what other tests left would be freed meanwhile.
    """
    step = mncost.load(arch, resolution=96).training(train, batch=4)
    call = f"from tests.training.test_step import measured_peak as m; print(m({arch!r}, {train!r}))"
    done = subprocess.run(
        [sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    most = int(done.stdout.split()[-1])
    assert 0.85 * most <= step.peak_bytes <= 1.01 * most


def measured_peak(arch: str, train: str) -> int:
    """Return the most bytes that torch has allocated during a step of 4 images."""
    step = mncost.load(arch, resolution=96).training(train, batch=4)
    module = module_of(step, "cpu")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        result = module(*images_of(step, "cpu"))
        result.backward(torch.ones_like(result))
    live = most = 0
    for event in profiled.profiler.kineto_results.events():
        if event.name() == "[memory]":
            live += event.nbytes()
            most = max(most, live)
    return most


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_optimiser_and_update(optimizer: str) -> None:
    step = mncost.load("v3-small", alpha=0.35, resolution=32).training(
        "head+norm", batch=2, optimizer=optimizer, top_k=0.1
    )
    module = module_of(step, "cpu")
    trained = [one for one in module.parameters() if one.requires_grad]
    made: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "sgd": lambda: torch.optim.SGD(trained, 0.1),
        "momentum": lambda: torch.optim.SGD(trained, 0.1, 0.9),
        "adam": lambda: torch.optim.Adam(trained),
    }
    torch_optimizer = made[optimizer]()
    module(*images_of(step, "cpu")).sum().backward()
    torch_optimizer.step()
    states = [value for state in torch_optimizer.state.values() for value in state.values()]
    # Adam also counts its steps, in one number a tensor.
    tensors = [one for one in states if torch.is_tensor(one) and one.dim()]
    assert step.optimizer_bytes == sum(one.nbytes for one in tensors)
    assert step.trained_params == sum(one.numel() for one in trained)
    assert step.update_bytes == sum(one.nbytes for one in trained)
    scales = [torch.zeros(1) for _ in trained]
    whole = [one.to(torch.int8) for one in trained]
    assert step.update_8bit_bytes == sum(one.nbytes for one in (*whole, *scales))
    every = torch.cat([one.detach().flatten() for one in trained])
    largest = every.abs().topk(-(-len(every) // 10))
    assert step.update_top_k_bytes == largest.values.nbytes + largest.indices.int().nbytes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"train": "hed"}, "did you mean 'head'"),
        ({"train": "last:0"}, "accepted are all"),
        ({"train": "last:900"}, "53 layers"),
        ({"train": ""}, "accepted are"),
        ({"batch": 0}, "1 to"),
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"top_k": 0.0}, "more than 0"),
    ],
)
def test_what_cannot_be_used(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        mncost.load("v2").training(**arguments)


def test_an_operator_of_another_model_has_no_gradients() -> None:
    with pytest.raises(InputError, match="gradients"):
        mncost.from_torch(torch.nn.ConvTranspose2d(3, 3, 2), (1, 3, 8, 8)).training()


def test_the_command(run_cli: Callable[..., Any]) -> None:
    table = run_cli(["table", "v2", "--training", "--train", "head", "--format", "json"])
    assert table.status == 0, table
    layers = run_cli(["layers", "v2", "--training", "--train", "head", "--format", "json"])
    assert layers.status == 0, layers
    for words in (["--pivot", "macs"], ["--hints"], ["--precision", "int8"], ["--published"]):
        refused = run_cli(["table", "v2", "--training", *words])
        assert (refused.status, refused.out) == (2, "")
    assert run_cli(["table", "v2", "--train", "head"]).status == 2
    assert run_cli(["layers", "v2", "--training", "--by", "kind"]).status == 2
