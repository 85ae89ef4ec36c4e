"""The Python face: :func:`load` one network, or :func:`grid` a family of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, overload

from mncost.cost.memory import PRECISIONS, Precision
from mncost.errors import GridError, NothingPublishedError, UnknownNameError
from mncost.graph.blocks import build
from mncost.network import Model, Network
from mncost.spec.axis import Numbers, alphas, parse_axis, resolutions, resolutions_at_rho
from mncost.spec.catalog import Choice, find
from mncost.spec.resolve import Architecture, resolve

if TYPE_CHECKING:
    import pandas

__all__ = ["Grid", "Selection", "grid", "load"]

MAX_BLOCKS = 50_000  # in all networks of a grid together: some 300 MB


class Selection(NamedTuple):
    """The α and resolutions that were chosen for one architecture; ``None`` is no choice."""

    alphas: list[float] | None
    resolutions: list[int] | None

    @classmethod
    def of(
        cls,
        choice: Choice,
        alpha: Numbers | None,
        resolution: Numbers | None,
        rho: Numbers | None,
    ) -> Selection:
        """Apply what was asked for to one architecture and its published values.

        Raises:
            GridError: what was asked for cannot be used with it.
        """
        if resolution is not None and rho is not None:
            raise GridError("resolution and ρ are both given: one of them is accepted")
        return cls(_alphas(choice, alpha), _resolutions(choice, resolution, rho))

    def holds(self, alpha: float, resolution: int) -> bool:
        """Whether a network of this α and resolution is among those chosen."""
        return (self.alphas is None or alpha in self.alphas) and (
            self.resolutions is None or resolution in self.resolutions
        )


def _alphas(choice: Choice, given: Numbers | None) -> list[float] | None:
    spec = choice.spec
    if choice.alpha is not None:
        if given is not None:
            raise GridError(f"α is given, but the checkpoint's name already says {choice.alpha}")
        given = choice.alpha
    return None if given is None else alphas(parse_axis("α", given), spec.alphas, spec.name)


def _resolutions(
    choice: Choice, resolution: Numbers | None, rho: Numbers | None
) -> list[int] | None:
    spec = choice.spec
    published = sorted({*spec.resolutions, spec.resolution})
    if choice.resolution is not None:
        if resolution is not None or rho is not None:
            raise GridError(
                f"a resolution is given, but the checkpoint's name already says {choice.resolution}"
            )
        resolution = choice.resolution
    if rho is not None:
        return resolutions_at_rho(parse_axis("ρ", rho), published, spec.resolution, spec.name)
    if resolution is None:
        return None
    return resolutions(parse_axis("resolution", resolution), published, spec.name)


class Grid(Sequence[Network]):
    """The networks of an α × resolution grid, and what is worth saying about it."""

    def __init__(self, networks: Sequence[Network], notes: Sequence[str] = ()) -> None:
        """Use :func:`grid`."""
        self._networks = tuple(networks)
        self.notes = tuple(notes)

    def __len__(self) -> int:
        """Return the number of networks."""
        return len(self._networks)

    def __iter__(self) -> Iterator[Network]:
        """Iterate over the networks: architecture by architecture, α by α."""
        return iter(self._networks)

    @overload
    def __getitem__(self, index: int) -> Network: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Network]: ...
    def __getitem__(self, index: int | slice) -> Network | Sequence[Network]:
        """Return one network, or several."""
        return self._networks[index]

    def to_frame(self) -> pandas.DataFrame:
        """Return the grid as a DataFrame, one row a network. Needs pandas."""
        from mncost.columns import GRID_COLUMNS, to_frame

        return to_frame(GRID_COLUMNS, self)


def load(
    arch: str,
    alpha: float | None = None,
    resolution: int | None = None,
    dialect: str | None = None,
    classes: int | None = None,
    precision: Precision = "fp32",
) -> Network:
    """Return one network.

    Args:
        arch: an architecture (``"v2"``), an architecture file (``"my_net.toml"``) or a checkpoint
            (``"mobilenet_v2_0.75_160"``).
        alpha: width multiplier; 1.0 unless the checkpoint says otherwise.
        resolution: side of the square image in pixels; by default the native one.
        dialect: whose reading of the architecture; by default the paper's.
        classes: outputs of the classifier; by default those of the dialect.
        precision: ``"fp32"``, ``"fp16"`` or ``"int8"``, for the bytes.

    Raises:
        InputError: an argument cannot be used; the message says what would be accepted.
    """
    networks = grid(arch, alpha, resolution, dialect=dialect, classes=classes, precision=precision)
    if len(networks) != 1:
        raise UnknownNameError("single architecture", arch, dict.fromkeys(n.arch for n in networks))
    return networks[0]


def grid(
    arch: str,
    alpha: Numbers | None = None,
    resolution: Numbers | None = None,
    *,
    rho: Numbers | None = None,
    dialect: str | None = None,
    classes: int | None = None,
    precision: Precision = "fp32",
) -> Grid:
    """Return the networks of an α × resolution grid.

    Args:
        arch: architectures, groups (``"v3"``, ``"all"``), files or checkpoints, with commas.
        alpha: e.g. ``1.0``, ``[0.35, 0.5]``, ``"0.35:1.0"`` (the published values in that closed
            range) or ``"0.35:1.0:0.05"``; by default 1.0.
        resolution: the same grammar, in pixels; by default the native one.
        rho: the same grammar, as a ratio of the native resolution; not with ``resolution``.
        dialect: whose reading of the architectures; by default the paper's.
        classes: outputs of the classifier; by default those of the dialect.
        precision: ``"fp32"``, ``"fp16"`` or ``"int8"``, for the bytes.

    Raises:
        InputError: an argument cannot be used; the message says what would be accepted.
    """
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    if classes is not None and not 1 <= classes <= 1_000_000:
        raise GridError(f"classes {classes}: accepted are 1 to 1000000")
    chosen: list[tuple[Choice, Selection]] = []
    left_out: list[NothingPublishedError] = []
    for choice in find(arch):
        try:
            chosen.append((choice, Selection.of(choice, alpha, resolution, rho)))
        except NothingPublishedError as error:
            left_out.append(error)
    if not chosen:
        raise left_out[0]
    networks: list[Network] = []
    notes = [f"left out: {error}" for error in left_out]
    for architectures, sizes in _resolved(chosen, dialect, classes):
        models = [(architecture, Model(build(architecture))) for architecture in architectures]
        networks += [
            Network(architecture, model, size, precision)
            for architecture, model in models
            for size in sizes
        ]
        notes += _collapsed(models)
    return Grid(networks, notes)


def _resolved(
    chosen: Sequence[tuple[Choice, Selection]], dialect: str | None, classes: int | None
) -> list[tuple[list[Architecture], list[int]]]:
    """Return each choice at each α, and its resolutions; check that they are not too many."""
    resolved = []
    blocks = 0
    for choice, selection in chosen:
        spec = choice.spec
        reading = choice.dialect if dialect is None else dialect
        sizes = selection.resolutions or [spec.resolution]
        architectures = []
        for alpha in selection.alphas or [1.0]:
            architectures.append(resolve(spec, alpha, reading, classes))
            blocks += len(architectures[-1].blocks) * len(sizes)
            if blocks > MAX_BLOCKS:
                raise GridError(
                    f"more than {MAX_BLOCKS:,} blocks in one grid; ask for fewer α or resolutions"
                )
        resolved.append((architectures, sizes))
    return resolved


def _collapsed(models: Sequence[tuple[Architecture, Model]]) -> Iterator[str]:
    """Say which α give one and the same network after rounding."""
    same: dict[object, list[Architecture]] = {}
    for architecture, model in models:
        same.setdefault(model.graph, []).append(architecture)
    for group in same.values():
        if len(group) > 1:
            listed = ", ".join(str(architecture.alpha) for architecture in group)
            yield f"{group[0].name}: α {listed} are one network once channels are rounded"
