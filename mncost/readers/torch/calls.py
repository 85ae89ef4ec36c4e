"""One call of a torch operator, as the rules see it: arguments by name, tensors as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.cost.forms import Form
from mncost.graph.ops import Shape

if TYPE_CHECKING:
    import torch

__all__ = ["Aside", "Call", "Value"]


class Aside(NamedTuple):
    """A call that computes a constant.

    Attributes:
        form: of the call.
        work: of it.
        parameters: the names of those that it reads.
    """

    form: Form
    work: Mapping[str, int]
    parameters: tuple[str, ...]


@dataclass(eq=False)
class Value:
    """A tensor in a torch module.

    Attributes:
        shape: whole, with the batch.
        index: of the node in our graph that computes it; ``None`` if it does not depend on the
            module's input: a parameter, or what is computed from parameters.
        parameter: its name, if it is a parameter or buffer itself.
        parameters: names of those that it is computed from and that no node holds yet.
        work: what it took to compute it from parameters, if no node has that yet.
        made: the same call by call.
    """

    shape: Shape
    index: int | None = None
    parameter: str | None = None
    parameters: list[str] = field(default_factory=list)
    work: Counter[str] = field(default_factory=Counter)
    made: list[Aside] = field(default_factory=list)

    @property
    def is_constant(self) -> bool:
        """Whether it depends on no input of the module."""
        return self.index is None


class Call(NamedTuple):
    """One call.

    Attributes:
        operator: its name without overload and the mark of in-place operators, e.g. ``conv2d``.
        args: by the names of the operator's schema; tensors are values.
        outs: shapes of its results.
        strided: whether its first tensor, of three dimensions or more, is a transposed one.
    """

    operator: str
    args: Mapping[str, Any]
    outs: tuple[Shape, ...]
    strided: bool = False

    @property
    def out(self) -> Shape:
        """The shape of its first result."""
        return self.outs[0] if self.outs else ()

    def tensor(self, *names: str) -> Value:
        """Return the first argument of these names that there is."""
        given = [self.args.get(name) for name in names]
        return next(value for value in given if isinstance(value, Value))

    @property
    def packed(self) -> Sequence[torch.Tensor]:
        """The weight, and the bias if it has one, that a quantised operator has packed."""
        for argument in self.args.values():
            if hasattr(argument, "unpack"):
                return [one for one in argument.unpack() if one is not None]
        return ()

    def has(self, name: str) -> bool:
        """Whether an argument of this name is a tensor."""
        return isinstance(self.args.get(name), Value)

    @property
    def tensors(self) -> list[Value]:
        """Its tensors, in the order of its arguments."""
        return [value for argument in self.args.values() for value in _values(argument)]


def _values(argument: Any) -> Iterator[Value]:
    if isinstance(argument, Value):
        yield argument
    elif isinstance(argument, list | tuple):
        for one in argument:
            yield from _values(one)
