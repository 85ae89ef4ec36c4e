"""Design spaces: counts of arrays of networks beside those of each network by itself."""

from __future__ import annotations

import itertools
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

import mncost
from mncost.errors import InputError
from mncost.space.file import stated
from mncost.space.front import on_front
from mncost.space.goals import goals_of
from mncost.space.segments import METRICS
from mncost.space.space import Space
from mncost.spec.catalog import families, load_spec
from mncost.spec.resolve import names_of
from tests.running import in_process

numpy = pytest.importorskip("numpy")
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "space.toml"
KEYS: dict[str, list[Any]] = {
    "kernel": [3, 5, 1],
    "expansion": [2.5, 4, 1],
    "repeats": [1, 3],
    "expanded": [77, 96],
}


def held_against_single_networks(space: Space, counted: int, compared: int, seed: int) -> None:
    """Count an array of networks, and some of them one by one: which can be built, and all costs.

    The witness is the path that every other command takes: it knows neither segments nor states.
    """
    numbers = numpy.concatenate([*space.numbers(counted, seed)])
    costs, _, possible = space.counter().count(numbers)
    random = numpy.random.default_rng(seed)
    for place in random.choice(len(numbers), min(compared, len(numbers)), replace=False):
        number = int(numbers[place])
        try:
            network = space.network(number)
        except InputError:
            assert not possible[place], space.choices(number)
            continue
        assert possible[place], space.choices(number)
        got = {metric: int(column[place]) for metric, column in costs.items()}
        assert got == {one: getattr(network, one) for one in METRICS}, space.choices(number)


def choices_of(name: str) -> list[dict[str, Any]]:
    """Return choices for the rows of a network: whatever its rows take."""
    spec = load_spec(name)
    made = []
    for row, row_name in zip(spec.rows, names_of(spec, spec.rows), strict=True):
        for key, values in KEYS.items():
            if (value := stated(row).get(key)) is None:
                continue
            own = {"rows": [row_name], key: [value, *(one for one in values if one != value)]}
            try:
                Space.of(arch=name, choices=[own])
            except InputError:
                continue
            made.append(own)
    return made


@pytest.mark.parametrize("family", families())
def test_every_family_is_counted_as_its_networks_are(family: str) -> None:
    name = families()[family][0]
    native = load_spec(name).native
    sizes = {"resolution": (native, 97)} if isinstance(native, int) else {}
    space = Space.of(arch=name, alpha=(1.0, 0.6, 1.3), choices=choices_of(name)[:16], **sizes)
    held_against_single_networks(space, 60, 12, seed=5)


@pytest.mark.slow  # some 15 s
def test_ten_thousand_networks_of_a_million() -> None:
    space = mncost.read_space(EXAMPLE)
    held_against_single_networks(space, 1_000_000, 10_000, seed=1)


@pytest.mark.parametrize(
    "space",
    [
        Space.of(
            arch="v2",
            alpha=[0.35, 1.0, 1.37],
            depth=[0.5, 1.0, 1.6],
            resolution="64,97,224",
            classes=7,
            in_channels=1,
            choices=[{"rows": ["row3", "row5"], "out": [8, 13, 64], "repeats": [1, 3]}],
        ),
        Space.of(arch="v2", output_stride=16, choices=[{"rows": "row4", "stride": [1, 2]}]),
        Space.of(
            arch="v3-large", choices=[{"rows": "row7", "se": [0, 0.25], "kernel": [3, [5, 1]]}]
        ),
        # Some of these cannot be built: groups that do not divide the channels.
        Space.of(
            arch="resnext-50-32x4d",
            alpha="0.5:1.0:0.13",
            choices=[{"rows": "stage1", "out": [96, 128]}],
        ),
    ],
    ids=["widths", "dilations", "pairs", "impossible"],
)
def test_what_rows_take(space: Space) -> None:
    held_against_single_networks(space, space.size, 60, seed=2)


def test_bytes_at_a_precision_and_in_place() -> None:
    space = mncost.read_space(EXAMPLE)
    survey = space.survey(sample=20, seed=3, precision="int8", in_place="depthwise")
    for place, number in enumerate(survey.numbers.tolist()):
        network = space.network(number, "int8", "depthwise")
        assert survey.costs["weight_bytes"][place] == network.weight_bytes
        assert survey.costs["peak_activation_bytes"][place] == network.peak_activation_bytes


