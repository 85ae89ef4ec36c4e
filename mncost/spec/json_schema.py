"""The JSON Schema of architecture files, made from the types that check them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from mncost.spec.blocks import every_block
from mncost.spec.schema import Defaults
from mncost.spec.whole import whole_spec

__all__ = ["architecture_schema", "schema_text"]


def architecture_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of an architecture file, as text."""
    schema = msgspec.json.schema(whole_spec())
    for block in every_block():  # what a row must have may also stand in [defaults]
        row = schema["$defs"][block.__name__]
        row["required"] = [key for key in row["required"] if key not in Defaults.__struct_fields__]
    return schema_text(schema)


def schema_text(schema: dict[str, Any]) -> str:
    """Return a JSON Schema of draft 2020-12 as text."""
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**draft, **schema}, indent=2, ensure_ascii=False) + "\n"
