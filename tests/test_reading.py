"""What rows read: by hand, and what is refused, each in one line with the row and a close match."""

from __future__ import annotations

import pytest

from mncost.errors import SpecError
from mncost.network import Network, network_of
from mncost.spec.parse import parse_spec
from mncost.spec.resolve import resolve
from mncost.spec.resolved import resolved_file
from tests.networks import Row, network_of_rows, toml

STEM: Row = {"block": "conv", "kernel": 3, "out": 8, "name": "stem"}
LEFT: Row = {"block": "conv", "kernel": 1, "out": 6, "name": "left", "repeats": 2}
RIGHT: Row = {"block": "inverted_residual", "kernel": 3, "out": 4, "expansion": 3, "from": "stem"}
JOIN: Row = {"block": "concat", "from": ["left", "row3"], "name": "join"}
HEAD: list[Row] = [{"block": "pool"}, {"block": "linear", "out": "classes", "name": "classes"}]
BODY = [STEM, LEFT, RIGHT, JOIN]


def channels(network: Network) -> list[int]:
    """Return the channels of each output."""
    return [network.shapes[index][0] for index in network.graph.outputs]


def test_branches_join() -> None:
    """Two branches of 6 and 4 channels make 10; the second reads the stem."""
    network = network_of_rows([*BODY, *HEAD])
    layers = {layer.name: layer for layer in network.all_layers}
    assert layers["row3.expand.conv"].in_channels == 8
    assert layers["join.concat"].out_channels == 10
    assert layers["classes.linear"].params == 10 * 1000 + 1000


@pytest.mark.parametrize(
    ("name", "wide"),
    [("left", 6), ("left.1", 6), ("left.2", 6), ("row3", 4), ("row3.expand", 24), ("input", 3)],
)
def test_what_can_be_named(name: str, wide: int) -> None:
    """A row, a repeat, what an expansion makes, the image."""
    reader = {"block": "conv", "kernel": 1, "out": 2, "from": name, "name": "reader"}
    network = network_of_rows([*BODY, reader], outputs=["reader", "join"])
    layers = {layer.name: layer for layer in network.all_layers}
    assert layers["reader.conv"].in_channels == wide
    assert channels(network) == [2, 10]
    assert network.graph.output_names == ("reader.bn", "join.concat")


def test_parts_of_a_split() -> None:
    rows: list[Row] = [
        STEM,
        {"block": "split", "count": [3, 5], "name": "s"},
        {"block": "activation", "activation": "relu", "from": "s.2", "name": "b"},
        {"block": "activation", "activation": "relu", "from": "s.1", "name": "a"},
    ]
    assert channels(network_of_rows(rows, outputs=["a", "b"])) == [3, 5]
    unread = network_of_rows(rows[:3])
    assert [node.name for node in unread.graph.nodes if node.block == "s"] == ["s.2"]


def test_parts_at_another_alpha() -> None:
    """At α = 2 the first part doubles; the last is what is left of 2 × 8."""
    rows: list[Row] = [
        STEM,
        {"block": "split", "count": [3, 5], "name": "s"},
        {"block": "batch_norm", "from": "s.1", "name": "a"},
        {"block": "batch_norm", "from": "s.2", "name": "b"},
    ]
    rules = {"divisor": 1, "minimum": 1}
    assert channels(network_of_rows(rows, 8, 2.0, rules=rules, outputs=["a", "b"])) == [6, 10]


def test_the_expansion_scales_like_the_row_that_has_it() -> None:
    """A ratio to the input is the same whether the row stands in the chain or on a branch."""
    reader = {"block": "inverted_residual", "kernel": 3, "expanded": 12, "out": 2, "name": "reader"}
    for name in ("row3.expand", "left"):
        network = network_of_rows(
            [*BODY, reader | {"from": name}], 8, 2.0, outputs=["reader", "join"]
        )
        made = next(x for x in network.all_layers if x.name == "reader.expand.conv")
        assert made.out_channels * {"left": 6, "row3.expand": 24}[name] == 12 * made.in_channels


def test_without_the_classifier() -> None:
    """What the classifiers read is the output; what only they needed is gone."""
    rows = [
        *BODY,
        {"block": "conv", "kernel": 1, "out": "classes", "name": "first"},
        {"block": "conv", "kernel": 1, "out": "classes", "from": "left", "name": "second"},
        {"block": "add", "from": ["first", "second"]},
        {"block": "upsample", "factor": 2},
    ]
    spec = parse_spec(toml(rows), "a test")
    architecture = resolve(spec, classes=0)
    bare = network_of(architecture, 8)
    again = resolve(parse_spec(resolved_file(architecture, 8).encode(), "a test"))
    assert network_of(again, 8).graph == bare.graph
    assert channels(bare) == [10, 6]
    assert {node.block for node in bare.graph.nodes} == {
        *("input", "stem", "left.1", "left.2", "row3", "join")
    }


