"""The type of an architecture file with all blocks in it: for its JSON Schema and for messages."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Union, get_type_hints

import msgspec
from msgspec import Struct

from mncost.spec.blocks import every_block
from mncost.spec.schema import Dialect, FamilyName, Spec
from mncost.spec.values import RowName

__all__ = ["whole_spec"]


@cache
def whole_spec() -> type[Struct]:
    """Return :class:`Spec` with the types of all rows; it reads a file in one go, but slowly."""
    row: Any = Union[tuple(every_block())]  # noqa: UP007 - made of a list
    dialect: Any = _with(Dialect, rows=dict[RowName, row])
    return _with(Spec, rows=tuple[row, ...], dialects=dict[FamilyName, dialect])


def _with(kind: type[Struct], **types: Any) -> type[Struct]:
    """Return a struct with other types of some fields; their limits and descriptions stay."""
    hints = get_type_hints(kind, include_extras=True)
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        if field.name in types:
            marks = getattr(hint, "__metadata__", ())
            hint = Annotated[types[field.name], *marks] if marks else types[field.name]
        if field.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=field.default_factory)
        else:
            default = msgspec.field(default=field.default)
        fields.append((field.name, hint, default))
    options = kind.__struct_config__
    return msgspec.defstruct(
        kind.__name__,
        fields,
        namespace={"__doc__": kind.__doc__},
        frozen=options.frozen,
        kw_only=True,
        forbid_unknown_fields=options.forbid_unknown_fields,
    )
