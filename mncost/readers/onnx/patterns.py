"""Activations and biases that exporters write as several operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from onnx import NodeProto

from mncost.graph.ops import ActivationName
from mncost.readers.onnx.tensors import Constants

__all__ = ["Fused", "find_patterns"]


class Fused(NamedTuple):
    """Several operators that are one activation.

    Attributes:
        function: which.
        source: the tensor that it reads.
        gone: the indices of the operators before the last one.
    """

    function: ActivationName
    source: str
    gone: tuple[int, ...]


def find_patterns(
    nodes: Sequence[NodeProto], constants: Constants, outputs: Sequence[str]
) -> dict[int, Fused]:
    """Return what is one activation, by the index of its last operator."""
    return _Finder(nodes, constants, outputs).find()


class _Finder:
    def __init__(
        self, nodes: Sequence[NodeProto], constants: Constants, outputs: Sequence[str]
    ) -> None:
        self.nodes, self.constants = nodes, constants
        self.writer = {output: index for index, node in enumerate(nodes) for output in node.output}
        self.readers: dict[str, list[int]] = {}
        for index, node in enumerate(nodes):
            for name in dict.fromkeys(node.input):
                self.readers.setdefault(name, []).append(index)
        self.kept = set(outputs)

    def find(self) -> dict[int, Fused]:
        """Look at each product: most activations that are written out end in one."""
        patterns: dict[int, Fused] = {}
        gone: set[int] = set()
        for index, node in enumerate(self.nodes):
            if node.op_type == "Mul" and not node.domain and (match := self.product(index)):
                last, fused = match
                if not gone & {last, *fused.gone} and last not in patterns:
                    patterns[last] = fused
                    gone |= {last, *fused.gone}
        return patterns

    def product(self, index: int) -> tuple[int, Fused] | None:
        """Return the activation that a product belongs to, and its last operator."""
        node = self.nodes[index]
        if len(node.input) != 2:
            return None
        for source, gate in (tuple(node.input), tuple(node.input)[::-1]):
            chain = self.chain(gate, source)
            if chain is None:
                continue
            words = self.words(chain)
            if function := _GATES.get(words):
                return index, Fused(function, source, tuple(chain))
            after = self.only_reader(node.output[0])
            if after is not None and (function := _SCALED.get((words, self.word(after)))):
                return after, Fused(function, source, (*chain, index))
        return self.halved_first(index)

    def halved_first(self, index: int) -> tuple[int, Fused] | None:
        """GELU as x · (0.5 · (1 + erf(x / √2))), or as (0.5 · x) · (1 + erf(x / √2))."""
        node = self.nodes[index]
        for half, gate in (tuple(node.input), tuple(node.input)[::-1]):
            at = self.writer.get(half)
            if at is None or self.word(at) != "Mul 0.5" or self.only_reader(half) != index:
                continue
            source = self.activation(at)
            chain = None if source is None else self.chain(gate, source)
            if source and chain and self.words(chain) in _ERROR_FUNCTIONS:
                return index, Fused("gelu", source, (*chain, at))
        return None

    def chain(self, tensor: str, source: str) -> list[int] | None:
        """Return the operators from ``source`` to ``tensor``, each read by the next one only."""
        chain: list[int] = []
        while tensor != source:
            index = self.writer.get(tensor)
            if index is None or len(chain) == _LONGEST or self.only_reader(tensor) is None:
                return None
            before = self.activation(index)
            if before is None:
                return None
            chain.insert(0, index)
            tensor = before
        return chain or None

    def activation(self, index: int) -> str | None:
        """Return the only input of an operator that is not constant."""
        inputs = [name for name in self.nodes[index].input if name and name not in self.constants]
        return inputs[0] if len(inputs) == 1 else None

    def only_reader(self, tensor: str) -> int | None:
        """Return the only operator that reads a tensor, if the model does not return it."""
        readers = self.readers.get(tensor, ())
        return readers[0] if len(readers) == 1 and tensor not in self.kept else None

    def words(self, chain: Sequence[int]) -> tuple[str, ...]:
        """Return the words of operators, without those that only round."""
        return tuple(
            self.word(index) for index in chain if self.nodes[index].op_type not in _ROUNDING
        )

    def word(self, index: int) -> str:
        """Return an operator's type, with the numbers that it has."""
        node = self.nodes[index]
        given = {one.name: one.f for one in node.attribute if one.name in ("alpha", "beta")}
        numbers: list[float] = []
        for name in node.input:
            if name in self.constants:
                value = self.constants.value(name)
                if value is None or value.size != 1:
                    return "other"
                numbers.append(float(value.reshape(-1)[0]))
        if node.op_type == "Clip":
            numbers += [one.f for one in node.attribute if one.name in ("min", "max")]
        if node.op_type == "HardSigmoid":
            numbers = [given.get("alpha", 0.2), given.get("beta", 0.5)]
        return " ".join([node.op_type, *(f"{number:.4g}" for number in numbers)])


_ROUNDING = ("QuantizeLinear", "DequantizeLinear")
_LONGEST = 12  # with those that round
_ERROR_FUNCTIONS = {
    (scale, "Erf", one) for scale in ("Div 1.414", "Mul 0.7071") for one in ("Add 1",)
}
_SIXTH = ("Div 6", "Mul 0.1667")
_GATES: dict[tuple[str, ...], ActivationName] = {
    ("Sigmoid",): "silu",
    ("HardSigmoid 0.1667 0.5",): "hardswish",
    ("Softplus", "Tanh"): "mish",
    **{("Add 3", "Clip 0 6", sixth): "hardswish" for sixth in _SIXTH},
    **{(*words, "Mul 0.5"): "gelu" for words in _ERROR_FUNCTIONS},
}
"""What x is multiplied with, as operators from x to there."""
_SCALED: dict[tuple[tuple[str, ...], str], ActivationName] = {
    **{(("Add 3", "Clip 0 6"), sixth): "hardswish" for sixth in _SIXTH},
    **{(words, "Mul 0.5"): "gelu" for words in _ERROR_FUNCTIONS},
}
"""What x is multiplied with, where the product is divided afterwards."""
