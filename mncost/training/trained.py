"""Which parameters a training step trains, and which results need a gradient for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from mncost.errors import InputError, did_you_mean
from mncost.graph.graph import Graph
from mncost.graph.ops import BatchNorm, Conv, LayerNorm, Linear, parameters
from mncost.models.head import classifier

__all__ = ["QAT", "WHAT", "Trained", "fake_quantised", "needing", "trained"]

Trained: TypeAlias = Mapping[int, frozenset[str]]
"""The trained parameters of each node by the last part of their names; no entry: none."""
WHAT = ("all", "head", "last:N", "norm", "bias")
QAT = "qat"
"""The word for a step with fake quantisation: it is measured, not counted."""


def fake_quantised(train: str) -> tuple[str, bool]:
    """Return what a measured step trains, and whether it quantises: ``"all+qat"``, ``"qat"``."""
    words = [word.strip() for word in train.split("+")]
    return "+".join(word for word in words if word != QAT) or "all", QAT in words


def trained(graph: Graph, train: str, classes: int | None) -> Trained:
    """Return which parameters are trained.

    Args:
        graph: the network.
        train: words of :data:`WHAT`, with ``+`` between them.
        classes: outputs of its classifier, which ``head`` means.

    Raises:
        InputError: there is no such word, or the network has no such parameters.
    """
    chosen: dict[int, set[str]] = {}
    for word in (part.strip() for part in train.split("+")):
        of_word = _of_word(graph, word, classes)
        if not any(of_word.values()):
            raise InputError(f"--train {word}: the network has no such parameters")
        for index, leaves in of_word.items():
            chosen.setdefault(index, set()).update(leaves)
    return {index: frozenset(leaves) for index, leaves in chosen.items() if leaves}


def _of_word(graph: Graph, word: str, classes: int | None) -> Mapping[int, Sequence[str]]:
    held = {
        index: [name for name, param in parameters(node.op).items() if param.role != "statistic"]
        for index, node in enumerate(graph.nodes)
    }
    if word == "all":
        return held
    if word == "head":
        at = classifier(graph, classes)
        return {at: held[at]}
    if word == "norm":
        norms = (BatchNorm, LayerNorm)
        return {i: own for i, own in held.items() if isinstance(graph.nodes[i].op, norms)}
    if word == "bias":
        return {i: [name for name in own if name == "bias"] for i, own in held.items()}
    name, _, number = word.partition(":")
    if name == "last" and number.isascii() and number.isdecimal() and int(number[:9]) > 0:
        layers = [i for i, node in enumerate(graph.nodes) if isinstance(node.op, Conv | Linear)]
        if int(number) > len(layers):
            raise InputError(f"--train {word}: the network has {len(layers)} layers with weights")
        return {i: own for i, own in held.items() if i >= layers[-int(number)]}
    if word == QAT:
        raise InputError(f"--train {QAT}: mncost bench --training measures it; it is not counted")
    hint = f" (did you mean {word.replace(',', '+')!r}?)" if "," in word else ""
    raise InputError(
        f"--train {word!r}{hint or did_you_mean(word, WHAT)}: accepted are {', '.join(WHAT)}, "
        "several of them with +: head+bias"
    )


def needing(graph: Graph, chosen: Trained) -> list[bool]:
    """Return for each node whether its result needs a gradient: what it holds or reads does."""
    needs: list[bool] = []
    for index, node in enumerate(graph.nodes):
        needs.append(index in chosen or any(needs[source] for source in node.inputs))
    return needs
