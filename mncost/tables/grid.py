"""The α × resolution grid: one row a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mncost.errors import InputError
from mncost.grids import Grid
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.spec.parse import PAPER
from mncost.tables.partial import counted, partial_notes
from mncost.twins import fitting_twin, of_twin, twin_ratio

if TYPE_CHECKING:
    from mncost.predict.predictions import Predictions

__all__ = ["GRID_COLUMNS", "grid_table"]

_STANDARD = ("standard_macs", "standard_params", "macs_ratio", "params_ratio")
_FITTING = ("twin", "twin_macs", "twin_params", "twin_macs_ratio", "twin_params_ratio")


GRID_COLUMNS: Mapping[str, Source] = sources(
    ("arch", "arch", "text", lambda n: n.arch),
    ("dialect", "dialect", "text", lambda n: n.dialect),
    ("alpha", "α", "number", lambda n: n.alpha),
    ("resolution", "px", "number", lambda n: n.resolution),
    ("rho", "ρ", "ratio", lambda n: n.rho),
    ("classes", "classes", "number", lambda n: n.classes),
    ("macs", "MACs", "count", lambda n: counted(n, n.macs)),
    ("flops", "FLOPs =2×MACs", "count", lambda n: counted(n, n.flops)),
    ("params", "params", "count", lambda n: n.params),
    ("buffers", "buffers", "count", lambda n: n.buffers),
    ("standard_macs", "standard MACs", "count", lambda n: counted(n, n.standard.macs)),
    ("standard_params", "standard params", "count", lambda n: n.standard.params),
    ("macs_ratio", "MACs ratio", "ratio", lambda n: n.macs_ratio),
    ("params_ratio", "params ratio", "ratio", lambda n: n.params_ratio),
    ("twin", "twin", "text", fitting_twin),
    ("twin_macs", "twin MACs", "count", of_twin(lambda n: n.macs)),
    ("twin_params", "twin params", "count", of_twin(lambda n: n.params)),
    ("twin_macs_ratio", "MACs ratio", "ratio", twin_ratio(lambda n: n.macs)),
    ("twin_params_ratio", "params ratio", "ratio", twin_ratio(lambda n: n.params)),
    ("weight_bytes", "weights", "bytes", lambda n: n.weight_bytes),
    ("peak_activation_bytes", "peak act.", "bytes", lambda n: n.peak_activation_bytes),
    ("peak_layer", "peak at", "text", lambda n: n.peak_layer),
    ("precision", "precision", "text", lambda n: n.precision),
    # `layers` says where the peak is; a terminal has no room for it here.
    extra=("peak_layer",),
    narrow=(
        *("twin_params", "twin_params_ratio", "twin_macs", "twin_macs_ratio"),
        *("standard_params", "params_ratio", "standard_macs", "dialect", "macs_ratio"),
    ),
    asked=("rho", "classes", "flops", "buffers", "precision", *_FITTING),
)


def grid_table(
    networks: Grid,
    *,
    columns: str | Sequence[str] | None = None,
    flops: bool = False,
    convention: str | None = None,
    pareto: str | None = None,
    predictions: Predictions | None = None,
) -> Table:
    """Return one row for each network of a grid.

    Args:
        networks: the grid.
        columns: names of columns, with commas; by default those that fit.
        flops: show the column ``flops``, 2 × MACs, to people too.
        convention: count as this tool does, e.g. ``"thop"``.
        pareto: keep only networks that no other one beats in these metrics, e.g. ``"top1,macs"``.
        predictions: latencies of the same networks, as a column.

    Raises:
        InputError: an option cannot be used.
    """
    if convention is not None and flops:
        raise InputError("--convention and --flops do not go together")
    registry, legend, notes = GRID_COLUMNS, list[str](), list[str]()
    if convention is not None:
        from mncost.tables.grid_options import with_convention  # these are rarely asked for

        registry = with_convention(registry, convention)
    if predictions is not None:
        from mncost.tables.grid_options import with_latency
        from mncost.tables.predictions import basis_words, no_interval

        registry, legend = with_latency(registry, predictions), [basis_words(predictions)]
    if pareto is not None or (columns is not None and "top1" in columns):
        from mncost.tables.grid_options import with_accuracy

        registry = with_accuracy(registry)
    if pareto is not None:
        from mncost.tables.grid_options import front

        networks = front(networks, pareto)
    if predictions is not None:
        shown = {id(network) for network in networks}
        notes = no_interval([one for one in predictions if id(one.network) in shown])
    # Room for the others: a single dialect of the paper goes without saying.
    hide = ["dialect"] if {network.dialect for network in networks} == {PAPER} else []
    if any(network.source is not None for network in networks):
        from mncost.tables.grid_options import with_models

        registry = with_models(registry)
        if all(network.source is not None for network in networks):
            hide = ["dialect", "alpha", "resolution"]
    show = ["flops"] if flops else []
    # Where the standard twin says nothing of some networks, each stands beside the one that does.
    twins = {fitting_twin(network) for network in networks} if columns is None else {"standard"}
    if twins != {"standard"}:
        hide, show = [*hide, *_STANDARD], [*show, *(_FITTING if any(twins) else ())]
    return tabulate(
        "table",
        registry,
        networks,
        names=columns,
        hide=hide,
        show=show,
        notes=[*networks.notes, *partial_notes(networks), *notes],
        legend=legend,
    )
