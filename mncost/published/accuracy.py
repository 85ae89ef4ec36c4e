"""Networks with a published ImageNet accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING

from mncost.api import grid
from mncost.cost.memory import PRECISIONS, Precision, as_precision
from mncost.errors import NothingPublishedError, UnknownNameError
from mncost.published.checkpoints import load_code
from mncost.published.figures import Figure, read_published
from mncost.selection import Selection
from mncost.spec.axis import Numbers, Resolution
from mncost.spec.catalog import Choice, load_spec
from mncost.spec.finding import find
from mncost.spec.parse import PAPER
from mncost.spec.resolve import dialects

if TYPE_CHECKING:
    from mncost.graph.graph import Graph
    from mncost.network import Network
    from mncost.which import Which

__all__ = [
    "CLASSES",
    "IMAGES",
    "Candidate",
    "accuracy_of",
    "candidates",
    "candidates_of",
    "is_near_tie",
    "published_of",
    "with_weights",
]

CLASSES = 1000
IMAGES = 50_000  # of ImageNet's validation set, on which top-1 is measured
_TWO_SIDED_95 = 1.959964  # standard deviations


class Candidate:
    """A network, and what is published about its accuracy.

    Attributes:
        network: with 1000 classes.
        figures: the published rows of this very network (graph, resolution, precision), the most
            accurate first. Two sources may have trained it in two ways.
    """

    def __init__(self, network: Network, figures: Iterable[Figure]) -> None:
        """Order the figures; at least one."""
        self.network = network
        self.figures = tuple(sorted(figures, key=lambda figure: -float(figure.top1)))

    @property
    def figure(self) -> Figure:
        """The row that it is ranked by: the highest accuracy that is published."""
        return self.figures[0]

    @property
    def name(self) -> str:
        """What it is called: ``v2 (timm) α 0.75 at 160 px``."""
        network = self.network
        dialect = "" if network.dialect == PAPER else f" ({network.dialect})"
        return f"{network.arch}{dialect} α {network.alpha:g} at {network.resolution} px"

    @property
    def top1(self) -> float:
        """ImageNet top-1 accuracy in %."""
        return float(self.figure.top1)

    @property
    def lowest_top1(self) -> float:
        """The lowest that is published for the same network, in %."""
        return float(self.figures[-1].top1)

    @property
    def assumed_resolution(self) -> bool:
        """Whether the source does not say the resolution, so that the native one is assumed."""
        return not self.figure.resolution

    @cached_property
    def memory_bytes(self) -> int:
        """Weights and the peak of the activations together, for one image."""
        return self.network.weight_bytes + self.network.peak_activation_bytes

    def __repr__(self) -> str:
        """Say which network it is, and its accuracy."""
        return f"<{self.name}: {self.top1:g} %>"


def published_of(which: Which) -> list[Candidate]:
    """Return :func:`candidates` as flags choose them; without an architecture, all."""
    return candidates(
        which.arch or "all",
        which.alpha,
        which.resolution,
        rho=which.rho,
        dialect=which.dialect,
        precision=as_precision(which.precision),
    )


def candidates(
    arch: str = "all",
    alpha: Numbers | None = None,
    resolution: Numbers | None = None,
    *,
    rho: Numbers | None = None,
    dialect: str | None = None,
    precision: Precision = "fp32",
) -> list[Candidate]:
    """Return the networks of which an accuracy is published, the most accurate first.

    Where that of one network is published several times, it is one candidate; equally accurate
    ones are ordered by their MACs.

    Args:
        arch: built-in architectures, groups or checkpoints, with commas.
        alpha: only these, in the grammar of :func:`mncost.grid`; by default all that are published.
        resolution: only these, likewise.
        rho: only these, as ratios of the native resolution.
        dialect: only networks of this dialect; by default all.
        precision: of the network whose accuracy it is.

    Raises:
        InputError: an argument cannot be used, or nothing is published for it.
    """
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    networks: dict[tuple[Graph, Resolution | None], tuple[Network, list[Figure]]] = {}
    for choice in find(arch):
        chosen = Selection.of(choice, alpha, resolution, rho)
        for network, figure in _networks(choice, chosen, dialect, precision):
            key = network.graph, network.resolution
            networks.setdefault(key, (network, []))[1].append(figure)
    if not networks:
        raise NothingPublishedError(
            f"{arch}: no accuracies in {precision} are published for this choice"
        )
    listed = [Candidate(network, figures) for network, figures in networks.values()]
    return sorted(listed, key=lambda one: (-one.top1, one.network.macs))


def candidates_of(networks: Sequence[Network]) -> tuple[list[Candidate], list[str]]:
    """Return networks with their published accuracies, the most accurate first, and notes.

    Networks without a published accuracy are left out; a note says how many.

    Raises:
        NothingPublishedError: no network has a published accuracy.
    """
    known = [
        Candidate(network, published.figures)
        for network in networks
        if (published := accuracy_of(network)) is not None
    ]
    if not known:
        raise NothingPublishedError("no accuracy of any of these networks is published")
    left = len(networks) - len(known)
    notes = [f"left out: {left} without a published accuracy"] if left else []
    return sorted(known, key=lambda one: (-one.top1, one.network.macs)), notes


def with_weights(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates with weights to load, ranked by the accuracy of these.

    Raises:
        NothingPublishedError: no candidate has such weights.
    """
    kept = [
        Candidate(one.network, figures)
        for one in candidates
        if (figures := [figure for figure in one.figures if load_code(figure)])
    ]
    if not kept:
        raise NothingPublishedError("no weights of these networks can be loaded by name")
    return sorted(kept, key=lambda one: (-one.top1, one.network.macs))


