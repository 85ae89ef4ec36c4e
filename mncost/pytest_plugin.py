"""Budgets in pytest: the fixture ``mncost_budget`` and ``--mncost-report``.

::

    def test_it_stays_small(mncost_budget):
        mncost_budget("my_net.toml", macs="107.3 M", weight_bytes="14 MiB")


    def test_it_stays_fast(mncost_budget):
        mncost_budget({"arch": "v2", "alpha": 0.5}, latency_p99="12 ms", threads=2)

A limit that does not hold fails the test. An inconclusive limit fails it too, because a test that
passes says that the budget holds: ``--mncost-inconclusive`` (``fail``, ``skip`` or ``pass``)
chooses otherwise. The end of the session's output names inconclusive limits in any case. A limit
that could not be measured always fails the test.

pytest imports this module in every environment that has mncost, so it imports the rest of mncost
only when the fixture or an option is used.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pytest

if TYPE_CHECKING:
    from mncost.budget.outcome import Inconclusive, Outcome, Verdicts
    from mncost.budget.records import Bounds, Limit, Model

__all__ = ["Budget", "ModelLike", "mncost_budget"]

ModelLike: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any]"
"""``"v2"``, an architecture file, or a mapping with what a budget file's ``model`` may have."""

_SUFFIXES = (".json", ".csv", ".md", ".xml")


class _Session(NamedTuple):
    """The outcomes of a session's tests, and when it began."""

    began: float  # seconds since the epoch
    outcomes: list[Outcome]


_SESSION: pytest.StashKey[_Session] = pytest.StashKey()


# ---------------------------------------------------------------------------------------- fixture


@pytest.fixture
def mncost_budget(request: pytest.FixtureRequest) -> Budget:
    """Call it to fail the test unless a network keeps within limits: :class:`Budget`."""
    session = request.config.stash[_SESSION]
    inconclusive = request.config.getoption("--mncost-inconclusive")
    return Budget(request.node.nodeid, session.outcomes, inconclusive)


class Budget:
    """The fixture ``mncost_budget``: each call is one budget."""

    def __init__(self, name: str, outcomes: list[Outcome], inconclusive: str) -> None:
        self._name = name
        self._outcomes = outcomes
        self._inconclusive = inconclusive

    def __call__(  # noqa: PLR0913  the limits of a budget, by name
        self,
        model: ModelLike,
        *,
        runtime: str = "onnxruntime",
        provider: str | None = None,
        threads: int = 1,
        batch: int = 1,
        precision: str = "fp32",
        flush_denormals: bool = False,
        to: ModelLike | None = None,
        max_time: str | float | None = None,
        **limits: str | float | None,
    ) -> None:
        """Check limits on one network; at least one.

        Args:
            model: which network.
            runtime: what runs it, for latencies.
            provider: the runtime's execution provider; by default its first.
            threads: of the runtime.
            batch: images in one call.
            precision: ``"fp32"``, ``"fp16"`` or ``"int8"``.
            flush_denormals: let the runtime treat denormal numbers as 0.
            to: the other network of ``max_ratio``.
            max_time: how long to measure at most: ``"2 min"``, or seconds.
            limits: the largest values that are allowed. ``macs``, ``params`` (``"107.3 M"``, or an
                integer), ``weight_bytes``, ``peak_activation_bytes`` (``"14 MiB"``, or an integer),
                ``latency`` (the median), ``latency_p50``, ``latency_p99``, ``latency_p99_9`` ...
                (``"12 ms"``), ``max_ratio`` (of the median latency to that of ``to``). ``None`` is
                no limit.

        The test fails, in one line for each limit, if a limit does not hold, cannot be checked or
        cannot be read. ``--mncost-inconclusive`` says what becomes of inconclusive limits.
        """
        __tracebackhide__ = True
        from mncost.budget.records import Place
        from mncost.budget.run import check
        from mncost.errors import InputError
        from mncost.limits import seconds, whole
        from mncost.measure.runtime_names import MAX_BATCH, MAX_THREADS

        given = {name: limit for name, limit in limits.items() if limit is not None}
        try:
            wanted = self._limits(model, given, to, precision)
            whole("threads", threads, MAX_THREADS)
            whole("batch", batch, MAX_BATCH)
            denormals = "flushed" if flush_denormals else None
            place = Place(runtime, provider, threads=threads, batch=batch, denormals=denormals)
            wanted = [limit._replace(place=place) for limit in wanted]
            outcomes = list(check(wanted, max_time=seconds("max_time", max_time)))
        except InputError as error:
            problem = str(error)  # failing here would print this error too
        else:
            self._outcomes += outcomes
            problem = "" if len(outcomes) == len(wanted) else "a limit was not checked"
        if problem:
            pytest.fail(f"mncost_budget: {problem}", pytrace=False)
        self._conclude(outcomes)

    def _limits(
        self,
        model: ModelLike,
        given: Mapping[str, str | float],
        to: ModelLike | None,
        precision: str,
    ) -> list[Limit]:
        from mncost.budget.records import Limit, Place
        from mncost.errors import InputError

        if not given:
            raise InputError("no limit is given: name at least one, e.g. macs='300 M'")
        if (to is None) != ("max_ratio" not in given):
            raise InputError("max_ratio and to: accepted is both of them, or neither")
        number = 1 + max((outcome.of.budget for outcome in self._outcomes), default=0)
        network, other = _model(model), None if to is None else _model(to)
        return [
            Limit(number, None, self._name, network, precision, Place(), *_bound(key, value, other))
            for key, value in given.items()
        ]

    def _conclude(self, outcomes: list[Outcome]) -> None:
        """Fail or skip the test, unless all limits hold."""
        __tracebackhide__ = True
        from mncost.budget.outcome import settled
        from mncost.budget.words import sentence

        others = [outcome for outcome in outcomes if outcome.verdict != "PASS"]
        text = "\n".join(f"{outcome.verdict}: {sentence(outcome)}" for outcome in others)
        lenient: Inconclusive = "fail" if self._inconclusive == "fail" else "pass"
        if any(settled(outcome, lenient) != "PASS" for outcome in others):
            pytest.fail(text, pytrace=False)
        if others and self._inconclusive == "skip":
            pytest.skip(text)