def test_the_resolved_file_builds_the_same_graph() -> None:
    rows = [
        *BODY,
        {"block": "bottleneck", "out": 12, "width": 6, "repeats": 2, "name": "deep"},
        {"block": "split", "count": 2, "name": "s", "from": "deep.1"},
        {"block": "add", "from": ["s.1", "left"], "name": "sum"},
        {"block": "upsample", "like": "input", "from": "sum", "name": "up"},
    ]
    keys = {"outputs": ["up", "deep"], "rules": {"divisor": 1}}
    architecture = resolve(parse_spec(toml(rows, **keys), "a test"), 2.0)
    again = resolve(parse_spec(resolved_file(architecture, 8).encode(), "a test"))
    assert network_of(again, 8).graph == network_of(architecture, 8).graph


REFUSED: list[tuple[list[Row], dict[str, object], tuple[str, ...]]] = [
    (
        [*BODY, {"block": "conv", "kernel": 1, "out": 2, "from": "stm"}],
        {},
        ("row 5", "'stm'", "did you mean 'stem'"),
    ),
    ([STEM | {"from": "stem"}], {}, ("row 1 (stem)", "is this row itself")),
    (
        [STEM, LEFT | {"from": "later"}, {"block": "pool", "name": "later"}],
        {},
        ("row 2 (left)", "comes later, as row 3"),
    ),
    ([*BODY, {"block": "pool", "from": "left.3"}], {}, ("row 5", "left has 2 repeats")),
    ([*BODY, {"block": "pool", "from": "stem.1"}], {}, ("row 5", "no 'stem.1'", "accepted: stem")),
    ([*BODY, {"block": "pool", "from": "row3.expnd"}], {}, ("row 5", "did you mean 'row3.expand'")),
    (
        [*BODY, {"block": "pool", "from": ["left", "stem"]}],
        {},
        ("row 5", "names 2 rows: this block reads one"),
    ),
    ([*BODY, {"block": "concat"}], {}, ("row 5", "`from` is missing")),
    ([*BODY, {"block": "add", "from": ["left"]}], {}, ("row 5", "at least two rows")),
    (
        [*BODY, {"block": "add", "from": ["left", "stem"]}],
        {"outputs": ["row5", "join"]},
        ("row 5", "6 and 8 channels cannot be added"),
    ),
    (
        [*BODY, {"block": "multiply", "from": ["left", "stem"]}],
        {"outputs": ["row5", "join"]},
        ("row 5", "a gate of 8 channels does not fit 6"),
    ),
    (
        [*BODY, {"block": "multiply", "from": ["left", "stem", "row3"]}],
        {},
        ("row 5", "needs two rows"),
    ),
    ([*BODY, {"block": "pool", "from": "left"}], {}, ("row 4 (join)", "no row reads it")),
    (
        [STEM | {"repeats": 2}, {"block": "pool", "from": "stem.1"}],
        {},
        ("row 1 (stem)", "no row reads its end (stem.2)"),
    ),
    (BODY, {"outputs": ["jion"]}, ("outputs", "'jion'", "did you mean 'join'")),
    (BODY, {"outputs": ["join", "join"]}, ("outputs", "named twice")),
    (BODY, {"outputs": ["join", "input"]}, ("outputs", "is the image")),
    (BODY, {"outputs": [1]}, ("outputs", "1")),
    (
        [STEM, {"block": "split", "count": 3, "name": "s"}, {"block": "pool", "from": "s.1"}],
        {},
        ("row 2 (s)", "8 channels cannot be split into 3"),
    ),
    (
        [STEM, {"block": "split", "count": [3, 4], "name": "s"}, {"block": "pool", "from": "s.1"}],
        {},
        ("row 2 (s)", "parts of 3, 4 channels do not make 8"),
    ),
    (
        [STEM, {"block": "split", "count": 2, "name": "s"}, {"block": "pool"}],
        {},
        ("row 3", "'s' is in parts; accepted: s.1, s.2"),
    ),
    ([STEM, {"block": "shuffle", "groups": 3}], {}, ("row 2", "8 channels cannot be in 3 groups")),
    (
        [STEM, {"block": "upsample", "factor": 2, "like": "input"}],
        {},
        ("row 2", "either `factor` or `like`"),
    ),
    (
        [STEM, {"block": "upsample", "like": "imput"}],
        {},
        ("row 2", "like: there is no row 'imput'", "did you mean 'input'"),
    ),
    ([STEM | {"name": "input"}], {}, ("row 1", "the name 'input' is the image's")),
    (
        [STEM, {"block": "bottleneck", "out": 8, "width": 6, "groups": 4}],
        {},
        ("row 2", "cannot be split into 4 groups"),
    ),
    (
        [STEM, {"block": "encoder", "heads": 3, "expansion": 4}],
        {},
        ("row 2", "8 features cannot be split into 3 heads"),
    ),
    ([STEM, {"block": "encoder", "heads": 2, "expansion": 4}], {}, ("row 2", "it needs tokens")),
    ([STEM, {"block": "token"}], {}, ("row 2", "it needs tokens")),
    ([STEM, {"block": "tokens"}, {"block": "tokens"}], {}, ("row 3", "it needs an image")),
    ([STEM, {"block": "tokens"}, {"block": "batch_norm"}], {}, ("row 3", "gets tokens")),
    (
        [STEM, {"block": "tokens"}, {"block": "linear", "out": 5, "batch_norm": True}],
        {},
        ("row 3", "it gets tokens"),
    ),
    (
        [STEM, {"block": "mobilevit", "features": 9, "layers": 1, "heads": 2}],
        {},
        ("row 2", "9 features cannot be split into 2 heads"),
    ),
]


