"""The JSON Schema of architecture files, made from the types that check them."""

from __future__ import annotations

import json

import msgspec

from mncost.spec.blocks import every_block
from mncost.spec.schema import Defaults
from mncost.spec.whole import whole_spec

__all__ = ["architecture_schema"]


def architecture_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of an architecture file, as text."""
    schema = msgspec.json.schema(whole_spec())
    for block in every_block():  # what a row must have may also stand in [defaults]
        row = schema["$defs"][block.__name__]
        row["required"] = [key for key in row["required"] if key not in Defaults.__struct_fields__]
    return (
        json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema},
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )
