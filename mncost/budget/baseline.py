"""What regressions are measured against: flags for the command line and Python."""

from __future__ import annotations

from pathlib import Path

from mncost.errors import InputError
from mncost.flags import Flags, flag

__all__ = ["Baseline"]


class Baseline(Flags):
    """What regressions are measured against: at most one of run, python, arch and model."""

    panel = "Measure"

    run: Path | None = flag(
        "Compare regressions with a saved run of this machine (mncost bench --save).",
        metavar="FILE",
        names=("--baseline",),
    )
    python: str | None = flag(
        "Compare them with the same models in another interpreter, measured interleaved.",
        metavar="PATH",
        names=("--baseline-python",),
    )
    arch: Path | None = flag(
        "Compare them with an older version of the architecture file, measured interleaved.",
        metavar="FILE",
        names=("--baseline-arch",),
    )
    model: str | None = flag(
        "Compare them with an older version of the model (old.onnx), measured interleaved.",
        metavar="FILE",
        names=("--baseline-model",),
    )
    other_machine: bool = flag(
        "Compare with a saved run of another machine too. Such limits are never decided.",
        default=False,
        names=("--allow-different-machine",),
    )

    def __post_init__(self) -> None:
        """Refuse what would mean this very interpreter."""
        if self.python == "":
            raise InputError("--baseline-python '': accepted is the path of an interpreter")

    @property
    def given(self) -> dict[str, Path | str]:
        """The baselines that were given, by the names of their options."""
        named = {
            "--baseline": self.run,
            "--baseline-python": self.python,
            "--baseline-arch": self.arch,
            "--baseline-model": self.model,
        }
        return {name: value for name, value in named.items() if value is not None}
