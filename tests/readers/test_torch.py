"""Torch modules: counted as torch's own counter does, and read as what they are."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mncost
from mncost.cost.conventions import CONVENTIONS
from mncost.errors import InputError
from tests.running import Result

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from mncost.models.torch_model import torch_module
from mncost.readers.model import TorchSource


class Everything(nn.Module):
    """What a convolutional network is made of, written in several ways."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 5, padding="same", groups=8)
        self.gate = nn.Sequential(nn.Conv2d(8, 2, 1), nn.ReLU(), nn.Conv2d(2, 8, 1))
        self.up = nn.ConvTranspose2d(8, 4, 2, 2, groups=2)
        self.line = nn.Conv1d(4, 6, 3)
        self.head = nn.Linear(6, 5)
        self.scale = nn.Parameter(torch.ones(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.hardswish(self.norm(self.stem(x)))
        y = functional.max_pool2d(self.depthwise(x), 3, 1, 1) + x
        y = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        y = functional.interpolate(self.up(y), scale_factor=2.0, mode="nearest")
        y = self.line(y.flatten(2)) * self.scale[:, None]
        out: torch.Tensor = self.head(y.mean(2)).softmax(-1)
        return out


class Products(nn.Module):
    """Products of matrices, by every function that has them."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(6, 5))
        self.table = nn.Embedding(7, 6)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        flat = x.reshape(-1, 6)
        position = self.table(torch.arange(4))
        return (
            x @ self.weight,
            torch.bmm(x, x.transpose(1, 2)),
            torch.einsum("btd,bsd->bts", x, x + position),
            torch.addmm(self.weight[0], flat, self.weight),
            torch.baddbmm(x[:, :, :4], x, x.transpose(1, 2)),
            functional.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None]),
            functional.linear(self.weight.T @ self.weight, self.weight)[0] + x[0, 0],
        )


class Shared(nn.Module):
    """One layer that runs three times, and one that never does."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.never = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            x = self.layer(x)
        return x


class Quiet(nn.Module):
    """Parts under no_grad are graphs of their own in an exported graph."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            x = self.first(x)
        out: torch.Tensor = self.second(x)
        return out


class Loop(nn.Module):
    """How often it runs depends on the data, so that torch.export cannot trace it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(2 if x.abs().sum().item() > -1 else 5):
            x = self.layer(x)
        return x


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "everything": (Everything, (1, 3, 20, 24)),
    "products": (Products, (1, 4, 6)),
    "attention": (lambda: nn.TransformerEncoderLayer(12, 3, 20, batch_first=True), (1, 5, 12)),
    "shared": (Shared, (1, 6)),
    "no gradients": (Quiet, (1, 6)),
    "loop": (Loop, (1, 6)),
}


def by_torch(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Return half the FLOPs that torch's counter sees; attention as its products."""
    kernels = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
    with kernels, FlopCounterMode(display=False) as counter:
        module.eval()(torch.zeros(shape))
    flops: int = counter.get_total_flops()
    return flops // 2


@pytest.mark.parametrize(("make", "shape"), MODULES.values(), ids=MODULES)
def test_as_many_macs_as_torch_counts(
    make: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    """To the unit, and every operator is known."""
    module = make()
    network = mncost.from_torch(module, shape)
    assert network.is_complete
    assert network.macs == by_torch(module, shape) > 0
    unread = [name for name, _ in module.named_parameters() if name.startswith("never")]
    held = sum(one.numel() for name, one in module.named_parameters() if name not in unread)
    assert network.params == held
    assert bool(unread) == any("42 parameters are not counted" in note for note in network.notes)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2, "bias": False}])
def test_recurrent_layers(kind: type[nn.RNNBase], options: dict[str, Any]) -> None:
    """Each matrix once a step. torch's counter sees the products on the meta device."""
    module = kind(5, 7, **options)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        kind(5, 7, **options)(torch.zeros(9, 1, 5))
    network = mncost.from_torch(module, (9, 1, 5))
    assert network.macs == counter.get_total_flops() // 2 > 0
    assert network.params == sum(one.numel() for one in module.parameters())
    assert {layer.kind for layer in network.layers} == {"recurrent"}


