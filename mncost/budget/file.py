"""Budget files: from their text to limits, or to everything that is wrong with them."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from mncost import limits as reading
from mncost.budget.exact import network_of, partial_problem
from mncost.budget.known import Known, known_network
from mncost.budget.lines import Lines
from mncost.budget.problems import Problems, TooManyError
from mncost.budget.records import (
    Bounds,
    Exact,
    Latency,
    Limit,
    Model,
    Place,
    Ratio,
    Regression,
)
from mncost.budget.schema import (
    MAX_BUDGETS,
    Budget,
    Counts,
    LatencyLimits,
    Sizes,
    Time,
)
from mncost.cost.memory import PRECISIONS
from mncost.errors import BudgetError, InputError, UnknownNameError, one_line
from mncost.label import fact_words
from mncost.limits import EXACT, percent_of
from mncost.measure.runtime_names import REAL, RUNTIMES
from mncost.readers import SUFFIXES, is_model
from mncost.toml import MAX_FILE_BYTES, load_toml, read_limited

__all__ = ["parse_budgets", "read_budgets", "read_bytes"]


def read_budgets(path: Path) -> list[Limit]:
    """Read and check a budget file; ``-`` is standard input.

    Architecture files are searched for from the file's directory, with standard input from the
    working directory.

    Raises:
        BudgetError: the file cannot be read, or is no budget file; it has every problem.
    """
    data, origin = read_bytes(path)
    return parse_budgets(data, origin, path.parent)  # of "-" it is the working directory


def read_bytes(path: Path) -> tuple[bytes, str]:
    """Return what is in a budget file, and how messages call it; ``-`` is standard input.

    Raises:
        BudgetError: it cannot be read.
    """
    if str(path) == "-":
        if sys.stdin is None:
            raise BudgetError(["standard input: closed"])
        return sys.stdin.buffer.read(MAX_FILE_BYTES + 1), "standard input"
    try:
        return read_limited(path), str(path)
    except ValueError as error:
        raise BudgetError([one_line(str(error))]) from None


def parse_budgets(data: bytes, origin: str, folder: Path = Path()) -> list[Limit]:
    """Check the bytes of a budget file.

    Args:
        data: what is in the file.
        origin: names it in messages.
        folder: where the paths of architecture files start.

    Raises:
        BudgetError: it is no budget file; it has every problem.
    """
    problems = Problems(origin)
    reader = _Reader(problems, folder)
    try:
        reader.file(data)
    except TooManyError:
        problems.lines.append(one_line(f"{origin}: and there is more; first correct these"))
    if problems.lines:
        raise BudgetError(problems.lines)
    return reader.limits


class _Bound(NamedTuple):
    """A bound, the key that it stands under, and what tells it from others of the network."""

    key: str
    metric: str
    same: Hashable
    bound: Bounds


class _Reader:
    """One call of :func:`parse_budgets`: goes on after a problem, to find the others too."""

    def __init__(self, problems: Problems, folder: Path) -> None:
        self.problems = problems
        self.folder = folder
        self.limits: list[Limit] = []
        self.taken: dict[Hashable, str] = {}  # what is limited, and where
        self.lines = Lines()

    def file(self, data: bytes) -> None:
        try:
            raw = load_toml(data, "budget file")
        except ValueError as error:
            self.problems.add(error)
            return
        for key in raw:
            if key != "budget":
                self.problems.unknown("", key, ["budget"])
        budgets = raw.get("budget", [])
        if not isinstance(budgets, list):
            self.problems.add("budget", "accepted are tables, each with two brackets: [[budget]]")
        elif not budgets and not self.problems.lines:
            self.problems.add("no budgets", "a budget file has at least one [[budget]]")
        elif len(budgets) > MAX_BUDGETS:
            self.problems.add(f"{len(budgets):,} budgets: at most {MAX_BUDGETS:,} are accepted")
        else:
            self.lines = Lines(data.decode("utf-8-sig"), len(budgets))
            for number, budget in enumerate(budgets, 1):
                line = self.lines.line(number)
                self.problems.where = f"budget {number}" + (f" (line {line})" if line else "")
                self.budget(number, budget)

    def budget(self, number: int, raw: Any) -> None:
        if not isinstance(raw, dict):
            self.problems.add(f"{_shown(raw)}: accepted is a table")
            return
        given = self.problems.table("", raw, Budget)
        known = self.model("model", given["model"]) if "model" in given else None
        place = Place(**{key: given[key] for key in Place.__struct_fields__ if key in given})
        if given.get("flush_denormals"):
            place = structs.replace(place, denormals="flushed")
        precision = given.get("precision", "fp32")
        self.names(place.runtime, precision, is_measured="latency" in raw)
        bounds = [*self.exact(given, known), *self.latency(given.get("latency"), known)]
        if not {*EXACT, "latency"} & {*raw}:
            self.problems.add(f"no limit; accepted: {', '.join(EXACT)}, latency")
        name = given.get("name")
        if name is not None and not (name.isprintable() and name.strip()):
            self.problems.add("name", f"{_shown(name)}: cannot be printed on one line")
        if known is None:
            return
        run_at = structs.replace(place, precision=precision)
        name = name or ", ".join([known.title, *_beyond_default(run_at)])
        for key, metric, same, bound in bounds:
            self.take((known.same, precision, place, same), key)
            line = self.lines.line(number, key)
            self.limits.append(
                Limit(number, line, name, known.model, precision, place, metric, bound)
            )

    def take(self, what: Hashable, key: str) -> None:
        """Refuse a second limit of the same: which of the two would hold?"""
        if what in self.taken:
            self.problems.add(key, f"the same is limited in {self.taken[what]}; accepted is once")
        self.taken.setdefault(what, f"{self.problems.where}, {key}")

    def names(self, runtime: str, precision: str, *, is_measured: bool) -> None:
        """Check the names of the runtime and the precision, and that they go together."""
        if runtime not in RUNTIMES:
            self.problems.add(UnknownNameError("runtime", runtime, RUNTIMES, shown=REAL))
        if precision not in PRECISIONS:
            self.problems.add(UnknownNameError("precision", precision, PRECISIONS))
        elif is_measured and runtime in RUNTIMES and precision != "fp32":  # which all have
            from mncost.measure.runtimes import runtime_class

            able = runtime_class(runtime).precisions
            if precision not in able:
                self.problems.add(
                    f"latency: {runtime} has no models in {precision}; "
                    f"accepted as precision: {', '.join(able)}"
                )

    def model(self, where: str, raw: dict[str, Any]) -> Known | None:
        """Load a network: that it can be is enough, what it costs is for others to say."""
        before = len(self.problems.lines)
        given = self.problems.table(where, raw, Model)
        if len(self.problems.lines) > before:
            return None
        kinds = [key for key in ("arch", "file", "python") if given.get(key) is not None]
        if len(kinds) != 1:
            both = " and ".join(kinds) or "none of them"
            self.problems.add(where, f"{both}; accepted is one of arch, file and python")
            return None
        arch = str(given[kinds[0]]).strip()
        if not self.is_kind(where, kinds[0], arch):
            return None
        is_file = arch.lower().endswith((".toml", *SUFFIXES))
        is_file = is_file or any(part in arch for part in (".toml:", "/", "\\"))
        if is_file and kinds[0] != "python":
            arch = str(self.folder.absolute() / arch)
        if arch == "-" or (is_file and "," in arch):
            what = "a comma in its path" if is_file else "standard input"
            self.problems.add(f"{where}.arch", f"{arch!r}: {what}; accepted is a name or a path")
            return None
        others = {key: value for key, value in given.items() if key not in kinds}
        if given.get("input_data"):
            others["input_data"] = str(self.folder.absolute() / given["input_data"])
        model = msgspec.convert({**others, "arch": arch}, Model)  # α = 1 becomes a float
        try:
            network = network_of(model, "fp32")
        except InputError as error:
            self.problems.add(where, error)
            return None
        return known_network(model, network, arch if is_file else network.arch)

    def is_kind(self, where: str, key: str, name: str) -> bool:
        """Check that a name is what its key says."""
        if key == "file" and not name.lower().endswith(SUFFIXES):
            words = f"{name!r}: accepted is a file that ends in {' or '.join(SUFFIXES)}"
            self.problems.add(f"{where}.file", words)
        elif key == "python" and (not is_model(name) or ":" not in name):
            words = f"{name!r}: accepted is e.g. package.module:factory or timm:resnet18"
            self.problems.add(f"{where}.python", words)
        else:
            return True
        return False

    def exact(self, given: Mapping[str, Any], known: Known | None) -> Iterator[_Bound]:
        for metric in EXACT:
            if metric in given and (bound := self.exact_bound(metric, given[metric])):
                if known and (problem := partial_problem(metric, known.model, known.network)):
                    self.problems.add(problem)
                yield _Bound(metric, metric, metric, bound)

    def exact_bound(self, metric: str, raw: Any) -> Exact | None:
        where, limits = metric, {"max": raw}
        if isinstance(raw, dict):
            where = f"{metric}.max"
            limits = self.problems.table(metric, raw, Counts if EXACT[metric] == "count" else Sizes)
        if raw == {}:
            self.problems.add(metric, "no limit; accepted: max, min")
        read = partial(reading.exact, kind=EXACT[metric])
        largest = self.problems.quantity(where, limits.get("max"), read)
        smallest = self.problems.quantity(
            f"{metric}.min", limits.get("min"), partial(read, up=True)
        )
        if largest is not None and smallest is not None and smallest > largest:
            words = f"{limits['min']!r} is more than max, {limits['max']!r}"
            self.problems.add(f"{metric}.min", words)
        if largest is None and smallest is None:
            return None
        return Exact(metric, largest, smallest)

    def latency(self, raw: Any, known: Known | None) -> Iterator[_Bound]:
        if raw is None:
            return
        if isinstance(raw, str):  # a time alone limits the median
            yield from self.percentile(50.0, "latency", raw)
            return
        if not raw:
            self.problems.add("latency", "no limit; accepted: p50, p99, max_ratio, regression")
        for key, value in raw.items():
            if (percent := percent_of(key)) is not None:
                yield from self.percentile(percent, f"latency.{key}", value)
        others = {key: value for key, value in raw.items() if percent_of(key) is None}
        given = self.problems.table("latency", others, LatencyLimits, ("p50", "p99", '"p99.9"'))
        yield from self.ratio(given, raw, known)
        yield from self.regression(given, raw)

    def percentile(self, percent: float, key: str, value: object) -> Iterator[_Bound]:
        if isinstance(value, dict):
            words = 'a table: a percentile with decimals is written in quotes, "p99.9"'
            self.problems.add(key, words)
        elif isinstance(value, str):
            limit = self.problems.quantity(key, value, reading.time)
            if limit is not None:
                yield _Bound(key, f"latency p{percent:g}", percent, Latency(percent, limit))
        else:
            self.problems.fits(key, value, Time)

    def ratio(
        self, given: Mapping[str, Any], raw: Mapping[str, Any], known: Known | None
    ) -> Iterator[_Bound]:
        if ("max_ratio" in raw) != ("to" in raw):
            there, missing = ("max_ratio", "to") if "max_ratio" in raw else ("to", "max_ratio")
            self.problems.add(f"latency.{there}", f"without {missing}; accepted are both or none")
        to = self.model("latency.to", given["to"]) if "to" in given else None
        if to and "max_ratio" in given:
            bound = Ratio(to.model, float(given["max_ratio"]))
            words = to.title if known and known.arch == to.arch else to.short
            same = ("ratio", to.same)
            yield _Bound("latency.max_ratio", f"latency ratio to {words}", same, bound)

    def regression(self, given: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[_Bound]:
        key = "latency.regression"
        if "against" in raw and "regression" not in raw:
            self.problems.add("latency.against", "without regression; accepted are both or none")
        share = self.problems.quantity(key, given.get("regression"), reading.change)
        if share is not None:
            yield _Bound(key, "latency regression", "regression", Regression(share))


def _beyond_default(place: Place) -> list[str]:
    """Return words for what of a place does not go without saying."""
    there = structs.replace(place, host=None if place.is_here else place.host)
    names = Place.differs([there, Place()])
    return fact_words(there, *names) if names else []


def _shown(value: object) -> str:
    from mncost.toml_errors import shown  # what is right needs no words

    return shown(value)
