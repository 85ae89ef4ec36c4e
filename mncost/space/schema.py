"""The JSON Schema of design-space files, made from the types that check them."""

from __future__ import annotations

import msgspec

from mncost.space.file import Choices, SpaceFile

__all__ = ["space_schema"]


def space_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of a design-space file, as text."""
    from mncost.spec.json_schema import schema_text

    schema = msgspec.json.schema(SpaceFile)
    table = msgspec.json.schema(Choices)["$defs"]["Choices"]
    keys = table["properties"].pop("keys")
    rows = table["properties"]["rows"]
    table["properties"]["rows"] = {"anyOf": [{"type": "string"}, rows]}
    table["additionalProperties"] = keys["additionalProperties"]
    schema["$defs"]["SpaceFile"]["properties"]["choices"]["items"] = table
    return schema_text(schema)
