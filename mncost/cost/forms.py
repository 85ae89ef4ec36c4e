"""How a project writes each operator: as which module, and by calls of which functions.

Counting tools look at classes of modules, at functions, or at the operators of a traced graph, so
that the same network gets other numbers when another project has written it. A :class:`Form` is
what they see of one operator. A project is a rule that gives every operator of a graph its form;
a torch module that was read has the forms that it really has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

from mncost.cost.work import KINDS, OpCost, Tally, Work
from mncost.graph.ops import parameters

__all__ = ["FUSED", "NAMED", "SEEN_KINDS", "STRIDED", "UNFUSED", "WHOLE", "Form", "Seen", "seen"]

FUSED = ("scaled_dot_product_attention",)
"""What a traced graph has for attention by torch's own function."""
UNFUSED = ("_scaled_dot_product_attention_math",)
"""What that function calls beside where it cannot fuse: one head of keys for several of queries."""

WHOLE = ("timm.layers.attention.Attention",)
"""Modules that some tool counts as a whole, and then none of the modules in them."""

STRIDED = "linear of strides"
"""What a linear layer calls beside where it reads a transposed tensor: no product with a bias."""

NAMED = ("weight", "bias")
"""The names of the parameters that are called so, which one tool looks for."""

SEEN_KINDS = (*KINDS, "params")
"""The kinds of work, and ``params``: the parameters called weight or bias, each once."""


class Form(NamedTuple):
    """What tools see of one operator.

    Attributes:
        module: the class of the innermost module: ``Conv2d`` if it is torch's own, else with its
            package, e.g. ``timm.layers.norm_act.BatchNormAct2d``; empty if it belongs to none.
        calls: the functions that compute it, by the names that a traced graph has for them.
        is_leaf: whether that module holds no further modules.
        within: the class of a module around it, if that is one of :data:`WHOLE`.
        first: the first dimension of its result: a tool that takes it for the batch multiplies
            parameters by it.
        aside: the form and the work of what computes the constants that it reads, which is part of
            its own work.
    """

    module: str = ""
    calls: tuple[str, ...] = ()
    is_leaf: bool = True
    within: str = ""
    first: int = 1
    aside: tuple[tuple[Form, tuple[tuple[str, int], ...]], ...] = ()


Seen: TypeAlias = Mapping[Form, Tally]
"""The work of a network by form, and how many operators have each kind of it."""


def seen(costs: Sequence[OpCost], forms: Sequence[Form]) -> Seen:
    """Add up the work of operators by their forms."""
    tallies: dict[Form, Tally] = {}
    for cost, form in zip(costs, forms, strict=True):
        work = Counter(_with_params(cost))
        for other, part in form.aside:
            work.subtract(dict(part))
            _enter(tallies, other, Counter(dict(part)))
        _enter(tallies, form._replace(aside=()), work)
    return tallies


def _enter(tallies: dict[Form, Tally], form: Form, work: Counter[str]) -> None:
    if form.first > 1 and work["params"]:
        work["params"] *= form.first
    work = +work
    if work:
        tally = tallies.setdefault(form._replace(first=1), Tally(Counter(), Counter()))
        tally.work.update(work)
        tally.operators.update(work.keys())


def _with_params(cost: OpCost) -> Work:
    held = parameters(cost.op).items()
    named = sum(
        prod(param.shape)
        for leaf, param in held
        if param.role != "statistic" and leaf.rpartition(".")[2] in NAMED
    )
    return {**cost.work, "params": named} if named else cost.work
