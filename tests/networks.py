"""What several test files need: networks from rows, and the names of all that are built in."""

from __future__ import annotations

import json
from typing import Any

from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Conv, Op, Padding
from mncost.network import Network, network_of
from mncost.spec.catalog import groups, load_spec
from mncost.spec.parse import parse_spec
from mncost.spec.resolve import dialects, resolve
from mncost.spec.schema import Spec

Row = dict[str, Any]

MOBILENETS = groups()["mobilenets"]
EVERY_DIALECT = [(arch, dialect) for arch in MOBILENETS for dialect in dialects(load_spec(arch))]


def conv(
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    bias: bool = False,
    padding: Padding = "symmetric",
) -> Conv:
    """Return a convolution with a square kernel."""
    return Conv(
        in_channels,
        out_channels,
        (kernel, kernel),
        (stride, stride),
        groups=groups,
        bias=bias,
        padding=padding,
    )


def chain(*ops: Op) -> Graph:
    """Return a graph of operators one after the other; the first is an input."""
    nodes = tuple(
        Node("input" if i == 0 else f"a.{i}", "a", op, (i - 1,) if i else ())
        for i, op in enumerate(ops)
    )
    return Graph(nodes, (len(nodes) - 1,))


def as_toml(value: Any) -> str:
    """Write a value as it stands in a TOML file."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[ " + ", ".join(map(as_toml, value)) + " ]"
    return json.dumps(value, ensure_ascii=False)


def toml(rows: list[Row], **keys: Any) -> bytes:
    """Return an architecture file with these rows and these other keys."""
    whole = {"name": "tiny", "resolution": 8, "rows": rows, **keys}
    return "".join(f"{key} = {as_toml(value)}\n" for key, value in whole.items()).encode()


def network_of_spec(
    spec: Spec, resolution: int, alpha: float = 1.0, classes: int | None = None
) -> Network:
    """Return the network of a spec."""
    return network_of(resolve(spec, alpha, classes=classes), resolution)


def network_of_rows(
    rows: list[Row], resolution: int = 8, alpha: float = 1.0, **keys: Any
) -> Network:
    """Return the network of an architecture file with these rows and these other keys."""
    return network_of_spec(parse_spec(toml(rows, **keys), "a test"), resolution, alpha)
