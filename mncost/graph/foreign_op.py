"""An operator of other people's models that is not one of ours."""

from __future__ import annotations

from typing import NamedTuple

from mncost.errors import InputError
from mncost.graph.operator import Operator, Role, Shape

__all__ = ["Foreign", "Held", "not_ours"]


class Held(NamedTuple):
    """A tensor that a :class:`Foreign` operator holds: a ``Param`` under a name."""

    name: str
    shape: Shape
    role: Role


class Foreign(Operator, frozen=True):
    """An operator of another model that has no class of its own here.

    Attributes:
        operator: what the model calls it, e.g. ``TopK`` or ``com.microsoft.FusedConv``.
        shape: of its result, whatever it reads.
        work: amounts by kind of work (:data:`mncost.cost.work.KINDS`). Empty: it only moves data.
            ``None``: unknown, so every sum that it belongs to is a lower bound.
        held: its parameters; a tensor that several operators share is held by the first.
        word: for it in tables.
        view: whether it only looks at its input in another shape.
        fuses: whether it runs inside the convolution or linear layer before it.
    """

    operator: str
    shape: Shape
    work: tuple[tuple[str, int], ...] | None
    held: tuple[Held, ...] = ()
    word: str = "other"
    view: bool = False
    fuses: bool = False

    keeps_channels_apart = False

    @property
    def kind(self) -> str:
        """What its reader calls it."""
        return self.word

    @property
    def fuses_into_previous(self) -> bool:
        """Whether it runs inside the convolution or linear layer before it."""
        return self.fuses

    @property
    def is_view(self) -> bool:
        """Whether it only looks at its input in another shape."""
        return self.view


def not_ours(op: Foreign) -> InputError:
    """Return the error of what would build an operator that can only be counted."""
    return InputError(
        f"{op.operator}: an operator of another model, which can be counted but not built; the "
        "model itself can be measured"
    )