def test_our_own_module_is_read_as_the_graph_that_it_was_made_of() -> None:
    """Layer by layer, with our operators, so that twins and pairs are the same."""
    ours = mncost.load("v3-small", 0.35, 96)
    theirs = mncost.from_torch(torch_module(ours.graph), (1, 3, 96, 96))
    counted = [(one.kind, one.macs, one.params, one.out_channels) for one in ours.layers]
    assert [(one.kind, one.macs, one.params, one.out_channels) for one in theirs.layers] == counted
    assert [one.name for one in theirs.layers] == [one.name for one in ours.layers]
    assert theirs.standard.macs == ours.standard.macs > ours.macs
    assert theirs.peak_activation_bytes == ours.peak_activation_bytes
    for convention in CONVENTIONS.values():
        assert convention.total(theirs.seen) == convention.total(ours.seen)


def test_tools_see_the_classes_of_the_module() -> None:
    """What thop counts of a subclass is nothing; of a module with the same work, everything."""

    class Norm(nn.BatchNorm2d):
        pass

    thop = CONVENTIONS["thop"]
    ours, theirs = nn.Sequential(nn.BatchNorm2d(4)), nn.Sequential(Norm(4))
    numbers = [thop.total(mncost.from_torch(one, (1, 4, 6, 6)).seen) for one in (ours, theirs)]
    assert numbers == [4 * 4 * 6 * 6, 0]


def test_a_mean_over_an_image_is_a_pooling() -> None:
    """Whether height and width are kept as 1 or not."""

    class Mean(nn.Module):
        def __init__(self, *, keepdim: bool) -> None:
            super().__init__()
            self.keepdim = keepdim

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((-1, 2), keepdim=self.keepdim)

    for keepdim in (True, False):
        work = mncost.from_torch(Mean(keepdim=keepdim), (1, 4, 6, 5)).work
        assert work == {"pool": 4 * 6 * 5, "pool_output": 4}


def test_a_module_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval(), nn.Dropout())
    before = [one.training for one in module.modules()]
    state = {name: value.clone() for name, value in module.state_dict().items()}
    mncost.from_torch(module, (1, 3, 8, 8))
    assert [one.training for one in module.modules()] == before
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())


def test_inputs() -> None:
    """Shapes or tensors, one or several, in order or by name; whole numbers for a table."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(10, 4)

        def forward(self, words: Any, factor: Any = None, *, shift: Any = 0) -> Any:
            return self.table(words) * (1 if factor is None else factor) + shift

    module, ids = Two(), torch.zeros(1, 6, dtype=torch.int32)
    for inputs in ((1, 6), ids, [(1, 6)], {"words": (1, 6)}, {"words": ids}):
        assert mncost.from_torch(module, inputs).inputs == {"words": (6,)}
    both = mncost.from_torch(module, [ids, torch.zeros(1, 6, 4)])
    assert both.inputs == {"words": (6,), "factor": (6, 4)}
    assert mncost.from_torch(module, {"words": ids, "shift": torch.zeros(4)}).params == 40
    for inputs, said in (
        ({"word": (1, 6)}, r"did you mean 'words'"),
        ([(1, 6)] * 4, "its forward takes 3"),
        ({"factor": (1, 6, 4)}, "its input words is not known"),
        ((1, 0), "dimension below 1"),
        ("1x6", "accepted"),
        ((3, 5, 7), None),
    ):
        if said is None:
            assert mncost.from_torch(module, inputs).inputs == {"words": (3, 5, 7)}
            continue
        with pytest.raises(InputError, match=said):
            mncost.from_torch(module, inputs)


def test_half_precision_and_the_meta_device() -> None:
    """Bytes are those of the weights' types; nothing needs memory."""
    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(100_000, 100_000, dtype=torch.bfloat16))
    network = mncost.from_torch(module, (1, 100_000))
    assert (network.macs, network.precision) == (10**10, "bf16")
    assert network.weight_bytes == 2 * (10**10 + 10**5)


