"""The shape of a budget file: its tables and keys, checked by msgspec; its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from mncost.budget.records import Model
from mncost.cost.memory import PRECISIONS
from mncost.measure.runtime_names import MAX_BATCH, MAX_THREADS, RUNTIMES, USUAL
from mncost.units import COUNTS, SIZES, TIMES

__all__ = [
    "MAX_BUDGETS",
    "Budget",
    "BudgetFile",
    "Counts",
    "LatencyLimits",
    "Sizes",
    "Time",
    "budget_schema",
]

MAX_BUDGETS = 1_000

# The descriptions are read twice: in an editor, and after "accepted is" in a message.
Name = Annotated[
    str, Meta(min_length=1, max_length=200, description="a text of 1 to 200 characters")
]
Threads = Annotated[
    int, Meta(ge=1, le=MAX_THREADS, description=f"a whole number from 1 to {MAX_THREADS}")
]
Batch = Annotated[
    int, Meta(ge=1, le=MAX_BATCH, description=f"a whole number from 1 to {MAX_BATCH}")
]
Whole = Annotated[int, Meta(ge=0, description="a whole number")]
Count = Annotated[
    str, Meta(description=f'a text such as "107.3 M": a number with one of: {", ".join(COUNTS)}')
]
Size = Annotated[
    str, Meta(description=f'a text such as "1.5 MiB": a number with one of: {", ".join(SIZES)}')
]
Time = Annotated[
    str, Meta(description=f'a text such as "12 ms": a number with one of: {", ".join(TIMES)}')
]
Share = Annotated[str, Meta(description='a text such as "3 %"')]
Factor = Annotated[float, Meta(gt=0, le=1000, description="a number greater than 0, at most 1000")]
Against = Annotated[Literal["baseline"], Meta(description='"baseline"')]


class Counts(Struct, forbid_unknown_fields=True):
    """Limits of a count; a count that equals its limit is within it."""

    max: Count | Whole | None = None
    min: Count | Whole | None = None


class Sizes(Struct, forbid_unknown_fields=True):
    """Limits of a size; a size that equals its limit is within it."""

    max: Size | Whole | None = None
    min: Size | Whole | None = None


class LatencyLimits(Struct, forbid_unknown_fields=True):
    """Limits of the latency of one call; beside these keys, percentiles: p50, "p99.9"."""

    max_ratio: Factor | None = None
    to: Model | None = None
    regression: Share | None = None
    against: Against | None = None


class Budget(Struct, kw_only=True, forbid_unknown_fields=True):
    """What one network may cost."""

    model: Model
    name: Name | None = None
    precision: str = "fp32"
    runtime: str = USUAL[0]
    provider: Name | None = None
    threads: Threads = 1
    batch: Batch = 1
    flush_denormals: bool = False
    host: Name | None = None
    macs: Count | Whole | Counts | None = None
    params: Count | Whole | Counts | None = None
    weight_bytes: Size | Whole | Sizes | None = None
    peak_activation_bytes: Size | Whole | Sizes | None = None
    latency: Time | LatencyLimits | None = None


class BudgetFile(Struct, forbid_unknown_fields=True):
    """A budget file."""

    budget: Annotated[list[Budget], Meta(min_length=1, max_length=MAX_BUDGETS)]


def budget_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of a budget file, as text."""
    from mncost.spec.json_schema import schema_text

    schema = msgspec.json.schema(BudgetFile)
    tables = schema["$defs"]
    tables["Model"]["description"] = "A network; what is left out is as in mncost.load()."
    tables["Budget"]["properties"]["runtime"]["enum"] = list(RUNTIMES)
    tables["Budget"]["properties"]["precision"]["enum"] = list(PRECISIONS)
    tables["LatencyLimits"]["patternProperties"] = {
        r"^p[0-9]{1,2}(\.[0-9]{1,2})?$": msgspec.json.schema(Time)
    }
    return schema_text(schema)