def accuracy_of(network: Network) -> Candidate | None:
    """Return the published accuracy of a network: of its graph, under any name."""
    return _index(network.precision).get((network.graph, network.resolution))


def is_near_tie(one: Candidate, other: Candidate) -> bool:
    """Whether 50,000 images are too few to tell the accuracies of two networks apart.

    They are if the difference is within the 95 % interval of that of two independent proportions
    (Wald). The same images were shown to both, so their difference is known somewhat better.
    """
    shares = one.top1 / 100, other.top1 / 100
    variance = sum(share * (1 - share) for share in shares) / IMAGES
    return bool(abs(shares[0] - shares[1]) <= _TWO_SIDED_95 * variance**0.5)


@cache
def _index(precision: Precision) -> dict[tuple[Graph, Resolution | None], Candidate]:
    try:
        every = candidates("all", precision=precision)
    except NothingPublishedError:
        return {}
    return {(one.network.graph, one.network.resolution): one for one in every}


def _networks(
    choice: Choice, chosen: Selection, dialect: str | None, precision: Precision
) -> Iterator[tuple[Network, Figure]]:
    """Yield the published rows of one architecture with their networks."""
    spec = choice.spec
    if dialect is not None and dialect not in dialects(spec):
        raise UnknownNameError(f"dialect of {spec.name}", dialect, dialects(spec))
    rows: dict[tuple[str, str], dict[Resolution | None, list[Figure]]] = {}
    for figure in read_published():
        if not figure.top1 or (figure.arch, figure.precision) != (spec.name, precision):
            continue
        size = int(figure.resolution or spec.native)
        if dialect in (None, figure.dialect or PAPER) and chosen.holds(float(figure.alpha), size):
            sizes = rows.setdefault((figure.alpha, figure.dialect), {})
            sizes.setdefault(size, []).append(figure)
    if rows and spec != load_spec(spec.name):
        return  # somebody's own file that has the name of a built-in one
    for (alpha, reading), sizes in rows.items():
        networks = grid(
            spec.name,
            float(alpha),
            [size for size in sizes if isinstance(size, int)],
            dialect=reading or None,
            classes=CLASSES,
            precision=precision,
        )
        for network in networks:
            yield from ((network, figure) for figure in sizes[network.resolution])