def test_numbers_are_the_product_of_the_choices() -> None:
    """In the order of :func:`itertools.product`, which knows no digits."""
    space = Space.of(
        arch="v2",
        alpha=[0.5, 1.0],
        resolution="96,128",
        choices=[{"rows": ["row3", "row4"], "kernel": [3, 5]}],
    )
    values = [axis.values for axis in space.design.axes]
    names = [axis.name for axis in space.design.axes]
    assert names == ["alpha", "resolution", "depth", "row3.kernel", "row4.kernel"]
    every = [dict(zip(names, one, strict=True)) for one in itertools.product(*values)]
    assert [space.choices(number) for number in range(space.size)] == every
    columns = space.survey().columns()
    assert list(columns["row4.kernel"]) == [one["row4.kernel"] for one in every]
    with pytest.raises(InputError, match="accepted are 0 to 15"):
        space.choices(16)


def test_a_sample_has_no_number_twice() -> None:
    for sample in (5, 100, 373_247):
        drawn = numpy.concatenate([*mncost.read_space(EXAMPLE).numbers(sample, seed=4)])
        assert len(set(drawn.tolist())) == sample
    large = Space.of(
        arch="v2",
        choices=[{"rows": [f"row{n}" for n in range(2, 9)], "kernel": list(range(1, 40))}],
    )
    drawn = numpy.concatenate([*large.numbers(3000, seed=4)])
    assert len(set(drawn.tolist())) == 3000
    assert 0 <= drawn.min() <= drawn.max() < large.size == 39**7


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(8))
def test_the_front_by_brute_force(dimensions: int, seed: int) -> None:
    random = numpy.random.default_rng(seed)
    points = random.integers(0, (3, 1000)[seed % 2], (seed * 13, dimensions))
    expected = [
        not any((other <= one).all() and (other < one).any() for other in points) for one in points
    ]
    assert on_front(list(points.T)).tolist() == expected


def test_a_survey_keeps_what_is_within_limits() -> None:
    space = Space.of(arch="v2", alpha="0.35:1.4", resolution="96:224:32")
    every = space.survey()
    networks = [space.network(number) for number in range(space.size)]
    kept = space.survey(
        bounds={("macs",): 97_131_840, ("weight_bytes", "peak_activation_bytes"): 9**7}
    )
    expected = [
        number
        for number, one in enumerate(networks)
        if one.macs <= 97_131_840 and one.weight_bytes + one.peak_activation_bytes <= 9**7
    ]
    assert kept.numbers.tolist() == expected
    assert (kept.fitting, kept.counted, len(every)) == (len(expected), space.size, space.size)
    best = space.survey(keep=3, order=goals_of("macs:max")[0])
    macs = sorted((one.macs for one in networks), reverse=True)
    assert best.costs["macs"].tolist() == macs[:3]


def test_the_front_over_accuracy_is_that_of_published_networks() -> None:
    """As ``mncost table --pareto`` finds it, without a space."""
    space = Space.of(arch="v2", alpha="0.35:1.4", resolution="96:224:32")
    made = space.survey("top1,macs")
    grid = mncost.grid("v2", alpha="0.35:1.4", resolution="96:224:32")
    frame = json.loads(_json(grid.table(pareto="top1,macs")))["rows"]
    assert sorted(made.costs["macs"].tolist()) == sorted(row["macs"] for row in frame)
    unknown = Space.of(arch="v2", choices=[{"rows": "row3", "kernel": [5, 7]}])
    with pytest.raises(InputError, match="no accuracy is published"):
        unknown.survey("top1,macs")


def _json(table: mncost.Table) -> str:
    from mncost.render.json import render

    return render(table)


def test_a_network_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = in_process(["space", str(EXAMPLE), "--network", "12345", "-o", "found.toml"])
    assert done.status == 0, done.err
    network, again = mncost.read_space(EXAMPLE).network(12345), mncost.load("found.toml")
    assert (again.macs, again.params, again.resolution) == (network.macs, network.params, 128)


