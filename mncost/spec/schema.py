"""An architecture file: what may stand in it beside its rows.

A file is a list of rows, one for each row of the paper's table, with rules for how a width
multiplier scales them, and *dialects*: how other projects build the same table differently.
``docs/architecture-file.md`` is the manual; ``mncost schema`` prints the JSON Schema made from
these types.
"""

# No `from __future__ import annotations` here: msgspec would have to evaluate a hundred strings,
# which takes longer than the rest of reading a file.
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from mncost.spec.values import Activation, Kernel, Reference, Repeats, RowName, Rules
from mncost.spec.width import MAX_ALPHA, MAX_RESOLUTION

if TYPE_CHECKING:
    from mncost.spec.rows import Row

    AnyRow: TypeAlias = Row
else:
    # Rows are checked one by one, each by its block: see mncost.spec.parse, and mncost.spec.whole.
    AnyRow = Any

__all__ = ["Checkpoint", "Defaults", "Dialect", "Spec", "Trained", "Variant"]

MAX_ROWS = 500

Alpha = Annotated[float, Meta(gt=0, le=MAX_ALPHA)]
Resolution = Annotated[int, Meta(ge=1, le=MAX_RESOLUTION)]
Sides = Annotated[tuple[Resolution, ...], Meta(min_length=2, max_length=2)]
Text = Annotated[str, Meta(max_length=400)]
FamilyName = Annotated[str, Meta(min_length=1, max_length=100)]
OutputStride = Literal[8, 16, 32]
Depth = Annotated[float, Meta(gt=0, le=16)]


class Defaults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys for every row whose block knows them and that does not say otherwise."""

    kernel: Kernel | None = None
    activation: Activation | None = None
    batch_norm: bool | None = None
    bias: bool | None = None
    layer_scale: bool | None = None


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one project builds the same table: rules and whole rows that differ."""

    note: Annotated[Text, Meta(description="Where the difference can be seen.")] = ""
    rules: Rules = Rules()
    rows: Annotated[
        dict[RowName, AnyRow],
        Meta(description="Rows, by name, that stand in the place of the table's."),
    ] = {}


class Trained(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one tag of a checkpoint's name implies: of 0 classes, it has no classifier."""

    classes: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    resolution: Resolution | None = None


class Checkpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the names of some checkpoints imply beyond what stands in them."""

    dialect: FamilyName = "paper"
    alpha: Alpha | None = None
    classes: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    resolution: Resolution | None = None
    tags: Annotated[
        dict[FamilyName, Trained],
        Meta(description="What tags imply that their words do not say, by the tag."),
    ] = {}


class Variant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network of the same family: what differs from the file's own keys.

    The keys of ``rules`` and ``defaults`` stand beside the file's, or in their place.
    """

    title: Text | None = None
    source: Text | None = None
    alpha: Alpha | None = None
    depth: Depth | None = None
    resolution: Resolution | Sides | None = None
    resolutions: Annotated[tuple[Resolution, ...], Meta(max_length=1000)] | None = None
    alphas: Annotated[tuple[Alpha, ...], Meta(min_length=1, max_length=1000)] | None = None
    rules: dict[FamilyName, Any] = {}
    defaults: dict[FamilyName, Any] = {}
    repeats: Annotated[
        dict[RowName, Repeats], Meta(description="How often rows are repeated, by their names.")
    ] = {}
    drop: Annotated[
        tuple[RowName, ...], Meta(max_length=MAX_ROWS, description="Names of rows that it lacks.")
    ] = ()
    rows: Annotated[
        dict[RowName, dict[FamilyName, Any]],
        Meta(
            description="Keys of rows, by the row's name. With `block` they are a whole row in its "
            "place."
        ),
    ] = {}
    checkpoints: dict[FamilyName, FamilyName | Checkpoint] = {}


class Spec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An architecture file."""

    name: FamilyName
    resolution: Annotated[
        Resolution | Sides,
        Meta(description="Native side of the square input in pixels, or [height, width]."),
    ]
    rows: Annotated[tuple[AnyRow, ...], Meta(min_length=1, max_length=MAX_ROWS)]
    format: Annotated[Literal[1], Meta(description="Version of this file format.")] = 1
    title: Text = ""
    source: Annotated[Text, Meta(description="Paper and table.")] = ""
    order: Annotated[int, Meta(description="Place in lists.")] = 1000
    in_channels: Annotated[int, Meta(ge=1, le=1024)] = 3
    alphas: Annotated[
        tuple[Alpha, ...], Meta(min_length=1, max_length=1000, description="Published α.")
    ] = (1.0,)
    resolutions: Annotated[
        tuple[Resolution, ...], Meta(max_length=1000, description="Published resolutions.")
    ] = ()
    checkpoints: Annotated[
        dict[FamilyName, FamilyName | Checkpoint],
        Meta(
            description="Names of checkpoints, with {alpha}, {percent} (100 α) and {resolution}, "
            "and the dialect that each speaks, or a table of what each implies."
        ),
    ] = {}
    outputs: Annotated[
        tuple[Reference, ...],
        Meta(max_length=64, description="The rows whose results the network gives: the last."),
    ] = ()
    output_stride: Annotated[
        OutputStride | None,
        Meta(description="Strides that go beyond it together become dilations."),
    ] = None
    rules: Rules = Rules()
    defaults: Defaults = Defaults()
    dialects: dict[FamilyName, Dialect] = {}
    alpha: Annotated[
        Alpha, Meta(description="The width multiplier that α = 1 stands for: α multiplies it.")
    ] = 1.0
    depth: Annotated[
        Depth, Meta(description="Multiplies the `repeats` that rows state, rounded up.")
    ] = 1.0
    groups: Annotated[
        tuple[FamilyName, ...], Meta(description="Groups beside `all` that the networks are in.")
    ] = ()
    variants: Annotated[
        dict[FamilyName, Variant],
        Meta(description="Networks of this file by their names; the first is the default."),
    ] = {}

    @property
    def native(self) -> int | str:
        """The native resolution: ``224``, or ``49x10`` (height × width)."""
        if isinstance(self.resolution, int):
            return self.resolution
        height, width = self.resolution
        return height if height == width else f"{height}x{width}"

    @property
    def published_resolutions(self) -> tuple[int, ...]:
        """The published resolutions and, if it is square, the native one, in order."""
        native = [self.native] if isinstance(self.native, int) else []
        return tuple(sorted({*self.resolutions, *native}))
