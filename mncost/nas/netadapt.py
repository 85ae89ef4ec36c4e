"""NetAdapt: a network gets narrower step by step, until it is within a budget of latency.

As in MobileNetV3's paper (arXiv:1905.02244, section 4.2; NetAdapt: arXiv:1804.03230): each step
makes proposals, each of which shrinks one expansion layer, or the outputs of all bottlenecks that
share a width, so far that the latency falls by at least δ. The proposal that loses the least score
for the latency that it saves is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.errors import InputError, MeasureError
from mncost.nas.log import Point, Proposal, Step
from mncost.network import Network, network_of
from mncost.pruning.prune import Narrowed, narrowed
from mncost.pruning.units import units_of
from mncost.pruning.widths import KEYS, Widths
from mncost.spec.parse import spec_of
from mncost.spec.resolve import resolve
from mncost.spec.resolved import unrolled_document, written

if TYPE_CHECKING:
    from mncost.nas.clock import Clock
    from mncost.nas.score import Score

__all__ = ["NetAdapt", "choose", "groups_of", "unrolled"]


class Group(NamedTuple):
    """Widths that shrink together: keys of rows (``row3.expanded``), all of one width."""

    keys: tuple[str, ...]


class NetAdapt:
    """The state of a search.

    Attributes:
        first: the network that it starts with, a row for each block.
        widths: the channels of each key that shrank, by its name.
        now: the network of these widths.
        number: of steps that lead to it.
    """

    def __init__(
        self, network: Network, clock: Clock, score: Score, *, round: int, name: str
    ) -> None:
        """Begin with a network of an architecture file.

        Raises:
            InputError: it is another one: a model, or a twin.
        """
        self.first, self.clock, self.score = unrolled(network), clock, score
        self.round, self.name = round, name
        self._units = units_of(self.first.graph, self.first.shapes)
        self.channels = _channels(self.first)
        self.groups = groups_of(self.first, self.channels)
        self.widths: dict[str, int] = {}
        self.now = Narrowed(self.first, {**_document(self.first), "name": name}, {}, ())
        self.point = clock.point(self.first, score(self.first))
        self.number = 0
        self._way: list[tuple[dict[str, int], Point]] = [({}, self.point)]

    def step(self, number: int, least: float) -> Step:
        """Make the next step.

        Args:
            number: from 1.
            least: seconds that each proposal saves.

        Raises:
            MeasureError: nothing that can shrink saves so much.
        """
        proposals = list(self.proposals(least))
        if not proposals:
            raise MeasureError(
                f"{self.first.arch}: no layer can shrink any further at "
                f"{self.point.latency * 1e3:.4g} ms (at most {self.high * 1e3:.4g} ms): "
                "accepted is a longer --max-latency"
            )
        made = Step(number=number, taken=choose(self.point, proposals), proposals=proposals)
        self.take(made)
        return made

    @property
    def start(self) -> float:
        """The latency of the first network, in seconds."""
        return self.clock.seconds(self.first)[0]

    @property
    def high(self) -> float:
        """The upper end of the interval of the network of now, in seconds.

        Raises:
            MeasureError: it is not known.
        """
        return self.clock.high(self.now.network, self.point)

    def take(self, step: Step) -> None:
        """Take the proposal of a step, one of a log too.

        Raises:
            InputError: the network cannot have its widths.
        """
        self.widths |= step.proposal.changed
        self.now = self.narrowed(self.widths)
        self.point = step.point
        self._way.append((dict(self.widths), step.point))
        self.number = len(self._way) - 1

    def back(self, number: int) -> None:
        """Go to the network after this many steps, back or forward."""
        widths, point = self._way[number]
        self.number, self.widths = number, dict(widths)
        self.now = self.narrowed(self.widths)
        self.point = self.clock.point(self.now.network, point.score)

    def seconds(self, number: int) -> float:
        """Return the latency of the network after this many steps, by the present clock."""
        return self.clock.seconds(self.narrowed(self._way[number][0]).network)[0]

    def corrected(self) -> None:
        """Look at the network of now again: the clock has changed."""
        self.point = self.clock.point(self.now.network, self.point.score)

    def proposals(self, least: float) -> Iterator[Proposal]:
        """Yield for each group the widest network that is faster by ``least`` seconds.

        A group whose narrowest widths do not save so much is not looked at any further.
        """
        for group in self.groups:
            every = list(self.shrinking(group))
            if not any(self.saving(changed, least) for changed in every[-1:]):
                continue
            for changed in every:
                if (network := self.saving(changed, least)) is not None:
                    point = self.clock.point(network, self.score(network))
                    yield Proposal(changed=changed, point=point)
                    break

    def saving(self, changed: Mapping[str, int], least: float) -> Network | None:
        """Return the network of now with other widths, if it is faster by ``least`` seconds."""
        try:
            network = self.narrowed({**self.widths, **changed}).network
        except InputError:
            return None  # no network has these widths
        return network if self.point.latency - self.clock.seconds(network)[0] >= least else None

    def shrinking(self, group: Group) -> Iterator[dict[str, int]]:
        """Yield the widths that a group may have, the widest first."""
        now = self.widths.get(group.keys[0], self.channels[group.keys[0]])
        start = (now - 1) // self.round * self.round
        for width in range(start, 0, -self.round):
            yield dict.fromkeys(group.keys, width)

    def narrowed(self, widths: Mapping[str, int]) -> Narrowed:
        """Return the first network with other widths.

        Raises:
            InputError: it cannot have them.
        """
        return narrowed(self.first, Widths(None, widths, self.round), self._units, self.name)

    def file(self, comment: str) -> str:
        """Return the architecture file of the network of now."""
        return written(self.now.document, comment)


def choose(now: Point, proposals: list[Proposal]) -> int:
    """Return which proposal loses the least score for each second that it saves.

    Of equal ones the first is taken.
    """
    gains = [(one.point.score - now.score) / (now.latency - one.point.latency) for one in proposals]
    return max(range(len(gains)), key=lambda index: (gains[index], -index))


def unrolled(network: Network) -> Network:
    """Return the same network with a row for each block, so that each may shrink by itself.

    Raises:
        InputError: it is no network of an architecture file.
    """
    if network.architecture is None or network.resolution is None or network.twin:
        raise InputError(
            f"{network.arch}: only networks of architecture files can be searched, not models or "
            "twins"
        )
    spec = spec_of(_document(network), network.arch)
    architecture = resolve(spec, classes=network.classes)
    return network_of(architecture, network.resolution, network.precision)


def groups_of(network: Network, channels: Mapping[str, int]) -> list[Group]:
    """Return what shrinks together, in the order of the rows.

    An expansion, or another width inside a block, shrinks alone. Outputs shrink with those that a
    sum joins them to, and bottlenecks with all bottlenecks of the same width.
    """
    bottlenecks = {row["name"] for row in _rows(network) if "expanded" in row}
    units = units_of(network.graph, network.shapes)
    ends = {node.block.partition(".")[0]: index for index, node in enumerate(network.graph.nodes)}
    groups: list[list[str]] = []
    joined: dict[object, int] = {}  # by what joins outputs: their group
    for key in channels:
        row, _, what = key.rpartition(".")
        if what != "out":
            groups.append([key])
            continue
        ties: list[object] = [("unit", unit) for unit in units.of[ends[row]][:1]]
        if row in bottlenecks:
            ties.append(("width", channels[key]))
        places = sorted({joined[tie] for tie in ties if tie in joined})
        place = places[0] if places else len(groups)
        if not places:
            groups.append([])
        groups[place].append(key)
        for other in places[1:]:
            groups[place] += groups[other]
            groups[other] = []
            joined = {tie: place if at == other else at for tie, at in joined.items()}
        joined |= dict.fromkeys(ties, place)
    return [Group(tuple(keys)) for keys in groups if keys]


def _document(network: Network) -> dict[str, Any]:
    assert network.architecture is not None
    assert network.resolution is not None
    return unrolled_document(network.architecture, network.resolution)


def _rows(network: Network) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _document(network)["rows"]
    return rows


def _channels(network: Network) -> dict[str, int]:
    """Return the channels of each key that can shrink, by its name (``row3.expanded``)."""
    return {
        f"{row['name']}.{key}": row[key]
        for row in _rows(network)
        for key in KEYS
        if isinstance(row.get(key), int)
        and not isinstance(row[key], bool)
        and (key != "expanded" or row.get("expand", True))
    }
