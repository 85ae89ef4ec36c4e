"""What training steps cost: one row a network, or one network layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mncost.render.column import Show, Value
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.titles import title
from mncost.training.step import TrainingStep

__all__ = [
    "STEP_COLUMNS",
    "STEP_LAYER_COLUMNS",
    "training_layers",
    "training_step",
    "training_table",
]

STEP_COLUMNS: Mapping[str, Source] = sources(
    ("arch", "arch", "text", lambda s: s.network.arch),
    ("dialect", "dialect", "text", lambda s: s.network.dialect),
    ("alpha", "α", "number", lambda s: s.network.alpha),
    ("resolution", "px", "number", lambda s: s.network.resolution),
    ("train", "train", "text", lambda s: s.train),
    ("batch", "batch", "number", lambda s: s.batch),
    ("optimizer", "optimizer", "text", lambda s: s.optimizer),
    ("forward_macs", "forward MACs", "count", lambda s: s.forward_macs),
    ("input_gradient_macs", "input grad. MACs", "count", lambda s: s.input_gradient_macs),
    ("weight_gradient_macs", "weight grad. MACs", "count", lambda s: s.weight_gradient_macs),
    ("step_macs", "step MACs", "count", lambda s: s.macs),
    ("teacher_macs", "teacher MACs", "count", lambda s: s.teacher_macs),
    ("distilled_macs", "with teacher MACs", "count", lambda s: s.distilled_macs),
    ("step_ratio", "step / fwd", "ratio", lambda s: s.macs_ratio),
    ("params", "params", "count", lambda s: s.network.params),
    ("trained_params", "trained params", "count", lambda s: s.trained_params),
    ("kept_bytes", "kept", "bytes", lambda s: s.kept_bytes),
    ("needed_bytes", "needed", "bytes", lambda s: s.needed_bytes),
    ("peak_bytes", "peak", "bytes", lambda s: s.peak_bytes),
    ("optimizer_bytes", "opt. state", "bytes", lambda s: s.optimizer_bytes),
    ("memory_bytes", "memory", "bytes", lambda s: s.memory_bytes),
    ("update_bytes", "update", "bytes", lambda s: s.update_bytes),
    ("update_8bit_bytes", "update 8 bit", "bytes", lambda s: s.update_8bit_bytes),
    ("update_top_k_bytes", "update top k", "bytes", lambda s: s.update_top_k_bytes),
    extra=("dialect", "train", "batch", "optimizer", "params", "needed_bytes"),
    narrow=(
        "peak_bytes",
        "optimizer_bytes",
        "weight_gradient_macs",
        "input_gradient_macs",
        "update_8bit_bytes",
        "update_top_k_bytes",
        "trained_params",
    ),
)

STEP_LAYER_COLUMNS: Mapping[str, Source] = sources(
    ("name", "layer", "text", lambda x: x.name),
    ("block", "block", "text", lambda x: x.block),
    ("kind", "kind", "text", lambda x: x.kind),
    ("forward_macs", "forward MACs", "count", lambda x: x.forward_macs),
    ("input_gradient_macs", "input grad. MACs", "count", lambda x: x.input_gradient_macs),
    ("weight_gradient_macs", "weight grad. MACs", "count", lambda x: x.weight_gradient_macs),
    ("step_macs", "step MACs", "count", lambda x: x.macs),
    ("trained_params", "trained params", "count", lambda x: x.trained_params),
    ("kept_bytes", "kept", "bytes", lambda x: x.kept_bytes),
    extra=("block",),
    narrow=("step_macs", "kind"),
)


def training_step(step: TrainingStep) -> Table:
    """Return one step as a table."""
    return training_table([step])


def training_table(
    steps: Iterable[TrainingStep],
    *,
    columns: str | Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return one row for each training step.

    Args:
        steps: that differ in their network only.
        columns: names of columns, with commas; by default those that fit.
        notes: what stands below.

    Raises:
        InputError: there is no such column.
    """
    steps = list(steps)
    first = steps[0]
    heading = (
        f"A training step of {_images(first)} in float32; trained: {first.train}; optimiser: "
        f"{first.optimizer}"
    )
    legend = [
        "kept: activations that torch keeps for the backward pass; memory: weights, statistics, "
        "optimiser state, and the peak of activations and gradients",
        "update: what a federated client sends a round, four bytes a value; with 8 bits; the "
        f"largest {first.top_k * 100:.3g} % of the values with their places",
    ]
    return tabulate(
        "training",
        STEP_COLUMNS,
        steps,
        names=columns,
        hide=["teacher_macs", "distilled_macs"] if first.teacher is None else [],
        notes=[*notes, *_statistics(steps), *_spared(steps)],
        title=heading,
        legend=legend,
    )


def training_layers(
    step: TrainingStep,
    *,
    every: bool = False,
    columns: str | Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return one row for each layer that has multiply-accumulates, is trained or keeps something.

    Args:
        step: of one network.
        every: also the operators that have none of these.
        columns: names of columns, with commas; by default those that fit.
        notes: what stands below.

    Raises:
        InputError: there is no such column.
    """
    layers = [x for x in step.layers if every or x.macs or x.trained_params or x.kept_bytes]
    heading = (
        f"{title(step.network)}: a training step of {_images(step)}, trained: {step.train}: "
        f"{step.macs:,} MACs, {step.kept_bytes:,} bytes kept, {step.memory_bytes:,} bytes of memory"
    )
    update = (
        f"a federated client's update: {step.update_bytes:,} bytes a round, "
        f"{step.update_8bit_bytes:,} with 8 bits, {step.update_top_k_bytes:,} of the largest "
        f"{step.top_k * 100:.3g} %"
    )
    table = tabulate(
        "training by layer",
        STEP_LAYER_COLUMNS,
        layers,
        names=columns,
        notes=[*notes, update],
        title=heading,
    )
    total: dict[str, Value] = {"name": "total"}
    total |= {
        name: source.value(step)
        for name, source in STEP_COLUMNS.items()
        if name in STEP_LAYER_COLUMNS
    }
    row = [total.get(column.name, "") for column in table.columns]
    rows_for: list[Show] = ["all"] * len(layers)
    return table._replace(rows=[*table.rows, row], rows_for=[*rows_for, "people"])


def _images(step: TrainingStep) -> str:
    return "1 image" if step.batch == 1 else f"{step.batch:,} images"


def _statistics(steps: Sequence[TrainingStep]) -> list[str]:
    """Say what an update grows by if the running statistics are sent too."""
    if not any(step.network.buffers for step in steps):
        return []
    most = max(step.network.buffers for step in steps)
    return [
        "an update has trained parameters only; the running statistics of batch norms would add "
        f"4 bytes each ({most * 4:,} bytes{' at most' if len(steps) > 1 else ''})"
    ]


def _spared(steps: Sequence[TrainingStep]) -> list[str]:
    """Say what torch keeps that no gradient needs."""
    spared = [step.kept_bytes - step.needed_bytes for step in steps]
    if not any(spared):
        return []
    return [
        f"no gradient needs {max(spared):,} bytes{' at most' if len(steps) > 1 else ''} of what is "
        "kept: torch keeps the input of a convolution whose weights are not trained, too"
    ]