def _model(given: ModelLike) -> Model:
    """Read a model as a budget file does."""
    import msgspec

    from mncost.budget.records import Model
    from mncost.errors import InputError
    from mncost.toml_errors import problems

    if isinstance(given, str | os.PathLike):
        return Model(arch=os.fspath(given))
    try:
        return msgspec.convert(given, Model).named()
    except msgspec.ValidationError:
        said: object = next(problems(given, Model)).text
    except InputError as error:
        said = error
    raise InputError(f"model {given!r}: {said}")


def _bound(name: str, given: str | float, other: Model | None) -> tuple[str, Bounds]:
    """Return the metric and the bound that a keyword and its value mean."""
    from mncost import limits
    from mncost.budget.records import Exact, Latency, Model, Ratio
    from mncost.errors import QuantityError, UnknownNameError

    if name in limits.EXACT:
        return name, Exact(name, limits.exact(name, given, limits.EXACT[name]), None)
    if name == "max_ratio":
        assert other is not None, "both were given"
        return f"latency ratio to {other.arch}", Ratio(other, limits.ratio(name, given))
    if name in Model.__struct_fields__:
        raise QuantityError(f"{name} is no limit but of the model: {{'arch': ..., {name!r}: ...}}")
    prefix, _, key = name.partition("_")
    percent = limits.percent_of(key.replace("_", ".") or "p50") if prefix == "latency" else None
    if percent is None:
        latencies = ("latency", "latency_p99", "latency_p99_9", "max_ratio")
        raise UnknownNameError("limit", name, [*limits.EXACT, *latencies])
    return f"latency p{percent:g}", Latency(percent, limits.time(name, given))


# ---------------------------------------------------------------------------------------- session


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("mncost")
    group.addoption(
        "--mncost-report",
        metavar="FILE",
        help=f"write the verdicts of this session: {', '.join(_SUFFIXES)} (JUnit)",
    )
    group.addoption(
        "--mncost-inconclusive",
        choices=("fail", "skip", "pass"),
        default="fail",
        help="what an inconclusive budget does to its test (default: fail)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check that the report can be written, before anything is measured."""
    config.stash[_SESSION] = _Session(time.time(), [])
    if not (name := config.getoption("--mncost-report")):
        return
    from mncost.errors import OutputError
    from mncost.render.write import check_writable

    if Path(name).suffix.lower() not in _SUFFIXES:
        raise pytest.UsageError(f"--mncost-report {name}: accepted are {', '.join(_SUFFIXES)}")
    if config.getoption("dist", "no") != "no":
        # Each worker process would replace the report of the others.
        raise pytest.UsageError("--mncost-report: not with tests distributed by pytest-xdist")
    try:
        check_writable(Path(name))
    except OutputError as error:
        raise pytest.UsageError(f"--mncost-report: {error}") from None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report."""
    name = session.config.getoption("--mncost-report")
    if not name or session.config.getoption("collectonly"):
        return
    from mncost.errors import OutputError
    from mncost.render.write import write_atomically

    try:
        text = _report(session.config, Path(name).suffix.lower())
        write_atomically(Path(name), text.encode())
    except OutputError as error:
        pytest.exit(f"--mncost-report: {error}", returncode=pytest.ExitCode.USAGE_ERROR)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many budgets hold, and which limits do not."""
    outcomes = config.stash[_SESSION].outcomes
    if not outcomes:
        return
    from mncost.budget.outcome import summary_line
    from mncost.budget.words import sentence

    terminalreporter.section("mncost budgets")
    for outcome in outcomes:
        if outcome.verdict != "PASS":
            text = f"{outcome.verdict} {outcome.of.name}: {sentence(outcome)}"
            terminalreporter.write_line(text)
    terminalreporter.write_line(summary_line(outcomes))


def _report(config: pytest.Config, suffix: str) -> str:
    """Return the report in the format of a suffix."""
    from importlib import import_module

    from mncost.budget.outcome import Verdicts

    began, outcomes = config.stash[_SESSION]
    chosen = config.getoption("--mncost-inconclusive")
    inconclusive: Inconclusive = "fail" if chosen == "fail" else "pass"
    verdicts = Verdicts(outcomes, inconclusive=inconclusive)
    if suffix == ".xml":
        return _junit(verdicts, began)
    module = {".md": "markdown", ".csv": "csv", ".json": "json"}[suffix]
    render = import_module(f"mncost.render.{module}").render
    return str(render(verdicts.table()))


def _junit(verdicts: Verdicts, began: float) -> str:
    from datetime import UTC, datetime

    from mncost.budget.junit import junit

    timestamp = datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds")
    return junit(verdicts, [], "mncost", "", time.time() - began, timestamp)