@pytest.mark.parametrize(("rows", "keys", "said"), REFUSED)
def test_what_is_refused(rows: list[Row], keys: dict[str, object], said: tuple[str, ...]) -> None:
    with pytest.raises(SpecError) as error:
        network_of_rows(rows, 8, **keys)  # type: ignore[arg-type]
    message = str(error.value)
    assert [words for words in said if words not in message] == [], message
    assert "\n" not in message


def test_shapes_that_do_not_fit_name_the_row() -> None:
    """Two branches of one width and of another size: only their shapes say so."""
    rows: list[Row] = [
        STEM,
        {"block": "conv", "kernel": 3, "out": 8, "stride": 2, "name": "small"},
        {"block": "add", "from": ["stem", "small"], "name": "sum"},
    ]
    with pytest.raises(SpecError, match=r"sum\.add adds 8×8×8 and 8×4×4"):
        network_of_rows(rows, 8)


def test_a_dialect_may_read_other_rows() -> None:
    join = {"block": "concat", "from": ["left", "stem"]}
    dialects = {"other": {"rows": {"join": join}}}
    with pytest.raises(SpecError, match=r"dialects\.other: row 3 \(row3\): no row reads it"):
        parse_spec(toml(BODY, dialects=dialects), "a test")
    both = {"other": {"rows": {"join": join | {"from": ["left", "stem", "row3"]}}}}
    spec = parse_spec(toml(BODY, dialects=both), "a test")
    assert channels(network_of(resolve(spec, dialect="other"), 8)) == [18]


def test_an_output_that_is_not_there_is_refused() -> None:
    """Without an expansion there is no expanded result, whatever the block is called."""
    block = {"block": "inverted_residual", "out": 8, "kernel": 3, "name": "thin"}
    for expansion, refused in ((1, True), (2, False)):
        rows: list[Row] = [STEM, block | {"expansion": expansion}]
        if refused:
            with pytest.raises(SpecError):
                network_of_rows(rows, 8, outputs=["thin.expand", "thin"])
        else:
            assert len(network_of_rows(rows, 8, outputs=["thin.expand", "thin"]).graph.outputs) == 2


def test_a_row_keeps_its_name_in_every_dialect() -> None:
    dialects = {"other": {"rows": {"left": {"name": "right"}}}}
    with pytest.raises(SpecError):
        parse_spec(toml(BODY, dialects=dialects), "a test")


def test_flatten_then_linear() -> None:
    """All pixels, in a row of its own or not: 8 × 4 × 4 weights for each output."""
    linear: Row = {"block": "linear", "out": 5, "bias": False}
    flat = network_of_rows([STEM, {"block": "flatten"}, linear], 4)
    assert [n.params for n in (flat, network_of_rows([STEM, linear], 4))] == [
        8 * 16 * 5 + 216 + 16
    ] * 2
    assert flat.at(6).params == 8 * 36 * 5 + 216 + 16
