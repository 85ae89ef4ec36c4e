"""Pruning: fewer channels, an architecture file that has them, and the weights that survive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.errors import InputError
from mncost.network import Network, network_of
from mncost.pruning.units import Units, channels_of, units_of
from mncost.pruning.weights import surviving_weights, survivors
from mncost.pruning.widths import KEYS, Widths, parsed
from mncost.spec.parse import row_name, spec_of
from mncost.spec.resolve import resolve
from mncost.spec.resolved import resolved_document, written
from mncost.spec.rows import Row

if TYPE_CHECKING:
    from pathlib import Path

    from mncost.models.weights import Weights

__all__ = ["Narrowed", "Pruned", "narrowed", "prune", "weights_of"]


class Pruned(NamedTuple):
    """A pruned network.

    Attributes:
        original: the network that was pruned.
        network: what is left of it.
        file: its architecture file.
        weights: those that survive, by name.
        kept: for each node of the original the channels of its result that survive.
        whole: the rows that stay as they are, each with the layer that says so.
        notes: what a reader has to know.
    """

    original: Network
    network: Network
    file: str
    weights: Weights
    kept: dict[str, tuple[int, ...]]
    whole: dict[str, str]
    notes: tuple[str, ...]

    def safetensors(self) -> bytes:
        """Return a file with the weights. Needs safetensors."""
        from safetensors.numpy import save

        content: bytes = save(self.weights)
        return content


def weights_of(
    network: Network, file: Path | None, key: str | None, seed: int
) -> tuple[Weights, str | None]:
    """Return the weights in a checkpoint, or random ones, and a note on them.

    Raises:
        InputError: the file holds no weights of this network.
    """
    if file is None:
        from mncost.models.weights import random_weights

        note = "random weights chose the channels: --weights takes trained ones"
        return random_weights(network.graph, seed), note
    from mncost.models.export import checkpoint
    from mncost.models.foreign import map_foreign

    read = checkpoint(file, key)
    return map_foreign(read.state, network.graph, str(file)), read.note


def prune(
    network: Network,
    channels: str | float,
    *,
    round: int = 8,
    weights: Weights | None = None,
    name: str | None = None,
) -> Pruned:
    """Return a network with fewer channels: those whose filters have the largest L1 norm.

    Args:
        network: from an architecture.
        channels: the share of channels to keep, ``0.5``; or widths of rows, ``"row3=16"``; or both.
        round: widths by a share are multiples of it.
        weights: that decide and survive, by our names; by default random ones.
        name: of the pruned network; by default the original's with ``-pruned``.

    Raises:
        InputError: the network cannot be pruned like that.
    """
    from mncost.models.weights import random_weights

    if network.architecture is None or network.resolution is None or network.twin:
        raise InputError(
            f"{network.arch}: only networks of architecture files can be pruned, not models or "
            "twins"
        )
    units = units_of(network.graph, network.shapes)
    weights = random_weights(network.graph) if weights is None else weights
    narrow = narrowed(
        network, parsed(str(channels), round), units, name or f"{network.arch}-pruned"
    )
    alive = survivors(network.graph, units, narrow.network.shapes, weights)
    nodes = zip(network.graph.nodes, units.of, strict=True)
    return Pruned(
        network,
        narrow.network,
        written(narrow.document, f"{narrow.document['title']}: {channels}."),
        surviving_weights(network.graph, units, alive, weights),
        {node.name: tuple(i for i, u in enumerate(own) if u in alive) for node, own in nodes},
        narrow.whole,
        narrow.notes,
    )


class Narrowed(NamedTuple):
    """A network with fewer channels, without weights.

    Attributes:
        network: that is left.
        document: its architecture file, as keys and values.
        whole: the rows that stay as they are, each with the layer that says so.
        notes: what a reader has to know.
    """

    network: Network
    document: dict[str, Any]
    whole: dict[str, str]
    notes: tuple[str, ...]


def narrowed(network: Network, widths: Widths, units: Units, name: str) -> Narrowed:
    """Return a network of an architecture file with other widths, without weights.

    Args:
        network: the original.
        widths: that its rows shall have.
        units: the original's, from :func:`mncost.pruning.units.units_of`.
        name: of the narrowed network.

    Raises:
        InputError: the network cannot have these widths.
    """
    assert network.architecture is not None
    assert network.resolution is not None
    document = resolved_document(network.architecture, network.resolution)
    document["name"] = name
    document["title"] = f"{name}: {network.arch} with fewer channels"
    narrow = _Narrowing(network, document, widths)
    made = narrow.narrowed(units.fixed, units.of)
    return Narrowed(made, document, narrow.whole, tuple(narrow.notes()))


class _Narrowing:
    """Narrows the rows of an architecture file; a row with a layer that cannot be, stays whole."""

    def __init__(self, network: Network, document: dict[str, Any], widths: Widths) -> None:
        self.network, self.document = network, document
        self.rows: list[dict[str, Any]] = document["rows"]
        self.names = [
            row.get("name") or row_name(Row(), number) for number, row in enumerate(self.rows, 1)
        ]
        self.whole: dict[str, str] = {}
        widths.check(dict(zip(self.names, self.rows, strict=True)))
        self.before = [dict(row) for row in self.rows]
        for name, row in zip(self.names, self.rows, strict=True):
            for key in KEYS:
                if isinstance(row.get(key), int) and not isinstance(row[key], bool):
                    row[key] = widths.of(name, key, row[key])
        self.widths = widths

    def narrowed(self, fixed: dict[int, str], of: Sequence[Sequence[int]]) -> Network:
        """Return the narrowed network; what cannot be narrowed gets its width back.

        Raises:
            InputError: nothing is left to narrow, or a sum would appear.
        """
        while True:
            network = self._network()
            if network is None:
                if not self._restore_groups():
                    raise InputError(f"{self.network.arch}: these widths fit no groups")
                continue
            if (block := self._changed(network)) is not None:
                self._without_sum(block)
            elif (wrong := self._wrong(network, fixed, of)) is not None:
                self._restore(*wrong)
            else:
                break
        if self.rows == self.before and (self.widths.share or 1) < 1:
            if not self.whole:
                raise InputError(
                    f"{self.network.arch}: no width changes: in multiples of {self.widths.round} "
                    "this share keeps them all; accepted is a smaller share, or another --round"
                )
            layer = next(iter(self.whole.values()))
            raise InputError(f"{self.network.arch}: nothing can be pruned, see {layer}")
        return network

    def _network(self) -> Network | None:
        """Return the network of the rows; ``None`` if they fit no groups."""
        rows = [
            {key: value for key, value in row.items() if value is not None} for row in self.rows
        ]
        try:
            spec = spec_of({**self.document, "rows": rows}, self.document["name"])
            architecture = resolve(spec, classes=self.network.classes)
            return network_of(architecture, self.network.resolution or 1, self.network.precision)
        except InputError as error:
            if "groups" in str(error):
                return None
            raise

    def _changed(self, network: Network) -> str | None:
        """Return the first block that has other operators than the original's."""
        for one, other in zip(self.network.graph.nodes, network.graph.nodes, strict=False):
            if (one.name, one.inputs) != (other.name, other.inputs):
                return other.block
        return None

    def _without_sum(self, block: str) -> None:
        """Mend a block whose input and output have one width now, and are added up."""
        at = self._row_of(block)
        row, name = self.rows[at], self.names[at]
        if block == name and row.get("residual", True) and "out" in row:
            row["residual"] = False
        elif name not in self.widths.named and row.get("out", 0) < self.before[at].get("out", 0):
            row["out"] = min(row["out"] + self.widths.round, self.before[at]["out"])
        else:
            raise InputError(
                f"{block}: with these widths it has operators that the original does not have; "
                f"accepted are other channels for {name}"
            )

    def _wrong(
        self, network: Network, fixed: dict[int, str], of: Sequence[Sequence[int]]
    ) -> tuple[str, str] | None:
        """Return the block and the name of a layer that may not have the width that it got."""
        ours = self.network.graph.nodes
        for index, node in enumerate(ours):
            changed = channels_of(network.shapes[index]) != channels_of(self.network.shapes[index])
            if changed and (why := next((fixed[u] for u in of[index] if u in fixed), None)):
                return node.block, why
        return None

    def _restore(self, block: str, why: str) -> None:
        """Give a row one of its widths back, or the row that it reads."""
        at = self._row_of(block)
        for place in (at, self._row_of(why.rpartition(".")[0])):
            for key in KEYS:
                if self.rows[place].get(key) != self.before[place].get(key):
                    self._refuse_named(place, key, why)
                    self.rows[place][key] = self.before[place][key]
                    self.whole.setdefault(self.names[place], why)
                    return
        for place in reversed(range(at)):
            if self.rows[place].get("out") != self.before[place].get("out"):
                self._refuse_named(place, "out", why)
                self.rows[place]["out"] = self.before[place]["out"]
                self.whole.setdefault(self.names[place], why)
                return
        raise InputError(f"{why}: its channels cannot be pruned, and these widths would need that")

    def _restore_groups(self) -> bool:
        for place, row in enumerate(self.rows):
            is_grouped = int(row.get("groups") or 1) > 1 or "shuffle" in row["block"]
            if is_grouped and row != self.before[place]:
                for key in KEYS:
                    if row.get(key) != self.before[place].get(key):
                        row[key] = self.before[place][key]
                self.whole.setdefault(self.names[place], f"{self.names[place]} (groups)")
                return True
        return False

    def _refuse_named(self, place: int, key: str, why: str) -> None:
        name = self.names[place]
        if f"{name}.{key}" in self.widths.named or (key == "out" and name in self.widths.named):
            raise InputError(f"--channels {name}: the channels at {why} cannot be pruned")

    def _row_of(self, block: str) -> int:
        while block:
            if block in self.names:
                return self.names.index(block)
            block = block.rpartition(".")[0]
        return len(self.names) - 1

    def notes(self) -> list[str]:
        """Say what stays whole."""
        if not self.whole:
            return []
        rows = ", ".join(f"{name} ({why})" for name, why in self.whole.items())
        return [
            f"not pruned, because of a layer whose channels cannot be removed one by one: {rows}"
        ]
