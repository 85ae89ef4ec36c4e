"""``mncost schema``."""

from __future__ import annotations

from mncost.cli.options import Output
from mncost.cli.output import emit_text

__all__ = ["schema"]


def schema(output: Output = None) -> None:
    """Print the JSON Schema of architecture files, for an editor's completion and checks."""
    from mncost.spec.json_schema import architecture_schema

    emit_text(architecture_schema(), output)
