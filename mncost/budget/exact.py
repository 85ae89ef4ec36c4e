"""Limits on what is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from mncost.api import load
from mncost.budget.outcome import Outcome
from mncost.budget.records import Exact, Limit, Model
from mncost.cost.memory import Precision
from mncost.errors import GridError, InputError
from mncost.interval import exact
from mncost.limits import EXACT
from mncost.network import Network
from mncost.readers import is_model

__all__ = ["check_exact", "network_of", "partial_problem"]


def network_of(model: Model, precision: str) -> Network:
    """Return the network that a budget is about; its bytes are at ``precision``.

    Raises:
        InputError: there is no such network; the message says what would be accepted.
    """
    # What a model's weights are stored in is what their bytes are counted for.
    as_stored = is_model(model.arch) and precision == "fp32"
    network = load(
        model.arch,
        model.alpha,
        model.resolution,
        dialect=model.dialect,
        classes=model.classes,
        precision=None if as_stored else cast("Precision", precision),  # load() checks it
        input=model.input,
    )
    if model.input_data is not None:
        from mncost.measure.input_data import with_data  # few budgets have any

        (network,) = with_data([network], Path(model.input_data))
    if model.twin is None:
        return network
    twin = network.as_twin(model.twin)
    if twin.graph == network.graph:
        raise GridError(f"{network.arch} has no {model.twin} twin: nothing in it would change")
    return twin


def check_exact(limit: Limit, find: Callable[[Model, str], Network] = network_of) -> Outcome:
    """Compare a count with its limit, to the unit; a count that equals its limit passes.

    Args:
        limit: one whose bound is :class:`~mncost.budget.records.Exact`.
        find: :func:`network_of`, or a function that remembers its networks.

    Raises:
        InputError: there is no such network.
    """
    bound = limit.bound
    assert isinstance(bound, Exact), "a latency is measured"
    network = find(limit.model, limit.precision)
    if problem := partial_problem(bound.metric, limit.model, network):
        raise InputError(f"{limit.name}: {problem}")
    value: int = getattr(network, bound.metric)
    violated = _violated(bound, value)
    has_both = None not in (bound.max, bound.min)
    return Outcome(
        of=limit,
        verdict="FAIL" if violated else "PASS",
        value=exact(value),
        unit=EXACT[bound.metric],
        why="; ".join(filter(None, [violated if has_both else "", _lower_bound(bound, network)])),
    )


def partial_problem(metric: str, model: Model, network: Network) -> str:
    """Say why a count cannot be judged, if it is a lower bound; ``""`` if it can."""
    if metric != "macs" or network.is_complete or model.partial:
        return ""
    unknown = ", ".join(network.unknown)
    return f"macs: a lower bound, no rule for {unknown}; `partial = true` in model judges it"


def _lower_bound(bound: Exact, network: Network) -> str:
    """Say that a value that is judged is a lower bound; ``""`` if it is none."""
    if bound.metric != "macs" or network.is_complete:
        return ""
    return f"a lower bound (≥), no rule for {', '.join(network.unknown)}"


def _violated(bound: Exact, value: int) -> str:
    """Say which bound a value violates; ``""`` if none."""
    if bound.max is not None and value > bound.max:
        return "more than max"
    if bound.min is not None and value < bound.min:
        return f"less than min, {bound.min:,}"
    return ""
