"""mncost: what a MobileNet costs.

::

    import mncost

    net = mncost.load("v2", alpha=0.5, resolution=160)
    print(net)                          # layer by layer; a notebook shows it as a table
    net.macs, net.params, net.layers, net.to_frame()
    mncost.grid("v2", alpha="0.35:1.0", resolution="96:224").to_frame()
    mncost.explain(net)                 # why counting tools print other numbers
    mncost.verify(net).ok               # torch, fvcore and the ONNX file count the same
    mncost.compare(net)                 # beside the standard-convolution twin
    results = mncost.bench("v2", runtime="onnxruntime")
    print(results)                      # results.to_frame(), results.report("r.html")
    mncost.plot(results, x="macs", y="latency").save("fit.svg")
    mncost.pick("v1,v2,v3", max_macs="150M", min_top1=68).to_frame()
    mncost.Predictor.fit(results).predict(mncost.grid("v2", alpha="0.35:1.0")).to_frame()
    mncost.read_space("space.toml").survey("macs:max,params")       # a million networks at once
    mncost.search("v3-large", "5ms").save("found.toml")              # a network within a budget
"""

from typing import TYPE_CHECKING, Any

from mncost.render.shown import show_with

if TYPE_CHECKING:
    from mncost.api import grid, load
    from mncost.budget.baseline import Baseline
    from mncost.budget.outcome import Outcome, Verdicts
    from mncost.budget.run import check
    from mncost.choose.pick import pick
    from mncost.choose.picked import Pick, Picked
    from mncost.comparison import Comparison, compare
    from mncost.effort import Effort
    from mncost.errors import InputError, MncostError
    from mncost.explanation import Explanation, explain
    from mncost.grids import Grid
    from mncost.imported import from_onnx, from_torch
    from mncost.measure.where import Where
    from mncost.model_changes import ModelChanges, diff_models
    from mncost.nas.found import Search
    from mncost.nas.search import search
    from mncost.network import Network
    from mncost.pictures.picture import Picture
    from mncost.pictures.plot import plot
    from mncost.predict.predictions import Prediction, Predictions
    from mncost.predict.predictor import Predictor
    from mncost.pruning.prune import Pruned, prune
    from mncost.render.table import Table
    from mncost.results.bench import bench
    from mncost.results.results import Results
    from mncost.space.space import Space, read_space
    from mncost.space.survey import Survey
    from mncost.which import Which
    from mncost.witnesses.verification import Verification, verify

__all__ = [
    "Baseline",
    "Comparison",
    "Effort",
    "Explanation",
    "Grid",
    "InputError",
    "MncostError",
    "ModelChanges",
    "Network",
    "Outcome",
    "Pick",
    "Picked",
    "Picture",
    "Prediction",
    "Predictions",
    "Predictor",
    "Pruned",
    "Results",
    "Search",
    "Space",
    "Survey",
    "Table",
    "Verdicts",
    "Verification",
    "Where",
    "Which",
    "__version__",
    "bench",
    "check",
    "compare",
    "diff_models",
    "explain",
    "from_onnx",
    "from_torch",
    "grid",
    "load",
    "pick",
    "plot",
    "prune",
    "read_space",
    "search",
    "verify",
]

__version__ = "0.1.0"

_MODULES = {
    "Baseline": "mncost.budget.baseline",
    "Comparison": "mncost.comparison",
    "Effort": "mncost.effort",
    "Explanation": "mncost.explanation",
    "Grid": "mncost.grids",
    "InputError": "mncost.errors",
    "MncostError": "mncost.errors",
    "ModelChanges": "mncost.model_changes",
    "Network": "mncost.network",
    "Outcome": "mncost.budget.outcome",
    "Pick": "mncost.choose.picked",
    "Picked": "mncost.choose.picked",
    "Picture": "mncost.pictures.picture",
    "Pruned": "mncost.pruning.prune",
    "Prediction": "mncost.predict.predictions",
    "Predictions": "mncost.predict.predictions",
    "Predictor": "mncost.predict.predictor",
    "Table": "mncost.render.table",
    "Verdicts": "mncost.budget.outcome",
    "Results": "mncost.results.results",
    "Search": "mncost.nas.found",
    "Space": "mncost.space.space",
    "Survey": "mncost.space.survey",
    "bench": "mncost.results.bench",
    "Verification": "mncost.witnesses.verification",
    "Which": "mncost.which",
    "Where": "mncost.measure.where",
    "check": "mncost.budget.run",
    "compare": "mncost.comparison",
    "diff_models": "mncost.model_changes",
    "explain": "mncost.explanation",
    "from_onnx": "mncost.imported",
    "from_torch": "mncost.imported",
    "grid": "mncost.api",
    "load": "mncost.api",
    "pick": "mncost.choose.pick",
    "plot": "mncost.pictures.plot",
    "prune": "mncost.pruning.prune",
    "read_space": "mncost.space.space",
    "search": "mncost.nas.search",
    "verify": "mncost.witnesses.verification",
}

show_with("mncost.tables")
show_with("mncost.page")
show_with("mncost.predict")


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the command line starts before it needs them."""
    if name not in _MODULES:
        raise AttributeError(f"module 'mncost' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULES[name]), name)
    if name.islower():
        from mncost.boundary import public

        value = public(value)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
