"""The profile of this machine: a calibration in the user's own directory, one for each place.

The file is named after what decides about latency: the machine (its fingerprint), the runtime with
its provider, the precision and the threads. It stands beside the kept runs
(:mod:`mncost.measure.kept`). A profile of another machine, or of another version of the runtime, is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from mncost.errors import MeasureError, OutputError, UnknownNameError, one_line
from mncost.files import read_whole
from mncost.measure import kept
from mncost.measure.cell import HERE, Place
from mncost.measure.machine import fingerprint, machine, machine_differences
from mncost.measure.places import has_models, no_models
from mncost.measure.records import Machine
from mncost.measure.runtime_names import REAL, RUNTIMES, USUAL
from mncost.measure.runtimes import default_provider, runtime_class
from mncost.place import OnePlace
from mncost.predict.calibration import Calibration
from mncost.predict.features import AMOUNTS
from mncost.predict.predictor import Predictor

if TYPE_CHECKING:
    from mncost.network import Network
    from mncost.predict.predictions import Predictions

__all__ = [
    "command_for",
    "file_of",
    "options_of",
    "place_of",
    "predict",
    "predictor_of",
    "predictor_of_run",
    "read_profile",
    "write_profile",
]

MAX_BYTES = 64 << 20
_MOST = 1e30  # whose square is a number too


def place_of(place: OnePlace, precision: str = "fp32") -> Place:
    """Return the place that is meant, by default ONNX Runtime with one thread.

    Raises:
        InputError: there is no such runtime, or it has no models of this precision.
    """
    name = place.runtime or USUAL[0]
    if name not in RUNTIMES:
        raise UnknownNameError("runtime", name, RUNTIMES, shown=REAL)
    made = Place(
        name,
        default_provider(name),
        precision=precision,
        threads=place.threads or 1,
        host=None if place.host == HERE else place.host,
    )
    if not has_models(made):
        raise no_models(made)
    return made


def file_of(place: Place, of: Machine | None = None) -> Path | None:
    """Return the file of a place's profile; ``None``: the user has no directory of their own."""
    folder = kept.folder()
    if folder is None:
        return None
    provider = "" if place.has_usual_provider else f"-{place.provider}"
    name = f"{fingerprint(of or machine())}-{place.runtime}{provider}-{place.precision}"
    return folder.parent / "profiles" / f"{name}-{place.threads}.json"


def command_for(place: Place) -> str:
    """Return the command that makes the profile of a place."""
    return " ".join(["mncost calibrate", *options_of(place)])


def options_of(place: Place) -> list[str]:
    """Return the options of the command line that mean a place."""
    words = [f"--runtime {place.runtime}"] if place.runtime != USUAL[0] else []
    words += [f"--threads {place.threads}"] if place.threads != 1 else []
    words += [f"--precision {place.precision}"] if place.precision != "fp32" else []
    return words if place.is_here else [*words, f"--host {place.host}"]


def write_profile(calibration: Calibration) -> Path:
    """Write the profile of this machine; return its file.

    Raises:
        MeasureError: it is of another batch, training or provider than any prediction is.
        OutputError: it cannot be written.
    """
    from mncost.render.write import write_atomically

    place = calibration.place
    usual = place_of(OnePlace(place.runtime, place.threads, place.host), place.precision)
    if place.has_usual_provider:
        place = replace(place, provider=usual.provider)
    if replace(place, host=usual.host) != usual:
        raise MeasureError(
            f"a run of {place.words()} makes no profile: accepted is one of {usual.words()}"
        )
    calibration = replace(calibration, place=place)
    file = file_of(place, calibration.machine)
    if file is None:
        raise OutputError("there is no home directory to keep the profile in")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OutputError(f"{file.parent}: {error.strerror or error}") from None
    write_atomically(file, msgspec.json.encode(calibration) + b"\n")
    return file


def predictor_of_run(file: Path, place: OnePlace, precision: str | None) -> Predictor:
    """Return what a run predicts, of this machine or of a host that it names.

    Raises:
        MeasureError: it cannot be used, or is of another machine.
    """
    predictor = Predictor.fit(
        file, runtime=place.runtime, threads=place.threads, precision=precision, host=place.host
    )
    made = predictor.calibration
    differences = machine_differences(made.machine, machine()) if made.place.is_here else []
    if differences:
        raise MeasureError(f"{file}: a run of another machine: {'; '.join(differences)}")
    return predictor


