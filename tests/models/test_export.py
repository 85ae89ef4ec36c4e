"""``mncost export``: what each kind of file holds, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings

import mncost
from mncost.api import grid
from mncost.extras import install
from mncost.spec.build import build
from mncost.spec.parse import parse_spec
from mncost.spec.resolve import Architecture, resolve
from mncost.spec.resolved import resolved_file
from tests.models.test_onnx import run_onnx
from tests.networks import EVERY_DIALECT, toml
from tests.random_rows import ALPHAS, bodies
from tests.running import Result, as_process

Cli = Callable[..., Result]
EXAMPLE = Path(__file__).parents[2] / "examples" / "my_net.toml"
CONV = {"block": "conv", "kernel": 1, "out": 64}
WIDTHS = (0.1, 0.25, 0.35, 0.5, 0.56, 0.6, 0.75, 1.0, 1.3, 1.4, 2.0)


def exported(run_cli: Cli, words: str, path: str) -> str:
    """Run the command; return what it printed."""
    status, out, err = run_cli(["export", *words.split(), "-o", path])
    assert (status, err) == (0, "")
    assert out.count("\n") == 1
    assert out.startswith(f"{path}: ")
    return out


def test_onnx(here: Path, run_cli: Cli) -> None:
    words = "--arch v2 --alpha 0.1 --resolution 65 --classes 7 --dynamic-batch --seed 3"
    out = exported(run_cli, words, "net.onnx")
    size = (here / "net.onnx").stat().st_size
    expected = f"net.onnx: v2 α 0.1 at 65 px, dialect paper, {size:,} bytes\n"
    assert out == expected
    image = np.ones((2, 3, 65, 65), "float32")
    module = mncost.load("v2", 0.1, 65, classes=7).to_torch(seed=3).eval()
    with torch.no_grad():
        logits = module(torch.from_numpy(image)).numpy()
    got = run_onnx(onnx.load(here / "net.onnx"), image)
    assert np.abs(got - logits).max() <= 1e-4 * logits.std()


def test_state_dict(here: Path, run_cli: Cli) -> None:
    exported(run_cli, "--arch v3-small --alpha 0.1 --twin standard", "net.pt")
    state = torch.load(here / "net.pt", weights_only=True)
    module = mncost.load("v3-small", 0.1).standard.to_torch(seed=1)
    assert not torch.equal(module.get_parameter("stem.conv.weight"), state["stem.conv.weight"])
    module.load_state_dict(state, strict=True)


def test_exported_program(here: Path, run_cli: Cli) -> None:
    """Any number of images, at the resolution it was exported for."""
    exported(run_cli, "--arch v1 --alpha 0.1 --resolution 33 --dialect slim", "net.pt2")
    program = torch.export.load(here / "net.pt2").module()
    module = mncost.load("v1", 0.1, 33, "slim").to_torch().eval()
    for count in (1, 3):
        images = torch.randn(count, 3, 33, 33)
        with torch.no_grad():
            assert torch.allclose(program(images), module(images), atol=1e-5)


@pytest.mark.parametrize(
    "arch", ["v3-small", pytest.param("v4-hybrid-m", marks=pytest.mark.slow), str(EXAMPLE)]
)
def test_torch_export_takes_every_block(arch: str) -> None:
    module = mncost.load(arch, 0.1, 64).to_torch(features=True).eval()
    batch = ({0: torch.export.Dim("batch")},)
    torch.export.export(module, (torch.zeros(2, 3, 64, 64),), dynamic_shapes=batch)


def test_features(here: Path, run_cli: Cli) -> None:
    exported(run_cli, "--arch v2 --alpha 0.1 --resolution 32 --features", "net.onnx")
    assert run_onnx(onnx.load(here / "net.onnx"), np.ones((1, 3, 32, 32), "float32")).shape == (
        1,
        1280,
    )


def test_architecture_file(here: Path, run_cli: Cli) -> None:
    words = "--arch v3-large --alpha 0.75 --resolution 160 --dialect torchvision --classes 12"
    exported(run_cli, words, "net.toml")
    net = mncost.load("net.toml")
    assert (net.resolution, net.classes, net.alpha) == (160, 12, 1.0)
    assert net.graph == mncost.load("v3-large", 0.75, 160, "torchvision", 12).graph
    # The widths that torchvision builds at 0.75 (tests/witness): its last convolution has 6 × 120.
    assert (
        'name = "last", activation = "hardswish", kernel = 1, out = 720'
        in (here / "net.toml").read_text()
    )


def same_graph(architecture: Architecture | None) -> bool:
    assert architecture is not None
    text = resolved_file(architecture, architecture.native_resolution)
    again = resolve(parse_spec(text.encode(), "again"))
    return build(again) == build(architecture) and again.classes == architecture.classes


@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
def test_the_same_graph_again(arch: str, dialect: str) -> None:
    for net in grid(arch, list(WIDTHS), dialect=dialect):
        assert same_graph(net.architecture), net


@pytest.mark.parametrize("dialect", ["paper", "microcontroller"])
def test_the_same_graph_of_the_example(dialect: str) -> None:
    for net in grid(str(EXAMPLE), list(WIDTHS), dialect=dialect):
        assert same_graph(net.architecture), net


@settings(max_examples=100)
@given(rows=bodies(), alpha=ALPHAS)
def test_the_same_graph_of_any_rows(rows: list[dict[str, object]], alpha: float) -> None:
    assert same_graph(resolve(parse_spec(toml(rows), "random"), alpha))


def test_an_expansion_that_rounding_undoes() -> None:
    """66 / 64 of 8 channels are 8.25, rounded to 8: as many as go in, but still a convolution."""
    rows = [
        CONV,
        {"block": "inverted_residual", "kernel": 3, "expanded": 66, "out": 24},
    ]
    architecture = resolve(parse_spec(toml(rows), "rows"), 0.1)
    names = [node.name for node in build(architecture).nodes]
    assert architecture.blocks[1].expanded == architecture.blocks[1].in_channels == 8
    assert "row2.expand.conv" in names
    assert same_graph(architecture)


def test_a_name_that_needs_quoting() -> None:
    name = 'a "b" \\ α'
    architecture = resolve(parse_spec(toml([CONV], name=name), "x"))
    assert parse_spec(resolved_file(architecture, 64).encode(), "x").name == name


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_int8_files(suffix: str, here: Path, run_cli: Cli) -> None:
    """A quarter of the bytes, and nearly the same logits, measured here anew for ONNX."""
    pytest.importorskip("ai_edge_quantizer")
    words = f"export v2 --alpha 0.35 -r 64 -o net{suffix}".split()
    assert run_cli(words).status == 0
    full = (here / f"net{suffix}").read_bytes()
    result = run_cli([*words, "--precision", "int8"])
    assert (result.status, "int8, calibrated with noise" in result.out) == (0, True)
    small = (here / f"net{suffix}").read_bytes()
    assert len(full) / 4 < len(small) < len(full) / 3
    if suffix == ".onnx":
        images = np.random.default_rng(3).standard_normal((1, 3, 64, 64), dtype="float32")
        both = [
            onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
            for data in (full, small)
        ]
        one, other = (session.run(None, {"input": images})[0] for session in both)
        assert 0 < np.sqrt(((one - other) ** 2).mean()) / one.std() < 0.1


REFUSED = [
    ("--precision int8 -o net.pt", "--precision means nothing to a .pt file"),
    ("--precision fp16 -o net.onnx", "--precision fp16: files are written in fp32 or int8"),
    ("--precision int8 --static-batch 2 -o net.onnx", "do not go together"),
    ("-o net.onx", "unknown suffix '.onx' (did you mean '.onnx'?); accepted: .onnx, .pt, .pt2"),
    (
        "-o net",
        "unknown suffix ''; accepted: .onnx, .pt, .pt2, .tflite, .xml, .param, .pte, .mlpackage, ",
    ),
    ("", "Missing option '--output'"),
    ("-o x.pt --resolution 96", "--resolution means nothing to a .pt file"),
    ("-o x.pt --dynamic-batch", "--dynamic-batch means nothing to a .pt file"),
    ("-o x.toml --twin standard", "--twin means nothing to a .toml file"),
    ("-o x.toml --features", "--features means nothing to a .toml file"),
    ("-o x.toml --dynamic-batch", "--dynamic-batch means nothing to a .toml file"),
    ("-o x.toml --seed 0", "--seed means nothing to a .toml file; accepted beside the network"),
    ("-o x.toml --weights x.pth", "--weights means nothing to a .toml file"),
    ("-o x.onnx --seed 0 --weights x.pth", "--weights and --seed do not go together"),
    ("-o x.onnx --classes 5 --features", "--classes and --features do not go together"),
    ("-o x.onnx --seed -1", "--seed"),
    ("-o x.onnx --twin standart", "unknown twin 'standart' (did you mean 'standard'?)"),
    ("-o x.onnx --alpha 0.35:1.0", "needs one network, and these are 4: v2 α 0.35"),
    ("-o x.onnx --arch v1", "needs one network, and these are 2"),
    ("-o no/such/x.toml", "no/such/x.toml: cannot be written: No such file or directory"),
]


@pytest.mark.parametrize(("words", "complaint"), REFUSED)
def test_refused(words: str, complaint: str, here: Path, run_cli: Cli) -> None:
    status, out, err = run_cli(["export", "--arch", "v2", *words.split()])
    assert (status, out) == (2, "")
    assert err.startswith("mncost: ")
    assert err.count("\n") == 1
    assert complaint in err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("package", "words", "extra"),
    [
        ("onnx", "-o net.onnx", "onnx"),
        ("torch", "-o net.pt", "torch"),
        ("torch", "-o net.pt2", "torch"),
        ("torch", "-o net.onnx --weights x.pth", "torch"),
        ("safetensors", "-o net.onnx --weights x.safetensors", "models"),
    ],
)
def test_a_missing_package(
    package: str,
    words: str,
    extra: str,
    here: Path,
    run_cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The smallest extra that suffices is named."""
    monkeypatch.setitem(sys.modules, package, None)
    status, _, err = run_cli(["export", "--arch", "v2", "--alpha", "0.1", *words.split()])
    assert status == 2
    assert err == f"mncost: needs {package}: {install(extra)}\n"
    assert list(here.iterdir()) == []


