"""Where networks are measured: flags for the command line and Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mncost.effort import check_count
from mncost.errors import InputError, MeasureError, NotThereError, UnknownNameError, did_you_mean
from mncost.extras import EXTRAS, install, missing, require
from mncost.flags import flag
from mncost.measure.private import without_home
from mncost.measure.runtimes import (
    MAX_BATCH,
    MAX_THREADS,
    REAL,
    RUNTIMES,
    USUAL,
    is_installed,
    runtime_class,
)

if TYPE_CHECKING:
    from mncost.measure.cell import Place

__all__ = ["ALL", "STEPS", "Offer", "Where"]

Offer: TypeAlias = Callable[..., Sequence[str | None]]
"""Returns the execution providers of a runtime in an interpreter, or on a host: it is called with
the name of the runtime, and the interpreter's path (``None``: this one) or ``host=`` its name. It
raises MeasureError."""

_Offered: TypeAlias = dict[tuple[str, str | None, str | None], list[str | None]]
"""Providers by runtime, interpreter and host."""

DEVICES = ("cpu",)
ALL = "all"  # runtimes that are installed
_PANEL = "Measure"
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


@dataclass(frozen=True)
class Where:
    """Where and how networks are measured. Every combination of the values is measured.

    In Python each field takes one value or several.
    """

    runtime: Sequence[str] = flag(
        f"{', '.join(REAL)}; several with commas; all: those that are installed, each in its "
        "usual form. "
        f"Default: {' and '.join(USUAL)}, if they are installed.",
        metavar="NAMES",
        default=(),
        parse=_names,
        completes="runtimes",
        panel=_PANEL,
    )
    provider: Sequence[str] = flag(
        "Execution providers of a runtime, e.g. CPU, OpenVINO, XNNPACK; several with commas. "
        "Default: all that the installed package has for CPUs.",
        metavar="NAMES",
        default=(),
        parse=_names,
        panel=_PANEL,
    )
    threads: Sequence[int] = flag(
        "Threads of the runtime. Default: 1.",
        metavar="N,...",
        default=(1,),
        parse=_numbers,
        panel=_PANEL,
    )
    precision: Sequence[str] = flag(
        "fp32, bf16, int8 (static quantisation, per channel); several with commas. Default: fp32.",
        metavar="NAMES",
        default=("fp32",),
        parse=_names,
        panel=_PANEL,
    )
    batch: Sequence[int] = flag(
        "Images in one call. Default: 1.",
        metavar="N,...",
        default=(1,),
        parse=_numbers,
        panel=_PANEL,
    )
    python: Sequence[str] = flag(
        "Measure in this interpreter too (e.g. with another version of a runtime), interleaved "
        "with the current one.",
        metavar="PATH",
        default=(),
        parse=_names,
        panel=_PANEL,
    )
    host: Sequence[str] = flag(
        "Measure on these machines of hosts.toml, at the same time; . is this one. Default: .",
        metavar="NAME",
        default=(HERE,),
        parse=_names,
        several=True,
        panel=_PANEL,
    )
    hosts: Path | None = flag(
        "The file with the hosts. Default: hosts.toml here, or mncost/hosts.toml in ~/.config.",
        metavar="FILE",
        panel=_PANEL,
    )
    flush_denormals: bool = flag(
        "Let the runtime treat denormal numbers as 0 (onnxruntime, openvino).",
        default=False,
        panel=_PANEL,
    )
    input_data: Path | None = flag(
        "An .npz file with values for a model's inputs. Default: random ones.",
        metavar="FILE",
        panel=_PANEL,
    )
    training: bool = flag(
        "Measure training steps (torch): forward, backward, SGD with momentum; beside inference.",
        default=False,
        panel=_PANEL,
    )
    train: Sequence[str] = flag(
        "What steps train: all, head, last:N, norm, bias; head+bias is both; all+qat quantises "
        "weights and activations as QAT does; several steps with commas. Default: head,all.",
        metavar="WHAT,...",
        default=(),
        parse=_names,
        panel=_PANEL,
    )
    sparsity: Sequence[float] = flag(
        "Share of each layer's weights that is 0 (the smallest), from 0 to below 1; several with "
        "commas: 0,0.5,0.9. Default: 0.",
        metavar="SHARE,...",
        default=(0.0,),
        parse=_shares,
        panel=_PANEL,
    )
    device: str = flag("cpu. Default: cpu.", metavar="NAME", default="cpu", panel=_PANEL)

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
                from mncost.cost.memory import PRECISIONS

                accepted = [name for name in PRECISIONS if name in measured]
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

    def places(self, offer: Offer, notes: list[str] | None = None) -> list[Place]:
        """Return every place, those that have no such models too.

        Args:
            offer: says which execution providers there are.
            notes: takes in which runtimes a host does not have; without it, that is an error.

        Raises:
            MeasureError: there is no such provider.
        """
        from msgspec import structs

        from mncost.measure.cell import Place

        offered: _Offered = {
            (runtime, python, None if self.host == (HERE,) else HERE): list(offer(runtime, python))
            for runtime, python in product(self.runtime, (None, *self.python))
            if HERE in self.host
        }
        for host in self.host:
            if host != HERE:
                offered |= self._offered_on(host, offer, notes)
        chosen = _providers(self.provider, offered)
        here = [
            Place(
                runtime,
                provider,
                threads=threads,
                python=python and without_home(python),
                host=host,
            )
            for (runtime, python, host), threads in product(offered, self.threads)
            for provider in offered[runtime, python, host]
            if provider is None
            or (provider in chosen if chosen else provider not in runtime_class(runtime).unasked)
        ]
        denormals = "flushed" if self.flush_denormals else None
        return [
            structs.replace(
                place,
                precision=precision,
                batch=batch,
                denormals=denormals,
                sparsity=float(sparsity),
                training=training,
            )
            for precision, batch, sparsity, training, place in product(
                self.precision, self.batch, self.sparsity, self._steps(), here
            )
        ]

    def _offered_on(self, host: str, offer: Offer, notes: list[str] | None) -> _Offered:
        """Return the providers of the runtimes that a host has: at least of one."""
        offered: _Offered = {}
        for runtime in self.runtime:
            try:
                offered[runtime, None, host] = list(offer(runtime, None, host=host))
            except NotThereError as error:
                if notes is None or (runtime == self.runtime[-1] and not offered):
                    raise
                notes.append(f"left out: {error}")
        return offered

    def _steps(self) -> Sequence[str | None]:
        """Return what is trained in each step, and ``None`` for an inference."""
        return (None, *(self.train or STEPS)) if self.training else (None,)

    def place(self, offer: Offer, python: str | None = None) -> Place:
        """Return the first place in an interpreter; ``None`` is this one.

        Raises:
            MeasureError: there is none, or it has no models of this precision.
        """
        there = python and without_home(python)
        place = next((one for one in self.places(offer) if one.python == there), None)
        if place is None:
            raise MeasureError(
                f"the interpreter {python or sys.executable} has no execution provider "
                f"{', '.join(self.provider)}"
            )
        if not has_models(place):
            raise no_models(place)
        return place


def _training() -> list[str]:
    return [name for name in RUNTIMES if runtime_class(name).trains]


def _flushing() -> str:
    able = [name for name in RUNTIMES if runtime_class(name).flushes_denormals]
    return ", ".join(name for name in able if name != "fake")


def has_models(place: Place) -> bool:
    """Whether the runtime of a place has models of its precision and batch."""
    runtime = runtime_class(place.runtime)
    return place.precision in runtime.precisions and place.batch <= runtime.largest_batch


def no_models(place: Place) -> MeasureError:
    """Return the error that says that it has none."""
    runtime = runtime_class(place.runtime)
    if place.batch > runtime.largest_batch:
        return MeasureError(
            f"{place.runtime} has no models of batch {place.batch}; accepted: at most "
            f"{runtime.largest_batch}"
        )
    accepted = ", ".join(runtime.precisions)
    return MeasureError(f"{place.runtime} has no models in {place.precision}; accepted: {accepted}")


def _several(value: Any) -> tuple[Any, ...]:
    """Return one value or several as a tuple, without repeats."""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(dict.fromkeys(value if several else (value,)))


def _providers(
    names: Sequence[str],
    offered: _Offered,
) -> set[str]:
    """Match names of providers, or how they begin (``CPU`` of many things), in any case."""
    known = list(dict.fromkeys(p for providers in offered.values() for p in providers if p))
    chosen = set()
    for name in names:
        meant = [provider for provider in known if provider.lower().startswith(name.lower())]
        if len(meant) != 1:
            accepted = ", ".join(known) or "none: the runtimes chosen have no providers"
            raise MeasureError(
                f"no execution provider {name!r} for CPUs is installed"
                f"{did_you_mean(name, known)}; accepted: {accepted}"
            )
        chosen |= {*meant}
    return chosen
