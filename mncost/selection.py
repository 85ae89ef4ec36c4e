"""Which α and resolutions are chosen for one architecture, by its published values."""

from __future__ import annotations

from msgspec import Struct

from mncost.errors import GridError, NothingPublishedError
from mncost.spec.axis import (
    Numbers,
    Resolution,
    alphas,
    parse_axis,
    resolutions,
)
from mncost.spec.catalog import Choice

__all__ = ["Selection"]


class Selection(Struct, frozen=True):
    """The α and resolutions that were chosen for one architecture; ``None`` is no choice."""

    alphas: list[float] | None
    resolutions: list[Resolution] | None

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

    def holds(self, alpha: float, resolution: Resolution | None) -> bool:
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
) -> list[Resolution] | None:
    spec = choice.spec
    published = spec.published_resolutions
    if choice.resolution is not None:
        if resolution is not None or rho is not None:
            raise GridError(
                f"a resolution is given, but the checkpoint's name already says {choice.resolution}"
            )
        resolution = choice.resolution
    if rho is not None:
        if not isinstance(spec.native, int):
            raise NothingPublishedError(
                f"{spec.name}: ρ needs square images, and the native one is not"
            )
        from mncost.spec.rho import resolutions_at_rho  # rarely asked for

        return [*resolutions_at_rho(parse_axis("ρ", rho), published, spec.native, spec.name)]
    if resolution is None:
        return None
    return resolutions(resolution, published, spec.name)
