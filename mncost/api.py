"""The Python face: :func:`load` one network, or :func:`grid` a family of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, overload

from mncost.cost.memory import PRECISIONS, Precision
from mncost.errors import GridError, NothingPublishedError, UnknownNameError
from mncost.graph.blocks import build
from mncost.network import Model, Network
from mncost.spec.axis import Axis, Numbers, alphas, parse_axis, resolutions, resolutions_at_rho
from mncost.spec.catalog import Choice, find
from mncost.spec.resolve import resolve

if TYPE_CHECKING:
    import pandas

__all__ = ["Grid", "grid", "load"]

MAX_NETWORKS = 10_000


class _Wanted(NamedTuple):
    """What a caller asked for, parsed, the same for every architecture."""

    alpha: Axis | None
    resolution: Axis | None
    rho: Axis | None
    dialect: str | None
    classes: int | None
    precision: Precision


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
    if resolution is not None and rho is not None:
        raise GridError("resolution and rho both given: one of them is accepted")
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    if classes is not None and not 1 <= classes <= 1_000_000:
        raise GridError(f"classes {classes}: accepted are 1 to 1000000")
    wanted = _Wanted(
        None if alpha is None else parse_axis("α", alpha),
        None if resolution is None else parse_axis("resolution", resolution),
        None if rho is None else parse_axis("ρ", rho),
        dialect,
        classes,
        precision,
    )
    choices = find(arch)
    networks: list[Network] = []
    notes: list[str] = []
    left_out: list[NothingPublishedError] = []
    for choice in choices:
        try:
            networks += _networks_of(choice, wanted, notes)
        except NothingPublishedError as error:
            left_out.append(error)
        if len(networks) > MAX_NETWORKS:
            raise GridError(f"more than {MAX_NETWORKS:,} networks")
    if left_out and not networks:
        raise left_out[0]
    return Grid(networks, [*(f"left out: {error}" for error in left_out), *notes])


def _networks_of(choice: Choice, wanted: _Wanted, notes: list[str]) -> list[Network]:
    """Return the networks of one architecture, and note which α are one network."""
    spec = choice.spec
    dialect = wanted.dialect or choice.dialect
    sizes = _resolutions(choice, wanted)
    models: dict[float, Model] = {}
    networks = []
    for alpha in _alphas(choice, wanted):
        architecture = resolve(spec, alpha, dialect, wanted.classes)
        model = models[alpha] = Model(build(architecture))
        networks += [Network(architecture, model, size, wanted.precision) for size in sizes]
    notes += _collapsed(spec.name, models)
    return networks


def _alphas(choice: Choice, wanted: _Wanted) -> list[float]:
    spec = choice.spec
    if wanted.alpha is None:
        return [float(choice.alpha or 1.0)]
    if choice.alpha is not None:
        raise GridError(f"the checkpoint's name already says α = {choice.alpha}")
    return alphas(wanted.alpha, spec.alphas, spec.name)


def _resolutions(choice: Choice, wanted: _Wanted) -> list[int]:
    spec = choice.spec
    published = sorted({*spec.resolutions, spec.resolution})
    if wanted.resolution is None and wanted.rho is None:
        return [int(choice.resolution or spec.resolution)]
    if choice.resolution is not None:
        raise GridError(f"the checkpoint's name already says resolution {choice.resolution}")
    if wanted.rho is not None:
        return resolutions_at_rho(wanted.rho, published, spec.resolution, spec.name)
    assert wanted.resolution is not None
    return resolutions(wanted.resolution, published, spec.name)


def _collapsed(name: str, models: dict[float, Model]) -> Iterable[str]:
    """Say which α give one and the same network after rounding."""
    same: dict[object, list[float]] = {}
    for alpha, model in models.items():
        same.setdefault(model.graph, []).append(alpha)
    for group in same.values():
        if len(group) > 1:
            listed = ", ".join(str(alpha) for alpha in group)
            yield f"{name}: α {listed} are one network once channels are rounded"
