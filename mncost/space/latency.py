"""Predicted latency of the pieces of networks: sums over kernels, and their corrections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.graph.graph import Graph
from mncost.graph.ops import Shape
from mncost.predict.kernels import Plan
from mncost.predict.planner import plan_of, rule_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.predict.predictor import Predictor

__all__ = ["UNKNOWN", "Piece", "Timer"]

UNKNOWN = 2
"""The doubt about a piece with a kind of kernel that was never measured: it has no interval."""


class Piece(NamedTuple):
    """What a piece of a network takes.

    Attributes:
        seconds: the sum over its kernels.
        doubt: 0: kernels like all of its were measured; 1: none of such a size; 2: none of such a
            kind.
        ends_in_blocks: the layout of its result.
    """

    seconds: float
    doubt: int
    ends_in_blocks: bool


class Timer:
    """Times pieces by a predictor.

    A network whose rows are not those of the architecture is of no family that was measured: its
    interval is that of networks whose family is unknown.
    """

    def __init__(self, predictor: Predictor, family: str | None) -> None:
        """Take a predictor, and the family that all networks are of, if there is one."""
        self.predictor, self.family = predictor, family
        self.rule = rule_of(predictor.calibration.place)

    def plan(self, graph: Graph, *, starts_in_blocks: bool, is_last: bool) -> Plan:
        """Return the kernels of a piece."""
        return plan_of(
            graph,
            self.rule,
            self.predictor.block,
            starts_in_blocks=starts_in_blocks,
            is_last=is_last,
        )

    def time(self, plan: Plan, shapes: Sequence[Shape]) -> Piece:
        """Return what a piece takes.

        Args:
            plan: its kernels.
            shapes: of every node's result.
        """
        seconds = self.predictor.kernel_seconds(plan, shapes)
        doubt = self.predictor.doubts.of(plan, shapes, self.family)
        level = 0 if doubt is None else UNKNOWN if doubt.is_unknown else 1
        return Piece(seconds, level, plan.ends_in_blocks)

    def corrections(self, where: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], float]:
        """Return what sums are multiplied with, half of their intervals, and that of odd networks.

        Args:
            where: points × (log α, log resolution).
        """
        return self.predictor.corrections(self.family, where)

    @property
    def call(self) -> float:
        """Seconds of each call, beside its kernels."""
        return self.predictor.call_seconds
