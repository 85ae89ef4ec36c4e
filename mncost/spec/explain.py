"""What is wrong with an architecture file: the first problem, with the row that it stands in."""

from __future__ import annotations

from typing import Any

from mncost.errors import one_line
from mncost.spec.schema import Defaults
from mncost.spec.values import Rules
from mncost.spec.whole import whole_spec
from mncost.toml_errors import Path, as_toml, problems, shown_key

__all__ = ["explain"]


def explain(raw: dict[str, Any], merged: dict[str, Any]) -> str:
    """Say what is wrong with a file that is not a valid :class:`~mncost.spec.schema.Spec`.

    Args:
        raw: what stands in the file, which the message quotes.
        merged: the same with defaults and rules written in, which is what was checked.
    """
    # What is written into others first: a wrong default is not the fault of a row.
    parts = (("rules", Rules), ("defaults", Defaults))
    for key, kind in parts:
        for problem in problems(merged.get(key, {}), kind, (key,)):
            return _worded(raw, problem.path, problem.text)
    for problem in problems(merged, whole_spec()):
        return _worded(raw, problem.path, problem.text)
    raise AssertionError("the file is valid")


def _worded(raw: dict[str, Any], path: Path, text: str) -> str:
    match path:
        case ("rows", int(place), *rest):
            where = f"row {place + 1} {as_toml(raw['rows'][place])}"
        case ("dialects", name, "rows", row, *rest):
            quoted = raw["dialects"][name]["rows"][row]
            where = f"dialects.{name}.rows.{row} {as_toml(quoted)}"
        case _:
            where, rest = "", list(path)
    key = ".".join(shown_key(part) for part in rest)
    return one_line(": ".join(part for part in (where, key, text) if part))
