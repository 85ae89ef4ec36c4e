"""Budget files: what they mean, and that everything that is wrong with one is said at once."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

import mncost.budget
from mncost.budget.file import parse_budgets, read_budgets
from mncost.budget.problems import MAX_PROBLEMS
from mncost.budget.records import (
    Bounds,
    Exact,
    Latency,
    Limit,
    Model,
    Place,
    Ratio,
    Regression,
)
from mncost.budget.schema import budget_schema
from mncost.errors import BudgetError, InputError
from mncost.limits import percent_of
from mncost.toml import MAX_FILE_BYTES
from tests.running import Result, in_process

EXAMPLES = Path(__file__).parents[2] / "examples"
SCHEMA_FILE = Path(mncost.budget.__file__).with_name("budget.schema.json")
V2 = 'model = { arch = "v2" }\n'


def parse(text: str) -> list[Limit]:
    return parse_budgets(text.encode(), "b.toml", EXAMPLES)


def limits(body: str) -> list[Limit]:
    """Return the limits of a file with one budget."""
    return parse(f"[[budget]]\n{body}")


def problems(text: str | bytes) -> list[str]:
    """Return the problems of a file: printable lines that name it; without the name."""
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(BudgetError) as caught:
        parse_budgets(data, "b.toml", EXAMPLES)
    lines = caught.value.problems
    assert str(caught.value) == "\n".join(lines)
    assert [line for line in lines if not line.isprintable() or len(line) > 1_000] == []
    assert [line for line in lines if not line.startswith("b.toml: ")] == []
    return [line.removeprefix("b.toml: ") for line in lines]


def problem(body: str) -> str:
    """Return the only problem of a file with one budget, without its place."""
    (line,) = problems(f"[[budget]]\n{body}")
    assert line.startswith("budget 1 (line 1): ")
    return line.removeprefix("budget 1 (line 1): ")


# --------------------------------------------------------------------------------------- meaning

BOUNDS: dict[str, tuple[str, str, Bounds]] = {
    'macs = "107.3 M"': ("fp32", "macs", Exact("macs", 107_300_000, None)),
    'params = { max = "2.7 M" }': ("fp32", "params", Exact("params", 2_700_000, None)),
    'params = { min = "1k", max = "2k" }': ("fp32", "params", Exact("params", 2_000, 1_000)),
    'params = { min = "1 k", max = "1000e-3 k" }': (
        "fp32",
        "params",
        Exact("params", 1_000, 1_000),
    ),
    'params.min = "3.504872 M"': ("fp32", "params", Exact("params", None, 3_504_872)),
    'precision = "fp16"\nweight_bytes = "0.1 MiB"': (
        "fp16",
        "weight_bytes",
        Exact("weight_bytes", 104_857, None),
    ),
    'peak_activation_bytes = { min = "0.1 MiB" }': (
        "fp32",
        "peak_activation_bytes",
        Exact("peak_activation_bytes", None, 104_858),
    ),
    'latency = { p50 = "12 ms" }': ("fp32", "latency p50", Latency(50.0, 12e-3)),
    'latency = { "p99.9" = "1.5 s" }': ("fp32", "latency p99.9", Latency(99.9, 1.5)),
    'latency = "12 ms"': ("fp32", "latency p50", Latency(50.0, 12e-3)),
    "params = 265864": ("fp32", "params", Exact("params", 265_864, None)),
    "weight_bytes = { max = 4096, min = 1 }": (
        "fp32",
        "weight_bytes",
        Exact("weight_bytes", 4096, 1),
    ),
    'latency."p99.99" = "250 µs"': ("fp32", "latency p99.99", Latency(99.99, 250e-6)),
    'precision = "int8"\nlatency.p1 = "1 min"': ("int8", "latency p1", Latency(1.0, 60.0)),
    'latency = { max_ratio = 0.9, to = { arch = "v1" } }': (
        "fp32",
        "latency ratio to v1",
        Ratio(Model(arch="v1"), 0.9),
    ),
    'latency = { max_ratio = 1, to = { arch = "v1", alpha = 0.5, twin = "standard" } }': (
        "fp32",
        "latency ratio to v1 α 0.5, standard twin",
        Ratio(Model(arch="v1", alpha=0.5, twin="standard"), 1.0),
    ),
    'latency = { max_ratio = 0.5, to = { arch = "v2", dialect = "timm" } }': (
        "fp32",
        "latency ratio to v2 α 1 at 224 px, dialect timm",
        Ratio(Model(arch="v2", dialect="timm"), 0.5),
    ),
    'latency = { regression = "3 %", against = "baseline" }': (
        "fp32",
        "latency regression",
        Regression(0.03),
    ),
    'latency.regression = "0 %"': ("fp32", "latency regression", Regression(0.0)),
}


@pytest.mark.parametrize("body", BOUNDS)
def test_what_a_limit_means(body: str) -> None:
    precision, metric, bound = BOUNDS[body]
    (limit,) = limits(V2 + body)
    name = "v2 α 1 at 224 px" + ("" if precision == "fp32" else f", {precision}")
    assert limit._replace(bound=bound, line=1) == Limit(
        1, 1, name, Model(arch="v2"), precision, Place(precision=precision), metric, bound
    )
    assert type(limit.bound) is type(bound)
    is_float = isinstance(bound, Latency | Regression)
    assert limit.bound == (pytest.approx(bound, rel=1e-12) if is_float else bound)


def test_each_kind_of_limit_in_one_budget_is_a_limit() -> None:
    body = 'latency = { p50 = "1 s", max_ratio = 2, to = { arch = "v1" }, regression = "1 %" }'
    found = limits(f'{V2}macs = "1 G"\nparams = "1 G"\n{body}')
    assert [limit.metric for limit in found] == [
        *("macs", "params"),
        *("latency p50", "latency ratio to v1", "latency regression"),
    ]


def test_places() -> None:
    body = 'runtime = "torch"\nthreads = 2\nbatch = 8\nprovider = "x"\nlatency.p50 = "1 s"'
    (limit,) = limits(V2 + body)
    assert limit.place == Place(runtime="torch", provider="x", threads=2, batch=8)


NAMES = {
    V2: "v2 α 1 at 224 px",
    'model = { arch = "v2", alpha = 0.75, resolution = 160 }': "v2 α 0.75 at 160 px",
    'model = { arch = "mobilenet_v2_0.75_160" }': "v2 α 0.75 at 160 px",
    'model = { arch = "mobilenetv2_075" }': "v2 α 0.75 at 224 px, dialect timm",
    'model = { arch = "v2", twin = "fused", classes = 10 }': (
        "v2 α 1 at 224 px, fused twin, 10 classes"
    ),
    'precision = "int8"\nthreads = 4\nbatch = 2\nmodel = { arch = "my_net.toml" }': (
        "my-net α 1 at 160 px, int8, 4 threads, batch 2"
    ),
    'runtime = "torch"\nmodel = { arch = "v1" }': "v1 α 1 at 224 px, torch",
    'name = "phone"\nmodel = { arch = "v1" }': "phone",
}


@pytest.mark.parametrize("body", NAMES)
def test_names(body: str) -> None:
    """A budget is called what the file says, or which network it is."""
    (limit,) = limits(body + '\nmacs = "9 G"')
    assert limit.name == NAMES[body]


@pytest.mark.parametrize(
    ("key", "percent"),
    [
        *(("p1", 1.0), ("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9), ("p0.01", 0.01)),
        *((key, None) for key in ("p0", "p0.0", "p100", "p99.999", "p", "50", "P50", "p-1")),
        *((key, None) for key in ("p50 ", "p5O", "p٣", "pp50", "max_ratio")),
    ],
)
def test_percentiles(key: str, percent: float | None) -> None:
    assert percent_of(key) == percent


# ----------------------------------------------------------------------------------------- lines


def test_lines_are_those_of_the_headers() -> None:
    """Neither strings nor comments that look like headers lead astray."""
    text = '''# [[budget]]
   [[ budget ]]   # the first
name = """
[[budget]]
\\""" ' "
[[budget]]"""""
model = { arch = "v1" }
macs = "1 G" # """
[[budget]]  # """
name = \'\'\'[[budget]] " \'\'\'\'  # \' \'\'\'
provider = """a""""   # " """
model = { arch = 'v2' }
macs = "1 G"
[budget.latency]
p50 = "1 s"
[[budget]]
model.arch = "v3-small" # """ \'\'\'
macs = "1 G"
'''
    # The first name has several lines, which is refused. The second budget gets a problem, too.
    first, second = problems(text.replace('p50 = "1 s"', "p50 = 1"))
    assert first.startswith("budget 1 (line 2): name: ")
    assert second.startswith("budget 2 (line 9): latency.p50: ")
    good = text.replace('"""\n[[budget]]\n\\""" \' "\n[[budget]]"""""', '"""[[budget]]\\\n  x"""""')
    assert [limit.line for limit in parse(good)] == [6, 11, 13, 16]


def test_lines_of_a_file_that_starts_with_a_mark_and_ends_lines_with_two_characters() -> None:
    text = '\ufeff[[budget]]\r\nmodel.arch = "v1"\r\nmacs = "9 G"\r\n\r\n[[budget]]\r\n'
    assert [limit.line for limit in parse(text + V2 + 'macs = "9 G"')] == [3, 7]


LINES = """# macs = "1 G"
[[budget]]
name = "params = 1"  # macs = 1
model = { arch = "v2" }
params = { min = "1 k", max = "9 G" }
macs = "9 G"
[budget.latency]
p50 = "12 ms"   # regression = "3 %"
"p99.9" = "1 s"
max_ratio = 0.9
to = { arch = "v1" }
'regression' = "3 %"
[budget.weight_bytes]
max = "1 GB"

[[budget]]
macs = "8 G"
model.arch = "v1"
latency = { p90 = "1 s", p99 = "1 s" }
"""


def test_each_limit_has_its_own_line() -> None:
    """By hand; what stands in strings and comments is no key."""
    assert {(limit.budget, limit.metric): limit.line for limit in parse(LINES)} == {
        (1, "params"): 5,
        (1, "macs"): 6,
        (1, "latency p50"): 8,
        (1, "latency p99.9"): 9,
        (1, "latency ratio to v1"): 10,
        (1, "latency regression"): 12,
        (1, "weight_bytes"): 13,
        (2, "macs"): 17,
        (2, "latency p90"): 19,
        (2, "latency p99"): 19,
    }


def test_budgets_without_headers_have_no_line() -> None:
    text = 'budget = [{ model = { arch = "v1" }, macs = "9 G", name = """\\\n[[budget]]""" }]'
    (limit,) = parse(text)
    assert (limit.budget, limit.line, limit.name) == (1, None, "[[budget]]")
    (line,) = problems(text.replace("9 G", "9"))
    assert line.startswith("budget 1: macs: '9'")


# ---------------------------------------------------------------------------------------- models


def test_paths_start_where_the_budget_file_is(here: Path) -> None:
    """They are stored such that the working directory does not matter any more."""
    (here / "sub").mkdir()
    (here / "my_net.toml").write_bytes((EXAMPLES / "my_net.toml").read_bytes())
    file = here / "sub" / "b.toml"
    file.write_text('[[budget]]\nmodel = { arch = "../my_net.toml " }\nmacs = "9 G"\n')
    (limit,) = read_budgets(Path("sub/b.toml"))
    assert Path(limit.model.arch).is_absolute()
    assert Path(limit.model.arch).samefile(here / "my_net.toml")
    file.write_text(file.read_text().replace("../", ""))
    with pytest.raises(BudgetError, match=r"my_net\.toml"):
        read_budgets(file)


def test_a_built_in_name_is_no_path(here: Path) -> None:
    (here / "v2").write_text("no architecture")
    (here / "b.toml").write_text(f'[[budget]]\n{V2}macs = "9 G"\n')
    (limit,) = read_budgets(here / "b.toml")
    assert limit.model.arch == "v2"


def test_standard_input(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "my_net.toml").write_bytes((EXAMPLES / "my_net.toml").read_bytes())
    text = b'[[budget]]\nmodel = { arch = "my_net.toml" }\nmacs = "9 G"\n'
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    (limit,) = read_budgets(Path("-"))
    assert Path(limit.model.arch) == here / "my_net.toml"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"x")))
    with pytest.raises(BudgetError, match=r"^standard input: "):
        read_budgets(Path("-"))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(BudgetError, match=r"^standard input: "):
        read_budgets(Path("-"))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ('arch = "v22"', ("model: unknown architecture 'v22'", "did you mean 'v2'")),
        ('arch = "v3"', ("model: needs one network, and these are 4", "v3-large α 1.0")),
        ('arch = "v1,v2"', ("needs one network, and these are 2",)),
        ('arch = "-"', ("model.arch", "standard input")),
        ('arch = "a,b/net.toml"', ("model.arch", "comma")),
        ('arch = "missing.toml"', ("model: ", "missing.toml: cannot be read",)),
        ('arch = "budgets.toml"', ("model: ", "budgets.toml: ", "'budget'")),
        ('arch = "v2", alpha = -1', ("model: α", "greater than 0")),
        ('arch = "v2", alpha = nan', ("model: α", "not a number")),
        ('arch = "v2", alpha = 17', ("model: α 17", "at most 16")),
        ('arch = "v2", alpha = "0.5"', ('model.alpha: "0.5"', "a number")),
        ('arch = "v2", resolution = 0', ("model: resolution", "greater than 0")),
        ('arch = "v2", resolution = 96.5', ("model.resolution: 96.5", "a whole number")),
        ('arch = "v2", classes = -1', ("model: classes -1", "0 (no classifier) to 1000000")),
        ('arch = "v2", dialect = "kears"', ("'kears'", "did you mean 'keras'")),
        ('arch = "v2", twin = "standrad"', ("'standrad'", "did you mean 'standard'")),
        ('arch = "v1", twin = "fused"', ("model: v1 has no fused twin",)),
        ('arch = "v2", resolutoin = 96', ("model: unknown key 'resolutoin'", "'resolution'")),
        ('arch = "mobilenet_v2_0.75_160", alpha = 1.0', ("model: α", "0.75")),
        ("alpha = 0.5", ("model: none of them; accepted is one of arch, file and python",)),
        ("arch = 2", ("model.arch: 2", "a text")),
    ],
)  # fmt: skip
def test_models_that_cannot_be_loaded(model: str, words: tuple[str, ...]) -> None:
    """Of the network itself, and of the one that it is compared with."""
    found = problem(f'model = {{ {model} }}\nmacs = "1 G"')
    assert [word for word in words if word not in found] == []
    to = problem(f"{V2}latency = {{ max_ratio = 1, to = {{ {model} }} }}")
    assert to == found.replace("model", "latency.to", 1)


# ---------------------------------------------------------------------------------------- errors

ERRORS: dict[str, tuple[str, ...]] = {
    'macs = "1 G"': ("the key 'model' is missing",),
    'model = "v2"\nmacs = "1 G"': ('model: "v2"', "a table of: arch, alpha"),
    V2: ("no limit", "macs, params, weight_bytes, peak_activation_bytes, latency"),
    V2 + 'alpha = 0.35\nparams = "1 G"': ("'alpha' belongs elsewhere", "model = { alpha = 0.35 }"),
    V2 + 'mcas = "1 G"\nparams = "1 G"': ("unknown key 'mcas'", "did you mean 'macs'"),
    V2 + 'macs = "107.3"': ("macs: '107.3'", "k, M, G"),
    V2 + "macs = 1.5": ("macs: 1.5", '"107.3 M"', "k, M, G", "max, min"),
    V2 + "macs = -1": ("macs: -1", "a whole number", "k, M, G"),
    V2 + "macs = true": ("macs: true", "k, M, G"),
    V2 + 'macs = ["1 M"]': ("macs: an array", "k, M, G"),
    V2 + "params = { max = 5.5 }": ("params.max: 5.5", '"107.3 M"', "k, M, G"),
    V2 + 'params = { maks = "5 k" }': ("params: unknown key 'maks'", "did you mean 'max'"),
    V2 + "params = {}": ("params: no limit", "max, min"),
    V2 + 'params = { max = "1 k", min = "2 k" }': ("params.min: '2 k'", "max, '1 k'"),
    V2 + 'weight_bytes = { max = "1 MB", min = "1 MiB" }': ("weight_bytes.min", "'1 MB'"),
    V2 + 'macs = "-1 M"': ("macs: '-1 M'", "not negative"),
    V2 + 'macs = "nan M"': ("macs: 'nan M'", "k, M, G"),
    V2 + 'macs = "inf M"': ("macs: 'inf M'", "k, M, G"),
    V2 + 'macs = "0.0015 k"': ("macs: '0.0015 k'", "a whole number"),
    V2 + 'weight_bytes = "1 M"': ("weight_bytes: '1 M'", "B, KiB, MiB, GiB, kB, MB, GB"),
    V2 + "weight_bytes = 0.5": ("weight_bytes: 0.5", '"1.5 MiB"', "KiB"),
    V2 + 'latency = "12"': ("latency: '12'", "us, µs, ms, s, min, h"),
    V2 + "latency = 12": ("latency: 12", '"12 ms"', "a table of: max_ratio"),
    V2 + "latency = {}": ("latency: no limit", "p50"),
    V2 + 'latency = { p50 = "12" }': ("latency.p50: '12'", "us, µs, ms, s, min, h"),
    V2 + "latency = { p50 = 12 }": ("latency.p50: 12", '"12 ms"', "ms, s"),
    V2 + 'latency = { p50 = "0 ms" }': ("latency.p50: '0 ms'", "longer than 0"),
    V2 + 'latency = { p50 = "-1 ms" }': ("latency.p50: '-1 ms'", "not negative"),
    V2 + 'latency = { p50 = "inf ms" }': ("latency.p50: 'inf ms'", "ms, s"),
    V2 + 'latency = { p99.9 = "12 ms" }': ("latency.p99: a table", 'in quotes, "p99.9"'),
    V2 + 'latency = { p100 = "1 s" }': ("latency: unknown key 'p100'", '"p99.9"'),
    V2 + 'latency = { p0 = "1 s" }': ("latency: unknown key 'p0'", "p50"),
    V2 + 'latency = { median = "1 s" }': ("latency: unknown key 'median'", "p50, p99"),
    V2 + "latency = { max_ratio = 0.9 }": ("latency.max_ratio: without to",),
    V2 + 'latency = { to = { arch = "v1" } }': ("latency.to: without max_ratio",),
    V2 + 'latency = { max_ratio = "0.9", to = { arch = "v1" } }': ('"0.9"', "a number, above 0"),
    V2 + 'latency = { max_ratio = 0, to = { arch = "v1" } }': ("max_ratio: 0", "above 0"),
    V2 + 'latency = { max_ratio = -1.0, to = { arch = "v1" } }': ("max_ratio: -1.0", "above 0"),
    V2 + 'latency = { max_ratio = nan, to = { arch = "v1" } }': ("max_ratio: nan", "above 0"),
    V2 + 'latency = { max_ratio = inf, to = { arch = "v1" } }': ("max_ratio: inf", "at most"),
    V2 + 'latency = { max_ratio = 0.9, to = "v1" }': ('latency.to: "v1"', "a table of: arch"),
    V2 + 'latency = { regression = "3" }': ("latency.regression: '3'", "%, ‰"),
    V2 + "latency = { regression = 0.03 }": ("latency.regression: 0.03", '"3 %"'),
    V2 + 'latency = { regression = "-3 %" }': ("latency.regression: '-3 %'", "not negative"),
    V2 + 'latency = { regression = "3 %", against = "main" }': (
        "against: unknown value 'main'",
        "accepted: baseline",
    ),
    V2 + 'latency = { against = "baseline" }': ("latency.against: without regression",),
    V2 + 'runtime = "onnxrutime"\nlatency.p50 = "1 s"': ("'onnxrutime'", "mean 'onnxruntime'"),
    V2 + 'runtime = "onnxrutime"\nmacs = "1 G"': ("unknown runtime", "torch-compile"),
    V2 + 'precision = "fp23"\nmacs = "1 G"': ("unknown precision 'fp23'", "did you mean 'fp32'"),
    V2 + 'precision = "fp16"\nlatency.p50 = "1 s"': ("no models in fp16", "fp32, int8"),
    V2 + 'precision = "int8"\nruntime = "torch"\nlatency.p50 = "1 s"': ("no models in int8",),
    V2 + 'threads = 0\nmacs = "1 G"': ("threads: 0", "1 to 1024"),
    V2 + 'threads = 1025\nmacs = "1 G"': ("threads: 1025", "1 to 1024"),
    V2 + 'threads = "2"\nmacs = "1 G"': ('threads: "2"', "1 to 1024"),
    V2 + 'batch = 4097\nmacs = "1 G"': ("batch: 4097", "1 to 4096"),
    V2 + f'batch = {10**30}\nmacs = "1 G"': ("batch: 1000", "1 to 4096"),
    V2 + 'batch = true\nmacs = "1 G"': ("batch: true", "1 to 4096"),
    V2 + 'name = ""\nmacs = "1 G"': ('name: ""', "1 to 200"),
    V2 + 'name = "a\\nb"\nmacs = "1 G"': ('name: "a\\nb"', "one line"),
    V2 + 'name = " "\nmacs = "1 G"': ('name: " "', "one line"),
    V2 + 'name = 2020-01-01\nmacs = "1 G"': ("name: 2020-01-01", "a text"),
    V2 + 'provider = 3\nmacs = "1 G"': ("provider: 3", "a text"),
}


@pytest.mark.parametrize("body", ERRORS)
def test_one_problem_is_one_line(body: str) -> None:
    found = problem(body)
    assert [f"{word} | {found}" for word in ERRORS[body] if word not in found] == []


FILES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "no budgets: a budget file has at least one [[budget]]"),
    "blank": ("\n# nothing\n", "no budgets: a budget file has at least one [[budget]]"),
    "no TOML": ("[[budget]]\nmacs = = 3", "not TOML: Invalid value (at line 2, column 8)"),
    "no text": (b"\xff", "not UTF-8 text (byte 0)"),
    "large": (b"#" * (MAX_FILE_BYTES + 1), "larger than 262,144 bytes: no budget file"),
    "deep": ("a = " + "[" * 20 + "]" * 20, "unknown key 'a'; accepted: budget"),
    "no budgets": ("budget = []", "no budgets: a budget file has at least one [[budget]]"),
    "one bracket": (
        "[budget]\n" + V2,
        "budget: accepted are tables, each with two brackets: [[budget]]",
    ),
    "a number": ("budget = [1]", "budget 1: 1: accepted is a table"),
    "another key": (
        "[[budgets]]\n" + V2,
        "unknown key 'budgets' (did you mean 'budget'?); accepted: budget",
    ),
    "many": ("[[budget]]\n" * 1_001, "1,001 budgets: at most 1,000 are accepted"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_budget_files(name: str) -> None:
    text, expected = FILES[name]
    assert problems(text) == [expected]


def test_all_problems_are_found_at_once() -> None:
    """In the order of the budgets, and also behind a problem of the same budget."""
    text = """
[[budget]]
modle = { arch = "v2" }
macs = "5"
threads = 0

[[budget]]
model = { arch = "v22" }
params = "5"
latency = { p50 = "1", p99 = "2", max_ratio = nan, to = { arch = "v11" } }

[[budget]]
model = { arch = "v2" }
macs = "1 G"
"""
    found = [line.partition("; ")[0] for line in problems(text)]
    assert found == [
        "budget 1 (line 2): unknown key 'modle' (did you mean 'model'?)",
        "budget 1 (line 2): the key 'model' is missing",
        "budget 1 (line 2): threads: 0: accepted is a whole number from 1 to 1024",
        "budget 1 (line 2): macs: '5': accepted is a number with one of: k, M, G",
        "budget 2 (line 7): model: unknown architecture 'v22' (did you mean 'v2'?)",
        "budget 2 (line 7): params: '5': accepted is a number with one of: k, M, G",
        "budget 2 (line 7): latency.p50: '1': accepted is a number with one of: us, µs, ms, s, "
        "min, h",
        "budget 2 (line 7): latency.p99: '2': accepted is a number with one of: us, µs, ms, s, "
        "min, h",
        "budget 2 (line 7): latency.max_ratio: nan: accepted is a number, above 0 and at most 1000",
        "budget 2 (line 7): latency.to: unknown architecture 'v11' (did you mean 'v1'?)",
    ]


def test_nobody_is_told_a_thousand_problems() -> None:
    assert len(problems("[[budget]]\n" * 1_000)) == MAX_PROBLEMS + 1


FIRST = '[[budget]]\nmodel = { arch = "v2" }\n'
REPEATED: dict[str, tuple[str, str]] = {
    "the same": ('macs = "1 G"', FIRST + 'macs = "2 G"'),
    "minimum elsewhere": ('macs = "1 G"', FIRST + 'macs = { min = "1 k" }'),
    "said or not": (
        'macs = "1 G"',
        '[[budget]]\nname = "x"\nmodel = { arch = "v2", alpha = 1, resolution = 224 }\n'
        'runtime = "onnxruntime"\nthreads = 1\nmacs = "2 G"',
    ),
    "percentile": ('latency.p50 = "1 s"', FIRST + 'latency."p50.0" = "2 s"'),
    "regression": ('latency.regression = "1 %"', FIRST + 'latency.regression = "2 %"'),
    "ratio": (
        'latency = { max_ratio = 1, to = { arch = "v1" } }',
        FIRST + 'latency = { max_ratio = 2, to = { arch = "v1", alpha = 1.0 } }',
    ),
}
DIFFERENT: dict[str, tuple[str, str]] = {
    "metric": ('macs = "1 G"', FIRST + 'params = "2 G"'),
    "precision": ('macs = "1 G"', FIRST + 'precision = "int8"\nmacs = "2 G"'),
    "threads": ('latency.p50 = "1 s"', FIRST + 'threads = 2\nlatency.p50 = "2 s"'),
    "percentile": ('latency.p50 = "1 s"', FIRST + 'latency.p51 = "2 s"'),
    "alpha": ('macs = "1 G"', '[[budget]]\nmodel = { arch = "v2", alpha = 0.5 }\nmacs = "2 G"'),
    "classes": ('macs = "1 G"', '[[budget]]\nmodel = { arch = "v2", classes = 9 }\nmacs = "2 G"'),
    "twin": ('macs = "1 G"', '[[budget]]\nmodel = { arch = "v2", twin = "fused" }\nmacs = "2 G"'),
    "ratio": (
        'latency = { max_ratio = 1, to = { arch = "v1" } }',
        FIRST + 'latency = { max_ratio = 2, to = { arch = "v1", alpha = 0.5 } }',
    ),
}


@pytest.mark.parametrize(("first", "second"), REPEATED.values(), ids=REPEATED)
def test_what_is_limited_twice_is_refused(first: str, second: str) -> None:
    (line,) = problems(f"{FIRST}{first}\n\n{second}\n")
    assert line.startswith("budget 2 (line 5): ")
    assert "budget 1 (line 1)" in line


@pytest.mark.parametrize(("first", "second"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_may_be_limited_too(first: str, second: str) -> None:
    assert [limit.budget for limit in parse(f"{FIRST}{first}\n\n{second}\n")] == [1, 2]


def test_files_that_cannot_be_read(here: Path) -> None:
    for path in (here / "no.toml", here, Path("a\0b")):
        with pytest.raises(BudgetError):
            read_budgets(path)


def test_the_error_is_of_the_family_and_travels_between_processes() -> None:
    error = BudgetError(iter(["one", "two"]))
    assert isinstance(error, InputError)
    again = pickle.loads(pickle.dumps(error))
    assert (again.problems, str(again)) == (["one", "two"], "one\ntwo")


# ---------------------------------------------------------------------------------------- schema


def test_the_schema_in_the_package_is_up_to_date() -> None:
    """After a change: ``mncost schema budget -o mncost/budget/budget.schema.json``."""
    assert SCHEMA_FILE.read_text("utf-8") == budget_schema()
    assert in_process(["schema", "budget"]) == Result(0, budget_schema(), "")


def test_an_editor_that_knows_the_schema_accepts_the_examples() -> None:
    kinds = set()
    for path in (EXAMPLES / "budgets.toml", EXAMPLES / "latency.toml"):
        jsonschema.validate(tomllib.loads(path.read_text("utf-8")), json.loads(budget_schema()))
        kinds |= {type(limit.bound) for limit in read_budgets(path)}
    assert kinds == {Exact, Latency, Ratio, Regression}


@pytest.mark.parametrize(
    "body",
    [
        'mcas = "1 G"',
        "macs = -5",
        "macs = 5.5",
        'params = { maks = "1 k" }',
        "latency = { p50 = 12 }",
        'latency = { p100 = "1 s" }',
        'latency = { max_ratio = 0, to = { arch = "v1" } }',
        'latency = { regression = "3 %", against = "main" }',
        'runtime = "onnx"',
        'precision = "fp64"',
        "threads = 0",
        'model.x = "v2"',
    ],
)
def test_an_editor_that_knows_the_schema_objects(body: str) -> None:
    raw: dict[str, Any] = tomllib.loads(f'[[budget]]\nmodel.arch = "v2"\n{body}')
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(raw, json.loads(budget_schema()))


# --------------------------------------------------------------------------------------- imports


def test_exact_limits_need_no_array_or_runtime_library() -> None:
    """Neither to read a file with every kind of limit, nor to compare the exact ones."""
    program = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from mncost.budget.exact import check_exact\n"
        "from mncost.budget.file import read_budgets\n"
        f"limits = read_budgets(Path({str(EXAMPLES / 'budgets.toml')!r}))\n"
        "assert [check_exact(limit) for limit in limits if limit.is_exact]\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "mncost" in loaded
    heavy = {"torch", "onnx", "onnxruntime", "numpy", "scipy", "pandas", "psutil", "tomlkit"}
    assert loaded & heavy == set()
