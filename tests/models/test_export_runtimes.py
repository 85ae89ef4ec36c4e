"""``mncost export`` for other runtimes: each file is loaded by its own runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import mncost
from mncost.errors import InputError, OutputError
from mncost.graph.ops import Add
from mncost.models.export import FILES, Choices
from mncost.network import Network
from mncost.render.write import write_folder
from tests.running import Result

Cli = Callable[..., Result]
WORDS = ["export", "v2", "--alpha", "0.35", "--resolution", "64"]


def net() -> Network:
    return mncost.load("v2", 0.35, 64)


def images(batch: int = 1) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((batch, 3, 64, 64), dtype="float32")


def by_openvino(path: Path, values: np.ndarray) -> np.ndarray:
    openvino = pytest.importorskip("openvino")
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(values)[0])


def by_ncnn(path: Path, values: np.ndarray) -> np.ndarray:
    ncnn = pytest.importorskip("ncnn")
    pytest.importorskip("pnnx")
    model = ncnn.Net()
    model.opt.use_bf16_storage = False
    model.opt.use_fp16_packed = model.opt.use_fp16_storage = False
    model.opt.use_fp16_arithmetic = False
    assert model.load_param(str(path)) == model.load_model(str(path.with_suffix(".bin"))) == 0
    extractor = model.create_extractor()
    extractor.input("in0", ncnn.Mat(values[0]))
    return np.array(extractor.extract("out0")[1])[None]


def by_litert(path: Path, values: np.ndarray) -> np.ndarray:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(path))
    interpreter.allocate_tensors()
    (entry,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(entry["index"], values.transpose(0, 2, 3, 1))
    interpreter.invoke()
    return np.array(interpreter.get_tensor(out["index"]))


RUN = {"net.xml": by_openvino, "net.param": by_ncnn, "net.tflite": by_litert}
PACKAGES = {"net.xml": "openvino", "net.param": "pnnx", "net.tflite": "ai_edge_litert"}


@pytest.mark.parametrize("name", RUN)
def test_trained_weights(here: Path, run_cli: Cli, name: str) -> None:
    """Weights of a file, which torch runs too."""
    pytest.importorskip(PACKAGES[name])
    module = net().to_torch(seed=9).eval()
    torch.save(module.state_dict(), here / "weights.pt")
    status, out, err = run_cli([*WORDS, "--weights", "weights.pt", "-o", name])
    assert (status, err) == (0, "")
    stem = here / name
    written = [path for path in here.glob("net.*") if path.suffix in (stem.suffix, ".bin")]
    said = int(out.rpartition(", ")[2].split()[0].replace(",", "")) if "," in out else 0
    assert sum(path.stat().st_size for path in written) >= said > 0
    with torch.no_grad():
        wanted = module(torch.from_numpy(images())).numpy()
    assert np.abs(RUN[name](stem, images()) - wanted).max() <= 1e-4 * wanted.std()


def test_metadata(here: Path, run_cli: Cli) -> None:
    """Each kind of file says what it holds, as ONNX files do."""
    openvino = pytest.importorskip("openvino")
    pytest.importorskip("pnnx")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    for name in ("other.xml", *list(RUN)[1:]):
        assert run_cli([*WORDS, "-o", name]).status == 0
    info = openvino.Core().read_model(here / "other.xml").get_rt_info(["framework", "alpha"])
    assert info.astype(str) == "0.35"
    assert "# alpha: 0.35" in (here / "net.param").read_text().splitlines()
    content = (here / "net.tflite").read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    known = {one.name.decode(): bytes(model.buffers[one.buffer].data) for one in model.metadata}
    assert known["alpha"] == b"0.35"
    assert known["resolution"] == b"64"


@pytest.mark.parametrize("words", [["--static-batch", "2"], ["--dynamic-batch"]])
def test_openvino_with_two_images(here: Path, run_cli: Cli, words: list[str]) -> None:
    assert run_cli([*WORDS, *words, "-o", "net.xml"]).status == 0
    with torch.no_grad():
        wanted = net().to_torch(seed=0).eval()(torch.from_numpy(images(2))).numpy()
    assert np.abs(by_openvino(here / "net.xml", images(2)) - wanted).max() <= 1e-4 * wanted.std()


def test_openvino_in_int8(here: Path, run_cli: Cli) -> None:
    status, out, _ = run_cli([*WORDS, "--precision", "int8", "-o", "net.xml"])
    assert status == 0
    assert "int8, calibrated with noise" in out
    logits = by_openvino(here / "net.xml", images())
    with torch.no_grad():
        wanted = net().to_torch(seed=0).eval()(torch.from_numpy(images())).numpy()
    assert 5e-3 < np.sqrt(((logits - wanted) ** 2).mean()) / wanted.std() < 0.2
    assert 4 * net().params / (here / "net.bin").stat().st_size > 3


def test_two_models_do_not_share_a_file(here: Path, run_cli: Cli) -> None:
    """OpenVINO and ncnn both call the weights .bin."""
    pytest.importorskip("openvino")
    (here / "net.param").write_text("a model of ncnn's")
    (here / "net.bin").write_bytes(b"its weights")
    status, out, err = run_cli([*WORDS, "-o", "net.xml"])
    assert (status, out) == (2, "")
    assert err == "mncost: net.bin belongs to net.param: choose another name than net.xml\n"
    assert (here / "net.bin").read_bytes() == b"its weights"


def test_what_a_kind_of_file_does_not_have(run_cli: Cli) -> None:
    status, _, err = run_cli([*WORDS, "--precision", "int8", "-o", "net.param"])
    assert status == 2
    assert "--precision means nothing to a .param file" in err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its own folders
def test_core_ml(here: Path, run_cli: Cli) -> None:
    """It cannot run here: its own specification says what the package computes."""
    coremltools = pytest.importorskip("coremltools")
    module = net().to_torch(seed=9).eval()
    torch.save(module.state_dict(), here / "weights.pt")
    words = [*WORDS, "--weights", "weights.pt", "-o", "net.mlpackage"]
    assert run_cli(words).status == 0
    spec = coremltools.utils.load_spec(str(here / "net.mlpackage"))
    assert spec.description.metadata.userDefined["alpha"] == "0.35"
    (image,) = spec.description.input
    assert list(image.type.multiArrayType.shape) == [1, 3, 64, 64]
    (function,) = spec.mlProgram.functions.values()
    (block,) = function.block_specializations.values()
    counted = {"conv": 0, "linear": 0, "add": 0}
    for operation in block.operations:
        if operation.type in counted:
            counted[operation.type] += 1
    layers = [layer.kind for layer in net().layers]
    assert counted["conv"] == sum(kind in ("conv", "depthwise", "pointwise") for kind in layers)
    assert counted["linear"] == layers.count("linear") == 1
    assert counted["add"] == sum(isinstance(node.op, Add) for node in net().graph.nodes)
    weights = here / "net.mlpackage/Data/com.apple.CoreML/weights/weight.bin"
    (classifier,) = [one for one in module.state_dict().values() if one.shape == (1000, 1280)]
    assert classifier.numpy().tobytes() in weights.read_bytes()


def test_a_folder_replaces_only_its_like(here: Path) -> None:
    folder = here / "net.mlpackage"
    write_folder(folder, {"Manifest.json": b"1", "Data/weights.bin": b"2", "old": b""})
    write_folder(folder, {"Manifest.json": b"3", "Data/weights.bin": b"4"})
    left = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert left == {"Manifest.json": b"3", "weights.bin": b"4"}
    other = here / "other.mlpackage"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="a folder of something else has this name"):
        write_folder(other, {"Manifest.json": b"1"})
    assert (other / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in here.iterdir()) == ["net.mlpackage", "other.mlpackage"]


def test_what_ncnn_cannot_convert_is_no_defect_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it has no time for it."""
    pytest.importorskip("ncnn")
    pytest.importorskip("pnnx")
    from mncost.models import ncnn_model

    monkeypatch.setattr(ncnn_model, "_SECONDS", 0.0)
    with pytest.raises(InputError):
        FILES[".param"].export(net(), Choices())