def test_an_input_may_have_no_dimensions() -> None:
    class Scaled(nn.Module):
        def forward(self, x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
            return x * factor

    network = mncost.from_torch(Scaled(), [(1, 3, 4, 4), torch.tensor(5)])
    assert network.inputs == {"x": (3, 4, 4), "factor": ()}


def test_an_operator_without_a_rule_makes_the_count_partial() -> None:
    class Strange(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.cholesky(x @ x.mT)

    network = mncost.from_torch(Strange(), (1, 4, 4))
    assert not network.is_complete
    assert sum(network.unknown.values()) >= 1
    assert network.macs == 64


# ------------------------------------------------------------------------------- the command line


class _Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 16)
        self.scores = nn.Linear(16, 50, bias=False)
        self.scores.weight = self.words.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.scores(self.words(ids))
        return scores


def test_tied_weights_are_traced_and_count_once() -> None:
    net = mncost.from_torch(_Tied(), torch.zeros(2, 5, dtype=torch.int64))
    assert (net.macs, net.params, net.notes) == (2 * 5 * 16 * 50, 50 * 16, ())


def _quantised() -> nn.Module:
    from torch.ao import quantization

    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)]
    ends = quantization.QuantStub(), quantization.DeQuantStub()
    module = nn.Sequential(ends[0], *layers, ends[1]).eval()
    module.qconfig = quantization.default_qconfig
    prepared = quantization.prepare(module)
    prepared(torch.randn(1, 3, 8, 8))
    made: nn.Module = quantization.convert(prepared)
    return made


@pytest.mark.filterwarnings("ignore")
def test_quantised_modules_have_the_macs_and_weights_of_what_they_were_made_of() -> None:
    net = mncost.from_torch(_quantised(), (1, 3, 8, 8))
    assert net.is_complete
    assert net.macs == 4 * 6 * 6 * 3 * 9 + 144 * 5
    assert net.params == 4 * 27 + 4 + 144 * 5 + 5
    assert net.weight_bytes == (4 * 27 + 144 * 5) + 4 * (4 + 5)
    assert net.precision == "int8"


@pytest.mark.filterwarnings("ignore")  # torch warns of itself
def test_a_module_in_hand_has_layers_in_another_process(tmp_path: Path) -> None:
    from mncost.measure.runtimes import Setup
    from mncost.measure.runtimes.given import Given
    from mncost.measure.runtimes.torch import Torch
    from mncost.readers.torch.in_hand import with_program

    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 5, 1)))
    net = mncost.from_torch(module, (1, 3, 8, 8))
    assert isinstance(net.source, TorchSource)
    program = with_program(net.source)
    inputs = {"input": {"shape": [1, 3, 8, 8], "dtype": "float32", "batch_axis": 0}}
    Given(program.name, inputs).write(tmp_path)
    call, finish = Torch().profiled(Setup(tmp_path))
    assert isinstance(call(), torch.Tensor)
    nodes = Torch.kernels_to_nodes(finish().kernels, net.graph)
    assert {node for node in nodes.values() if node in {one.name for one in net.layers}} == {
        "0",
        "1.1",
    }


def test_a_bilinear_layer_by_its_definition() -> None:
    layer = nn.Bilinear(4, 5, 6, bias=False)
    first, second = torch.ones(3, 4), torch.ones(3, 5)
    with torch.no_grad():
        layer.weight.fill_(1)
    products = layer(first, second).sum().item()  # x A, for each column of A
    sums = 3 * 6 * 5  # that, with y
    assert mncost.from_torch(layer, [(3, 4), (3, 5)]).macs == products + sums


@pytest.mark.parametrize("wrapper", [torch.compile, nn.DataParallel, torch.jit.script])
@pytest.mark.filterwarnings("ignore")
def test_what_is_in_a_wrapper_is_counted(wrapper: Callable[..., nn.Module]) -> None:
    assert mncost.from_torch(wrapper(nn.Linear(3, 4)), (2, 3)).macs == 2 * 3 * 4