def read_profile(place: OnePlace = OnePlace(), precision: str = "fp32") -> Calibration:  # noqa: B008
    """Return the profile of this machine at a place.

    Raises:
        MeasureError: there is none, or it cannot be used; the message says what makes one.
    """
    here, now = place_of(place, precision), machine()
    versions = {name: _version(name) for name in runtime_class(here.runtime).distributions[:1]}
    if not here.is_here:
        now, versions = _seen(place)
    file, command = file_of(here, now), command_for(here)
    if file is None or not file.is_file():
        raise MeasureError(f"no profile of this machine for {here.words()}: {command} makes one")
    calibration = _decoded(file, command)
    # A machine is known by its fingerprint, and not by what a hosts file calls it.
    calibration = replace(calibration, place=replace(calibration.place, host=here.host))
    if calibration.place != here:
        raise MeasureError(f"the profile is of {calibration.place.words()}: {command} makes one")
    if differences := machine_differences(calibration.machine, now):
        raise MeasureError(
            f"the profile is of another machine ({'; '.join(differences)}): {command} makes one"
        )
    runtime = runtime_class(here.runtime)
    for module, name in zip(runtime.modules[:1], runtime.distributions[:1], strict=True):
        old, new = calibration.versions.get(module), versions.get(name)
        known = {_release(one) for one in (old, new) if one not in (None, "?")}
        if len(known) > 1:
            raise MeasureError(
                f"the profile is of {name} {old}, and this is {new}: {command} makes one"
            )
    return calibration


def predictor_of(place: OnePlace = OnePlace(), precision: str = "fp32") -> Predictor:  # noqa: B008
    """Return a predictor from the profile of this machine at a place.

    Raises:
        MeasureError: there is none, or it cannot be used.
    """
    return Predictor(read_profile(place, precision))


def predict(network: Network, **options: Any) -> Predictions:
    """Return the latency of one network, from the profile of this machine.

    Args:
        network: any network.
        options: ``runtime``, ``threads``, ``precision``, ``level``.

    Raises:
        InputError: there is no profile.
    """
    level = {"level": options.pop("level")} if "level" in options else {}
    precision = options.pop("precision", "fp32")
    return predictor_of(OnePlace(**options), precision).predict(network, **level)


def _decoded(file: Path, command: str) -> Calibration:
    """Read a file that anything may stand in."""
    hint = f"{command} writes a new one"
    content = read_whole(file, MAX_BYTES)
    try:
        calibration = msgspec.json.decode(content, type=Calibration)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MeasureError(f"{file}: no profile ({one_line(str(error))}): {hint}") from None
    columns = len(calibration.kinds) * len(AMOUNTS)
    for cell in calibration.cells:
        times = [*cell.seconds, *cell.calm]
        numbers = [*times, *cell.totals, *cell.where]
        usable = cell.seconds and cell.calm and min(times) > 0
        usable = usable and all(abs(n) < _MOST for n in numbers)
        if not usable or len(cell.totals) != columns:
            raise MeasureError(f"{file}: no profile of this version of mncost: {hint}")
    if not all(abs(score) < _MOST for score in [*calibration.seen, *calibration.unseen]):
        raise MeasureError(f"{file}: no profile: {hint}")
    known = set(calibration.kinds)
    sides = {kind for kind, those in calibration.kernels.items() if those}
    if not known <= sides & {*calibration.most_macs}:
        raise MeasureError(f"{file}: no profile: {hint}")
    return calibration


def _seen(place: OnePlace) -> tuple[Machine, dict[str, str | None]]:
    """Connect to a host; return its machine, and the versions of its runtimes."""
    from mncost.hosts.connected import disconnect, look_at

    assert place.host is not None
    try:
        seen = look_at(place.host, place.hosts)
    finally:
        disconnect()
    return seen.machine, _by_distribution(seen.versions)


def _by_distribution(versions: Mapping[str, str]) -> dict[str, str | None]:
    """Return versions by what pip installs, of those by the names of runtimes."""
    return {runtime_class(name).distributions[0]: version for name, version in versions.items()}


def _release(version: str | None) -> str:
    """Return a version without its build: a module states it, where pip may not."""
    return re.split("[-+]", version or "")[0]


def _version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