def test_a_failure_leaves_the_old_file(here: Path, run_cli: Cli) -> None:
    (here / "net.onnx").write_text("old")
    (here / "bad.pth").write_text("bad")
    words = "export --arch v2 --alpha 0.1 --weights bad.pth -o net.onnx"
    assert run_cli(words.split()).status == 2
    assert (here / "net.onnx").read_text() == "old"


def test_as_a_process(here: Path) -> None:
    """Without torch in memory, as ONNX needs none of it."""
    result = as_process(["export", "--arch", "v2", "--alpha", "0.1", "-o", "net.onnx"], cwd=here)
    assert result.status == 0
    onnx.checker.check_model(here / "net.onnx", full_check=True)


def test_onnx_needs_no_torch(here: Path, run_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    exported(run_cli, "--arch v2 --alpha 0.1", "net.onnx")
    exported(run_cli, "--arch v2 --alpha 0.1", "net.toml")


def test_an_int8_file_for_litert_prints_one_line(tmp_path: Path) -> None:
    """What LiteRT's own library writes to the descriptor of errors is kept from it."""
    pytest.importorskip("ai_edge_litert")
    tiny = Path(__file__).parents[1] / "tiny.toml"
    words = [sys.executable, "-m", "mncost", "export", str(tiny), "--resolution", "32"]
    words += ["--precision", "int8", "-o", str(tmp_path / "net.tflite")]
    made = subprocess.run(words, capture_output=True, text=True, check=True)
    assert made.stderr == ""
    assert len(made.stdout.splitlines()) == 1


def test_a_quantised_file_has_no_twin_in_floats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be as many times faster as int8 is, and not for its layers."""
    pytest.importorskip("ai_edge_litert")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    tiny = Path(__file__).parents[1] / "tiny.toml"
    words = ["export", str(tiny), "--resolution", "32", "--precision", "int8", "-o", "net.tflite"]
    assert as_process(words).status == 0
    made = as_process(["bench", "net.tflite", "--runtime", "fake", "--max-time", "1s"])
    assert "its twin is not measured: its weights are quantised" in made.out + made.err
    assert "standard twin" not in made.out
