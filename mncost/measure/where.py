"""Where networks are measured: flags for the command line and Python."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mncost.effort import check_count
from mncost.errors import InputError, MeasureError, UnknownNameError
from mncost.extras import EXTRAS, install, missing, require
from mncost.flags import Flags, flag
from mncost.measure.runtime_names import MAX_BATCH, MAX_THREADS, REAL, RUNTIMES, USUAL
from mncost.measure.runtimes import is_installed, runtime_class

__all__ = ["ALL", "HERE", "STEPS", "Where"]

DEVICES = ("cpu",)
ALL = "all"  # runtimes that are installed
_SEVERAL = ("runtime", "provider", "threads", "precision", "batch", "python", "host")
HERE = "."  # this machine
STEPS = ("head", "all")
"""What training steps train if nothing else is asked for."""


def _names(option: str, text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str.strip, text.split(","))))


def _numbers(option: str, text: str) -> tuple[int, ...]:
    words = _names(option, text)
    for word in words:
        if not (word.isascii() and word.isdecimal()) or len(word) > 9:
            raise InputError(f"{option} {word!r}: accepted are whole numbers, with commas between")
    return tuple(map(int, words))


def _shares(option: str, text: str) -> tuple[float, ...]:
    from mncost.units import share

    return tuple(share(option, word) for word in _names(option, text))


class Where(Flags):
    """Where and how networks are measured. Every combination of the values is measured.

    In Python each field takes one value or several.
    """

    panel = "Measure"

    runtime: Sequence[str] = flag(
        f"{', '.join(REAL)}; several with commas; all: those that are installed, each in its "
        "usual form. "
        f"Default: {' and '.join(USUAL)}, if they are installed.",
        metavar="NAMES",
        default=(),
        parse=_names,
        completes="runtimes",
    )
    provider: Sequence[str] = flag(
        "Execution providers of a runtime, e.g. CPU, OpenVINO, XNNPACK; several with commas. "
        "Default: all that the installed package has for CPUs.",
        metavar="NAMES",
        default=(),
        parse=_names,
    )
    threads: Sequence[int] = flag(
        "Threads of the runtime. Default: 1.", metavar="N,...", default=(1,), parse=_numbers
    )
    precision: Sequence[str] = flag(
        "fp32, bf16, int8 (static quantisation, per channel), int8-qat (after some steps of "
        "quantisation-aware training); several with commas. Default: fp32.",
        metavar="NAMES",
        default=("fp32",),
        parse=_names,
    )
    batch: Sequence[int] = flag(
        "Images in one call. Default: 1.", metavar="N,...", default=(1,), parse=_numbers
    )
    python: Sequence[str] = flag(
        "Measure in this interpreter too (e.g. with another version of a runtime), interleaved "
        "with the current one.",
        metavar="PATH",
        default=(),
        parse=_names,
    )
    host: Sequence[str] = flag(
        "Measure on these machines of hosts.toml, at the same time; . is this one. Default: .",
        metavar="NAME",
        default=(HERE,),
        parse=_names,
        several=True,
    )
    hosts: Path | None = flag(
        "The file with the hosts. Default: hosts.toml here, or mncost/hosts.toml in ~/.config.",
        metavar="FILE",
    )
    flush_denormals: bool = flag(
        "Let the runtime treat denormal numbers as 0 (onnxruntime, openvino).", default=False
    )
    input_data: Path | None = flag(
        "An .npz file with values for a model's inputs. Default: random ones.", metavar="FILE"
    )
    training: bool = flag(
        "Measure training steps (torch): forward, backward, SGD with momentum; beside inference.",
        default=False,
    )
    train: Sequence[str] = flag(
        "What steps train: all, head, last:N, norm, bias; head+bias is both; all+qat quantises "
        "weights and activations as QAT does; several steps with commas. Default: head,all.",
        metavar="WHAT,...",
        default=(),
        parse=_names,
    )
    sparsity: Sequence[float] = flag(
        "Share of each layer's weights that is 0 (the smallest), from 0 to below 1; several with "
        "commas: 0,0.5,0.9. Default: 0.",
        metavar="SHARE,...",
        default=(0.0,),
        parse=_shares,
    )
    device: str = flag("cpu. Default: cpu.", metavar="NAME", default="cpu")

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: one of them is not accepted.
        """
        for name in (*_SEVERAL, "train", "sparsity"):
            object.__setattr__(self, name, _several(getattr(self, name)))
        for runtime in self.runtime:
            if runtime not in RUNTIMES and runtime != ALL:
                raise UnknownNameError("runtime", runtime, [*RUNTIMES, ALL], shown=[*REAL, ALL])
        measured = {name for one in RUNTIMES for name in runtime_class(one).precisions}
        for precision in self.precision:
            if precision not in measured:
                from mncost.cost.memory import PRECISIONS, QAT

                accepted = [name for name in (*PRECISIONS, QAT) if name in measured]
                raise UnknownNameError("precision", precision, accepted)
        check_count("batch", self.batch, MAX_BATCH)
        check_count("threads", self.threads, MAX_THREADS)
        self._check_training()
        if not all(0 <= share < 1 for share in self.sparsity):
            given = ", ".join(f"{share:g}" for share in self.sparsity)
            raise InputError(f"--sparsity {given}: accepted are shares from 0 to below 1")
        if self.python and self.host != (HERE,):
            raise InputError(
                "--python is an interpreter of this machine; that of a host stands in hosts.toml"
            )
        if "" in self.python:
            raise MeasureError("python '': accepted is the path of an interpreter")
        for runtime in self.runtime if self.flush_denormals else ():
            if runtime in RUNTIMES and not runtime_class(runtime).flushes_denormals:
                raise MeasureError(f"{runtime} does not flush denormals; accepted: {_flushing()}")
        if self.device not in DEVICES:
            raise MeasureError(f"device {self.device!r}: accepted: {', '.join(DEVICES)}")

    def _check_training(self) -> None:
        if not self.training:
            if self.train:
                raise InputError("--train needs --training")
            return
        if self.precision != ("fp32",):
            raise MeasureError("training steps are measured in fp32")
        for runtime in self.runtime:
            if runtime not in _training():
                accepted = ", ".join(name for name in _training() if name != "fake")
                raise MeasureError(f"{runtime} does not train; accepted: {accepted}")

    def with_runtimes(
        self,
        *,
        by_layer: bool = False,
        of_modules: bool = False,
        files: Collection[str] = (),
    ) -> Where:
        """Return it with runtimes: if none is named, those of the usual ones that are installed.

        Args:
            by_layer: whether they have to say how long each layer takes.
            of_modules: whether a torch module is measured, whose modules are layers.
            files: the formats of given models; if no usual runtime loads any, others do.

        Raises:
            MeasureError: none is installed, or one that is named cannot do that.
        """
        if self.training and by_layer:
            raise MeasureError(
                "training steps are timed whole: --by and --training do not go together"
            )
        able = [
            name
            for name in RUNTIMES
            if runtime_class(name).profiles or (of_modules and runtime_class(name).times_modules)
        ]
        if ALL in self.runtime:
            every = [name for name in RUNTIMES if runtime_class(name).in_all and is_installed(name)]
            if self.flush_denormals:
                every = [name for name in every if runtime_class(name).flushes_denormals]
            there = tuple(name for name in every if name in able or not by_layer)
            if not there:
                raise MeasureError(f"no runtime is installed: {install('bench')}")
            return replace(self, runtime=there)
        for name in self.runtime:
            if by_layer and name not in able:
                raise MeasureError(
                    f"{name} does not say how long each layer takes; accepted: {', '.join(able)}"
                )
        loaders = [name for name in RUNTIMES if runtime_class(name).format in files]
        known = loaders if loaders and not {*loaders} & {*USUAL} else USUAL
        usual = (name for name in known if name in able or not by_layer)
        if self.training:
            usual = (name for name in usual if runtime_class(name).trains)
        if self.flush_denormals:
            usual = (name for name in usual if runtime_class(name).flushes_denormals)
        names = self.runtime or tuple(filter(is_installed, usual))
        if not names:
            raise MeasureError(f"no runtime is installed: {install('bench')}")
        return replace(self, runtime=names)

    def require(self) -> None:
        """Check that what measures is installed; the hint has the extras of the runtimes too.

        Raises:
            MissingExtraError: something is not.
        """
        if missing(EXTRAS["bench"]):  # runtimes alone may be in another interpreter, or on a host
            named = [name for name in self.runtime if name in RUNTIMES]
            extras = {extra: 0 for name in named for extra in runtime_class(name).extras}
            require(*extras or ["bench"], besides="bench")


def _training() -> list[str]:
    return [name for name in RUNTIMES if runtime_class(name).trains]


def _flushing() -> str:
    able = [name for name in RUNTIMES if runtime_class(name).flushes_denormals]
    return ", ".join(name for name in able if name != "fake")


def _several(value: Any) -> tuple[Any, ...]:
    """Return one value or several as a tuple, without repeats."""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(dict.fromkeys(value if several else (value,)))