def test_a_forward_without_names_is_refused() -> None:
    class Any_(nn.Module):
        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            return inputs[0]

    with pytest.raises(mncost.InputError, match="any number of inputs, without names"):
        mncost.from_torch(Any_(), (2, 3))


@pytest.fixture
def package(here: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write a Python module with factories good and bad; return its name."""
    name = f"nets_{abs(hash(here)):x}"
    (here / f"{name}.py").write_text(
        textwrap.dedent(
            """
            import torch
            from torch import nn
            net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
            def make(): return nn.Linear(4, 5)
            def needs(width, depth=2): return nn.Linear(width, depth)
            def raises(): raise ValueError("no\\nluck\\x1b[31m")
            def nothing(): return 5
            class Net(nn.Linear):
                def __init__(self): super().__init__(4, 5)
            class Bad(nn.Module):
                def forward(self, x): raise RuntimeError("boom")
            """
        )
    )
    monkeypatch.syspath_prepend(here)
    return name


@pytest.mark.parametrize(
    ("what", "shape", "macs"), [("net", "1x3x8x8", 7776), ("make", "1x4", 20), ("Net", "1x4", 20)]
)
def test_what_python_names(
    package: str, what: str, shape: str, macs: int, run_cli: Callable[..., Result]
) -> None:
    status, out, err = run_cli(
        ["table", f"{package}:{what}", "--input", shape, "--format", "csv", "--columns", "macs"]
    )
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == str(macs)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("needs", "needs arguments (width)"),
        ("raises", r"raises ValueError: no luck\x1b[31m"),
        ("nothing", "gives a value of type int"),
        ("nett", "did you mean 'net'?"),
        ("Bad", "its forward raises RuntimeError: boom"),
        ("make", "is not known; accepted is e.g. --input"),
    ],
)
def test_bad_names(package: str, what: str, said: str, run_cli: Callable[..., Result]) -> None:
    """One line with the error's own words, exit status 2."""
    given = ["--input", "1x4"] if what == "Bad" else []
    status, out, err = run_cli(["table", f"{package}:{what}", *given])
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_traceback_of_somebody_elses_code(package: str, run_cli: Callable[..., Result]) -> None:
    status, _, err = run_cli(["table", f"{package}:raises", "--traceback"])
    assert status == 2
    assert "Traceback" in err
    assert f"{package}.py" in err


def test_a_package_that_is_not_there(run_cli: Callable[..., Result]) -> None:
    status, _, err = run_cli(["table", "no_such_package:net"])
    assert (status, err.count("\n")) == (2, 1)
    assert "there is no Python module no_such_package" in err


# ---------------------------------------------------------------------------- other people's models

FOREIGN = [
    *(f"torchvision:{name}" for name in ("mobilenet_v3_large", "vit_b_16", "swin_v2_t")),
    *(f"timm:{name}" for name in ("mobilenetv4_hybrid_medium", "mobilevit_s", "fastvit_t8")),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", FOREIGN)
def test_models_of_other_projects(name: str) -> None:
    """Half of torch's FLOPs and all parameters, to the unit."""
    project, _, model = name.partition(":")
    package = pytest.importorskip(project)
    with torch.device("meta"):
        module = (
            package.create_model(model) if project == "timm" else package.models.get_model(model)
        ).eval()
    network = mncost.load(name)
    shape = (1, *network.inputs["x"])
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(shape, device="meta"))
    assert network.macs == counter.get_total_flops() // 2
    assert network.params == sum(one.numel() for one in module.parameters())


@pytest.mark.slow
def test_a_transformer() -> None:
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = transformers.BertConfig(intermediate_size=48, vocab_size=100, **small)
    with torch.device("meta"):
        module = transformers.BertModel(config).eval()
    ids = torch.zeros(1, 10, dtype=torch.long, device="meta")
    with FlopCounterMode(display=False) as counter:
        module(input_ids=ids)
    assert mncost.from_torch(module, {"input_ids": ids}).macs == counter.get_total_flops() // 2 > 0