def test_files_hold_every_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["space", str(EXAMPLE), "--sample", "50", "--max-macs", "100M"]
    assert in_process([*words, "-o", "a.csv"]).status == 0
    lines = (tmp_path / "a.csv").read_text("utf-8").splitlines()
    printed = json.loads(in_process([*words, "-f", "json"]).out)["rows"]
    assert len(lines) - 1 == len(printed) < 50
    assert [line.split(",")[0] for line in lines[1:]] == [str(row["number"]) for row in printed]
    parquet = pytest.importorskip("pyarrow.parquet")
    assert in_process([*words, "-o", "a.parquet"]).status == 0
    assert parquet.read_table("a.parquet").to_pylist() == printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the key 'arch' is missing"),
        ('arch = "v9"', "unknown architecture 'v9'"),
        ('arch = "all"', "architectures"),
        ('arch = "v2"\nalfa = 1', "unknown key 'alfa' (did you mean 'alpha'?)"),
        ('arch = "v2"\nalpha = "0.5:"', "α '0.5:'"),
        ('arch = "v2"\ndepth = []', "depth: an array: accepted is an array of 1 to 1,000 items"),
        ('arch = "v2"\ndialect = "tim"', "unknown dialect of v2 'tim'"),
        ('arch = "v2"\nchoices = [{ kernel = [3] }]', "choices 1: the key 'rows' is missing"),
        ('arch = "v2"\nchoices = [{ rows = ["row3"] }]', "no key of a row is chosen"),
        (
            'arch = "v2"\nchoices = [{ rows = ["rwo3"], kernel = [3] }]',
            "there is no row 'rwo3' (did you mean 'row3'?)",
        ),
        (
            'arch = "v2"\nchoices = [{ rows = ["row3"], kernal = [3] }]',
            "row3: unknown key 'kernal' (did you mean 'kernel'?)",
        ),
        (
            'arch = "v2"\nchoices = [{ rows = "row3", kernel = [0] }]',
            "row3: kernel = 0: 0: accepted is",
        ),
        (
            'arch = "v2"\nchoices = [{ rows = "row3", kernel = [3, 3] }]',
            "a value stands there twice",
        ),
        (
            'arch = "v2"\nchoices = [{ rows = "row3", kernel = 3 }]',
            "kernel: 3: accepted is an array",
        ),
        (
            'arch = "v2"\nchoices = [{ rows = "row3", kernel = [] }]',
            "kernel: an array: accepted is an array of 1 to 10,000 items",
        ),
        ('arch = "v2"\nchoices = [{ rows = "row3", block = ["conv"] }]', "unknown key 'block'"),
        (
            'arch = "v2"\n'
            'choices = [{ rows = "row3", kernel = [3] }, { rows = "row3", kernel = [5] }]',
            "row3.kernel and row3.kernel change the same thing",
        ),
        ("x", "not TOML"),
    ],
)
def test_bad_files(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text(text, "utf-8")
    status, out, err = in_process(["space", "bad.toml"])
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err, err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--pareto macz", "unknown metric 'macz' (did you mean 'macs'?)"),
        ("--pareto macs:most", "accepted are macs:min and macs:max"),
        ("--pareto macs,macs", "a metric stands there twice"),
        ("--sort speed", "unknown metric 'speed'"),
        ("--seed 3", "--seed is of --sample"),
        ("--network 9999999", "accepted are 0 to 373,247"),
        ("--network 1 --sort macs", "--sort does not go with --network"),
        ("--max-macs 3", "accepted is a number with one of"),
        ("-f json", "networks are too many for json"),
        ("--columns macz --sample 3", "unknown column 'macz'"),
        ("--columns macs -o a.parquet --sample 3", "--columns does not go with a Parquet file"),
        ("--columns macs -o a.PARQUET --sample 3", "--columns does not go with a Parquet file"),
        ("-o missing/a.csv --sample 3", "missing"),
    ],
)
def test_bad_options(
    options: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = in_process(["space", str(EXAMPLE), *options.split()])
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert said in err, err
    assert not [*tmp_path.iterdir()]


def test_nothing_within_the_limits_is_status_1() -> None:
    done = in_process(["space", str(EXAMPLE), "--max-macs", "1k"])
    assert done.status == 1
    assert "373,248 networks, 0 within the limits" in done.out


def test_the_schema_takes_the_example() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(in_process(["schema", "space"]).out)
    jsonschema.validate(tomllib.loads(EXAMPLE.read_text("utf-8")), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"arch": "v2", "choices": [{"kernel": [3]}]}, schema)


def test_no_networks_are_counted() -> None:
    costs, _, possible = Space.of(arch="v2").counter().count(numpy.array([], numpy.int64))
    assert (possible.tolist(), {len(one) for one in costs.values()}) == ([], {0})
