"""What options change in the table of a grid: a tool's convention, accuracy, latency, its front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mncost.choose.columns import ACCURACY_COLUMNS, pareto_front
from mncost.cost.conventions import find_convention
from mncost.grids import Grid
from mncost.render.sources import Source, sources
from mncost.tables.partial import partial_words
from mncost.titles import input_words
from mncost.twins import of_twin, twin_ratio

if TYPE_CHECKING:
    from mncost.predict.predictions import Predictions

__all__ = ["front", "with_accuracy", "with_convention", "with_latency", "with_models"]

# Beside networks of architectures, and only where there is a model.
_OF_MODELS: Mapping[str, Source] = sources(
    ("input", "input", "text", input_words),
    ("complete", "complete", "text", lambda n: n.is_complete),
    ("unknown_operators", "not counted", "text", partial_words),
    extra=("complete", "unknown_operators"),
)


def with_convention(registry: Mapping[str, Source], name: str) -> Mapping[str, Source]:
    """Return the columns with one tool's number wherever MACs would stand.

    Raises:
        UnknownNameError: there is no such convention.
    """
    convention = find_convention(name)

    def number(n: Any) -> int:
        return convention.total(n.seen)

    def ratio(n: Any) -> float | None:
        return number(n.standard) / number(n) if number(n) else None

    name, title = convention.name, f"{convention.name} {convention.unit}"
    counted = sources(
        ("macs", title, "count", number),
        ("convention", "convention", "text", lambda n: name),
        ("standard_macs", f"standard {title}", "count", lambda n: number(n.standard)),
        ("macs_ratio", f"{title} ratio", "ratio", ratio),
        ("twin_macs", f"twin {title}", "count", of_twin(number)),
        ("twin_macs_ratio", f"{title} ratio", "ratio", twin_ratio(number)),
        extra=("convention",),
        asked=("twin_macs", "twin_macs_ratio"),
    )
    columns = {name: counted.get(name, source) for name, source in registry.items()}
    del columns["flops"]  # 2 × whatever a tool counts means nothing
    return {**columns, "convention": counted["convention"]}


def with_latency(registry: Mapping[str, Source], predictions: Predictions) -> Mapping[str, Source]:
    """Return the columns with that of predicted latencies."""
    by_network = {id(one.network): one for one in predictions}
    column = sources(
        ("latency", "latency", "time", lambda n: by_network[id(n)].latency),
        ("latency_basis", "basis", "text", lambda n: by_network[id(n)].basis),
        extra=("latency_basis",),
        intervals=("latency",),
    )
    after = list(registry).index("macs") + 1
    names = [*list(registry)[:after], *column, *list(registry)[after:]]
    return {name: {**registry, **column}[name] for name in names}


def with_models(registry: Mapping[str, Source]) -> Mapping[str, Source]:
    """Return the columns with those that models have."""
    after = list(registry).index("resolution") + 1
    names = [*list(registry)[:after], "input", *list(registry)[after:], *list(_OF_MODELS)[1:]]
    return {name: {**_OF_MODELS, **registry}[name] for name in names}


def with_accuracy(registry: Mapping[str, Source]) -> Mapping[str, Source]:
    """Return the columns with those of the published accuracy."""
    after = list(registry).index("resolution") + 1
    names = [*list(registry)[:after], "top1", *list(registry)[after:], "top1_source"]
    return {name: {**registry, **ACCURACY_COLUMNS}[name] for name in names}


def front(networks: Grid, metrics: str) -> Grid:
    """Return the networks that no other one beats in all of some metrics.

    Raises:
        InputError: a metric cannot be used.
    """
    kept, lacking = pareto_front(networks[:], [name.strip() for name in metrics.split(",")])
    notes = [*networks.notes, f"{len(kept)} of {len(networks)} networks are on the Pareto front"]
    if lacking:
        notes.append(f"left out: {lacking} of which no accuracy is published")
    return Grid(kept, notes)
