"""From an architecture back to a file: one whose widths α and the dialect have already decided."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgspec

from mncost.errors import one_line
from mncost.spec.axis import Resolution, size_of_image
from mncost.spec.parse import row_name
from mncost.spec.reading import IMAGE
from mncost.spec.resolve import Architecture
from mncost.spec.rows import Block, Row

__all__ = ["resolved_document", "resolved_file", "unrolled_document", "written"]


def resolved_file(architecture: Architecture, resolution: Resolution) -> str:
    """Return an architecture file that builds, at α = 1, exactly the graph of an architecture.

    Its widths are those that α and the dialect led to.
    """
    document = resolved_document(architecture, resolution)
    return written(document, f"{_made(architecture)}: all widths resolved.")


def _made(architecture: Architecture) -> str:
    return f"{architecture.name} at α {architecture.alpha}, dialect {architecture.dialect}"


def resolved_document(architecture: Architecture, resolution: Resolution) -> dict[str, Any]:
    """Return what stands in :func:`resolved_file`: its keys, the rows last."""
    document: dict[str, Any] = {
        "format": 1,
        "name": architecture.name,
        "title": f"{_made(architecture)}, resolved"[:400],
        "resolution": resolution if isinstance(resolution, int) else size_of_image(resolution),
        "in_channels": architecture.in_channels,
        "rules": _rules(architecture),
    }
    rows: dict[int, list[Block]] = {}
    for block in architecture.blocks:
        rows.setdefault(block.number, []).append(block)
    before, lines = IMAGE, []
    for number, blocks in enumerate(rows.values(), 1):
        lines.append(_row(blocks, number, before))
        before = blocks[-1].name
    if architecture.output_stride is not None:
        document["output_stride"] = architecture.output_stride
    if architecture.outputs != (before,):
        document["outputs"] = architecture.outputs
    return {**document, "rows": lines}


def written(document: dict[str, Any], comment: str) -> str:
    """Return an architecture file: a comment, the keys, one line a row."""
    head = {key: value for key, value in document.items() if key != "rows"}
    lines = [f"  {_toml(row)},\n" for row in document["rows"]]
    return (
        f"# {one_line(comment)}\n"
        + "".join(f"{key} = {_toml(value)}\n" for key, value in head.items())
        + f"\nrows = [\n{''.join(lines)}]\n"
    )


def unrolled_document(architecture: Architecture, resolution: Resolution) -> dict[str, Any]:
    """Return the same with a row for each block: repeats may have widths of their own then.

    Block ``row4.2`` becomes row ``row4_2``.
    """
    document = resolved_document(architecture, resolution)
    names = {block.name: block.name.replace(".", "_") for block in architecture.blocks}
    names |= {block.name.rpartition(".")[0]: name for block, name in _repeats(architecture, names)}
    before, lines = IMAGE, []
    for number, block in enumerate(architecture.blocks, 1):
        row = _row([block], number, before)
        if block.name.rpartition(".")[2] not in ("", "1", block.name):
            row.pop("stride", None)  # of the first repeat only
        named = {"from", *(key for key, _ in block.row.also)} & row.keys()
        row |= {key: _renamed(row[key], names) for key in named}
        lines.append({**row, "name": names[block.name]})
        before = block.name
    document["rows"] = lines
    if "outputs" in document:
        document["outputs"] = _renamed(document["outputs"], names)
    return document


def _repeats(architecture: Architecture, names: dict[str, str]) -> list[tuple[Block, str]]:
    """Return the blocks of repeated rows, each with its new name; the last of a row counts."""
    return [(block, names[block.name]) for block in architecture.blocks if "." in block.name]


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """Return the value of a key with the names of rows in it replaced."""
    if isinstance(value, list | tuple):
        return [_renamed(one, names) for one in value]
    if not isinstance(value, str):
        return value
    name, dot, part = value.rpartition(".")
    return names.get(value) or (names[name] + dot + part if name in names else value)


def _rules(architecture: Architecture) -> dict[str, Any]:
    """Return the rules; an ``expanded`` is now meant as it stands."""
    rules = msgspec.structs.asdict(architecture.rules)
    return {**rules, "expanded": "scaled", "classes": architecture.classes}


def _row(blocks: list[Block], number: int, before: str) -> dict[str, Any]:
    """Return the row of an architecture file that gives the blocks that one row gave.

    ``number`` is where it stands in the file, and ``before`` the block that it reads without a
    word: the last of the row above.
    """
    first = blocks[0]
    row = first.row
    defaults = _defaults(type(row))
    values = {**msgspec.structs.asdict(row), "name": _name(first, len(blocks), number)}
    # At α = 1 nothing scales. A row's own rounding stays: its `expansion` is rounded by it.
    values |= {key: defaults[key] for key in ("scale", "keep_below") if key in values}
    if isinstance(values.get("out"), int):
        values["out"] = first.out_channels
    if values.get("squeezed") is not None:
        values["squeezed"] = first.squeezed
    if "repeats" in values:
        values["repeats"] = len(blocks) if len(blocks) > 1 else None
    values |= row.resolved(blocks)
    if len(blocks) == 1:  # with repeats, a ratio holds for the first of them and for the others
        values |= _stated(first, values)
    values.pop("reads")
    told = {key: value for key, value in values.items() if value != defaults.get(key, ...)}
    return {"block": row.__struct_config__.tag, **told, **_reads(first, before)}


@cache
def _defaults(kind: type[Row]) -> dict[str, Any]:
    """Return the keys of a kind of row that need not be stated, with their values then."""
    return {one.name: one.default for one in msgspec.structs.fields(kind) if not one.required}


def _reads(block: Block, before: str) -> dict[str, Any]:
    """Return what a row says of the rows that it reads."""
    sources = block.sources[: len(block.sources) - len(block.row.also)]
    if block.row.several:
        return {"from": sources}
    return {} if sources == (before,) else {"from": sources[0]}


def _name(block: Block, repeats: int, number: int) -> str | None:
    name = block.name.removesuffix(".1") if repeats > 1 else block.name
    return None if name == row_name(Row(), number) else name


def _stated(block: Block, values: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that state the widths of a block, in the place of its ratios."""
    stated: dict[str, Any] = {}
    if values.get("expansion") is not None and "out" in values and "expanded" not in values:
        stated = {"out": block.out_channels, "expansion": None}
    elif "expanded" in values:
        stated = {"expanded": block.expanded or block.in_channels, "expansion": None}
    if "expand" in values:
        stated["expand"] = block.expanded is not None
    return stated


def _toml(value: Any) -> str:
    """Write a value as it stands in a TOML file."""
    if isinstance(value, dict):
        pairs = (f"{key} = {_toml(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    return json.dumps(value, ensure_ascii=False)  # JSON's texts and numbers are TOML's too
