"""The options of every command: a call that works, a value for each option, files to read."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import typer
from msgspec import structs

from mncost.cli.main import _app
from mncost.place import OnePlace
from mncost.predict.predictor import Predictor
from mncost.predict.profile import place_of, write_profile
from mncost.results.results import Results
from tests.nas.small import network
from tests.running import in_process

__all__ = ["BASES", "VALUES", "options_of", "prepare"]

TINY = Path(__file__).parent / "tiny.toml"
# A limit that holds, and one at the very latency of the script.
BUDGET = (
    '[[budget]]\nmodel = { arch = "v2", alpha = 0.35 }\nruntime = "fake"\n'
    'macs = "70 M"\nlatency = { p50 = "1.5 ms" }\n'
)
SPACE = """
arch = "v2"
alpha = "0.35:1.0"
choices = [{ rows = ["row3", "row4", "row5"], kernel = [3, 5], repeats = [1, 3] }]
"""
# The call that all options are added to: the least that works.
BASES = {
    "table": "table --arch v3-large --alpha 0.75",
    "layers": "layers --arch v3-large --alpha 0.75",
    "explain": "explain --arch v3-large --alpha 0.75",
    "verify": "verify --arch tiny.toml",
    "export": "export --arch tiny.toml --output net.onnx",
    "prune": "prune --arch tiny.toml --channels 0.5 --output pruned.toml",
    "list": "list",
    "bench": "bench --arch large.toml --runtime fake --max-time 0.4s",
    "compare": "compare --arch v3-large --alpha 0.75",
    "compare --bench": "compare --arch large.toml --bench --runtime fake --max-time 1s",
    "show": "show run.json",
    "report": "report other.json",
    "diff": "diff run.json other.json",
    "diff-models": "diff-models --arch v2,v3-large",
    "calibrate": "calibrate --arch v2 --runtime fake --cells 2 --max-time 1s",
    "calibrate --from": "calibrate --from places.json --threads 1 --precision fp32",
    "predict": "predict --arch v3-large --alpha 4 --resolution 1024",
    "predict --run": "predict --arch v2 --alpha 4 --resolution 1024 --run places.json "
    "--threads 1 --precision fp32",
    "pick": "pick --arch v2,v3-small --max-size 16MB",
    "space": "space space.toml --sample 50",
    "search": "search --arch small.toml --max-latency 60us --step 5% --no-measure -o out.toml",
    "plot": "plot --arch v2,v3-small --x macs --y top1 --output out.svg",
    "check": "check budgets-own.toml --max-time 1s",
    "init": "init ci tiny.toml --gitlab",
    "hosts": "hosts --hosts nowhere.toml",  # nothing is asked over a network here
    "schema": "schema run",
}
# A value that is not what the option has by default; first for one command, then for all.
VALUES = {
    "space --pareto": "macs:max,params",
    "space --columns": "number,weight_bytes,peak_activation_bytes",
    "space --sort": "peak_activation_bytes:max",
    "space --sample": "40",
    "space --max-memory": "13MB",
    "space --rows": "3",
    "space --network": "5",
    "table --columns": "arch,macs,weight_bytes",
    "list --columns": "arch,resolution",
    "explain --columns": "name,count",
    "verify --columns": "arch,macs",
    "layers --columns": "name,macs,bytes_read",
    "layers --by": "kind",
    "prune --columns": "what,macs",
    "prune --output": "other.toml",
    "search --columns": "what,macs",
    "search --output": "other.toml",
    "search --round": "4",
    "search --alpha": "0.5",
    "search --max-time": "1s",
    "search --resolution": "48",
    "search --max-latency": "62us",
    "search --resume": "search.jsonl",
    "search --measure": "--measure",
    "--score": "my.py:score",
    "--step": "20%",
    "--population": "4",
    "--generations": "2",
    "--channels": "0.75",
    "--round": "16",
    "compare --columns": "arch,macs",
    "bench --columns": "arch,runtime,latency",
    "bench --alpha": "0.5",
    "pick --with-weights": "--with-weights",
    "show --columns": "arch,latency",
    "diff --columns": "arch,ratio",
    "diff-models --columns": "name,old_macs",
    "pick --columns": "arch,macs",
    "predict --columns": "arch,latency",
    "predict --run": "grid.json",
    "predict --target-error": "1%",
    "predict --alpha": "3",
    "predict --resolution": "768",
    "bench --classes": "100000",
    "compare --bench --classes": "100000",
    "--cells": "3",
    "--from": "grid.json",
    "bench --twin": "--no-twin",
    "compare --bench --layers": "--no-layers",
    "compare --bench --memory": "--no-memory",
    "bench --by": "layer",
    "show --by": "layer",
    "plot --by": "block",
    "plot --kind": "layers",
    "plot --format": "png",
    "plot --output": "other.svg",
    "plot --precision": "int8",
    "report --output": "out.html",
    "export --output": "other.onnx",
    "bench --output": "out.txt",
    "compare --run": "pairs.json",
    "pick --run": "run.json",
    "verify --alpha": "0.5",
    "verify --dialect": "small",
    "--host": "pi4",
    "--hosts": "nowhere.toml",
    "--arch": "v1",
    "--alpha": "0.5",
    "--resolution": "128",
    "--rho": "0.5",
    "--dialect": "torchvision",
    "--classes": "7",
    "--in-channels": "1",
    "--output-stride": "16",
    "--in-place": "depthwise",
    "--input": "1x3x224x224",
    "--opset": "17",
    "--input-data": "nowhere.npz",
    "--static-batch": "2",
    "--precision": "int8",
    "--format": "csv",
    "--output": "out.txt",
    "--pivot": "weight_bytes",
    "--latency": "predicted",
    "--pareto": "top1,macs",
    "--convention": "fvcore",
    "--twin": "fused",
    "--seed": "3",
    "--weights": "net.pt",
    "--weights-key": "model",
    "--clock": "wall",
    "--baseline-model": "net.onnx",
    "--copies": "2",
    "--device": "cpu",
    "--runtime": "torch",
    "--provider": "CPUExecutionProvider",
    "--threads": "2",
    "--batch": "4",
    "--python": "python3",
    "--target-error": "10%",
    "--max-time": "3s",
    "--processes": "8",
    "--percentiles": "90,99",
    "--percentile": "99",
    "--resume": "run.json",
    "--export": "pyperf",
    "--max-twin-gmacs": "0.00001",
    "--save": "saved.json",
    "--title": "A title",
    "--max-macs": "150M",
    "--max-params": "3M",
    "--max-size": "10MB",
    "--max-memory": "4MiB",
    "--min-top1": "65",
    "--max-latency": "8ms",
    "--sparsity": "0.5",
    "--teacher": "v1",
    "--train": "head",
    "--optimizer": "adam",
    "--top-k": "5%",
    "--top": "1",
    "--x": "params",
    "--y": "weight_bytes",
    "--baseline": "run.json",
    "--baseline-python": "python3",
    "--baseline-arch": "tiny.toml",
    "--inconclusive": "pass",
    "--junit": "out.xml",
}


def prepare(folder: Path) -> None:
    """Write what the calls read into the current directory: runs, a budget, an architecture.

    Nothing must really be measured by now.
    """
    small = "--arch v2 --alpha 0.35,0.5,0.75 --resolution 96 --runtime fake --max-time 2s"
    for line in (
        f"bench {small} --by layer --save run.json",
        f"bench {small} --seed 1 --save other.json",
        "bench v2 --alpha 0.35:1.0 --resolution 96,128 --no-twin --runtime fake --max-time 2s "
        "--save grid.json",
        "bench v2 --alpha 0.35:1.0 --resolution 96,128 --no-twin --runtime onnxruntime "
        "--threads 1,2 --precision fp32,int8 --max-time 2s --save places.json",
        "compare --arch v1 --bench --runtime fake --max-time 2s --save pairs.json",
    ):
        result = in_process(line.split())
        assert result.status == 0, result
    _profiles()
    (folder / "budgets-own.toml").write_text(BUDGET)
    tiny = TINY.read_text()
    (folder / "tiny.toml").write_text(tiny)
    (folder / "large.toml").write_text(tiny.replace("resolution = 8", "resolution = 512"))
    (folder / "space.toml").write_text(SPACE)
    (folder / "my.py").write_text("def score(network):\n    return network.params\n")
    network(folder)
    assert in_process(BASES["search"].split()).status == 0
    (folder / "out.jsonl").rename("search.jsonl")
    (folder / "out.toml").unlink()
    if find_spec("torch") and find_spec("onnx"):
        for name in ("net.pt", "net.onnx"):
            words = ["export", "tiny.toml", "--seed", "5", "-o", name]
            assert in_process(words).status == 0


def _profiles() -> None:
    """Write profiles of some places, no two of which are alike."""
    for factor, place in (
        (1.1, place_of(OnePlace())),
        (1.2, place_of(OnePlace("torch"))),
        (1.3, place_of(OnePlace(threads=2))),
        (1.4, place_of(OnePlace(), "int8")),
    ):
        run = Results.read("grid.json").run  # with the kernels that the runtime of the place has
        run.cells[:] = [structs.replace(cell, place=place) for cell in run.cells]
        for process in run.processes:
            process.worker = run.cells[0].worker
        made = Predictor.fit(run).calibration
        cells = [
            structs.replace(
                cell,
                seconds=[factor * one for one in cell.seconds],
                calm=[factor * one for one in cell.calm],
            )
            for cell in made.cells
        ]
        write_profile(structs.replace(made, place=place, versions={}, cells=cells))


def options_of(name: str) -> dict[str, list[str]]:
    """Return each option of a command with a value for it."""
    called = name.split(maxsplit=1)[0]
    command = typer.main.get_command(_app([called])).commands[called]  # type: ignore[attr-defined]
    words = {}
    for parameter in command.params:
        option = parameter.opts[0]
        value = (
            VALUES.get(f"{name} {option}") or VALUES.get(f"{called} {option}") or VALUES.get(option)
        )
        is_flag = getattr(parameter, "is_flag", False)
        if parameter.param_type_name != "option" or option in name:
            continue
        if f"{name} {option}" in BASES:  # has pairs of its own
            continue
        if is_flag and option in BASES[name].split():
            continue
        if is_flag:
            words[option] = [value or option]
        else:
            words[option] = [option, str(value)]
    return words
