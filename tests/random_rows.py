"""Random architecture files that are always valid: what hypothesis draws from."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.networks import Row

# With multiples of 8 no α can make groups and channels part.
WIDTHS = st.integers(1, 6).map(lambda n: 8 * n)
KERNELS = st.sampled_from([1, 3, 5])
ACTIVATIONS = st.sampled_from(["none", "relu", "relu6", "hardswish", "gelu"])
PADDINGS = st.sampled_from(["symmetric", "same", "end"])
EXPANSIONS = st.sampled_from([0.5, 1, 1.5, 2, 3.67, 6])
REPEATS = st.integers(1, 2)
ALPHAS = st.integers(10, 200).map(lambda n: n / 100)


def row(block: str, *, stride: bool = True, **keys: SearchStrategy[Any]) -> SearchStrategy[Row]:
    """Return rows of one block, with a stride of 1 or 2 where it may have one."""
    if stride:
        keys["stride"] = st.sampled_from([1, 1, 2])
    return st.fixed_dictionaries({"block": st.just(block), **keys})


def uib_rows() -> SearchStrategy[Row]:
    """Return universal inverted bottlenecks in all four forms; a stride needs a depthwise."""
    kernels = st.sampled_from([0, 3, 5])
    rows = row(
        "uib",
        start_kernel=kernels,
        middle_kernel=kernels,
        expanded=WIDTHS,
        out=WIDTHS,
        activation=ACTIVATIONS,
        layer_scale=st.booleans(),
        residual=st.booleans(),
    )
    return rows.map(
        lambda made: made if made["start_kernel"] or made["middle_kernel"] else made | {"stride": 1}
    )


ROWS: dict[str, SearchStrategy[Row]] = {
    "conv": row(
        "conv",
        kernel=KERNELS,
        out=WIDTHS,
        groups=st.sampled_from([1, 2, 4]),
        batch_norm=st.booleans(),
        activation=ACTIVATIONS,
        repeats=REPEATS,
    ),
    "depthwise": row("depthwise", kernel=KERNELS, batch_norm=st.booleans(), activation=ACTIVATIONS),
    "separable": row("separable", kernel=KERNELS, out=WIDTHS, activation=ACTIVATIONS),
    "inverted_residual": row(
        "inverted_residual",
        kernel=KERNELS,
        out=WIDTHS,
        expansion=EXPANSIONS,
        se=st.sampled_from([0.0, 0.25, 1.0]),
        activation=ACTIVATIONS,
        residual=st.booleans(),
        repeats=REPEATS,
    ),
    "fused_inverted_residual": row(
        "fused_inverted_residual",
        kernel=KERNELS,
        out=WIDTHS,
        expansion=EXPANSIONS,
        activation=ACTIVATIONS,
    ),
    "uib": uib_rows(),
    "mobile_mqa": row(
        "mobile_mqa",
        stride=False,
        heads=st.integers(1, 4),
        key_dim=st.integers(1, 8),
        kv_stride=st.integers(1, 2),
        layer_scale=st.booleans(),
        residual=st.booleans(),
    ),
    "basic": row("basic", out=WIDTHS, activation=ACTIVATIONS, repeats=REPEATS),
    "bottleneck": row(
        "bottleneck",
        out=WIDTHS,
        width=WIDTHS,
        groups=st.sampled_from([1, 2, 4]),
        stride_on=st.sampled_from(["middle", "first"]),
        activation=ACTIVATIONS,
    ),
    "mobilevit": row(
        "mobilevit",
        stride=False,
        features=WIDTHS,
        layers=st.integers(1, 2),
        heads=st.sampled_from([1, 2, 4]),
        activation=ACTIVATIONS,
    ),
    "shuffle": row("shuffle", stride=False, groups=st.sampled_from([2, 4, 8])),
    "batch_norm": row("batch_norm", stride=False, activation=ACTIVATIONS),
    "l2_norm": row("l2_norm", stride=False, init=st.sampled_from([1.0, 20.0])),
    "layer_norm": row("layer_norm", stride=False, eps=st.sampled_from([1e-6, 1e-3])),
    "activation": row("activation", stride=False, activation=ACTIVATIONS),
    "dropout": row("dropout", stride=False, rate=st.just(0.1)),
}
STEM: Row = {"block": "conv", "kernel": 3, "out": 16, "activation": "relu"}
TAIL: list[Row] = [{"block": "pool"}, {"block": "linear", "out": "classes"}]
MAX_STRIDED = 3


def few_strides(rows: list[Row]) -> list[Row]:
    """Keep the first strides only, so that no image shrinks away."""
    kept, strided = [], 0
    for made in rows:
        strided += made.get("stride", 1) > 1
        kept.append(made | {"stride": 1} if strided > MAX_STRIDED and "stride" in made else made)
    return kept


def bodies(*blocks: str) -> SearchStrategy[list[Row]]:
    """Return lists of rows of these blocks, or of any, after a stem."""
    rows = st.one_of([ROWS[block] for block in blocks or ROWS])
    return st.lists(rows, min_size=1, max_size=6).map(lambda made: [STEM, *few_strides(made)])


def without_strides(rows: list[Row]) -> list[Row]:
    """Return the rows at stride 1."""
    return [{key: value for key, value in made.items() if key != "stride"} for made in rows]
