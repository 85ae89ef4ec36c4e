"""What the shell completes: names, the last one where commas stand between several."""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = [
    "architectures",
    "clocks",
    "conventions",
    "dialects",
    "formats",
    "precisions",
    "runtimes",
]


def _completer(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        head, comma, last = incomplete.rpartition(",")
        return [f"{head}{comma}{name}" for name in names() if name.startswith(last)]

    return complete


def _architectures() -> Iterable[str]:
    from mncost.spec.catalog import groups, networks

    return dict.fromkeys([*networks(), *groups()])


def _dialects() -> Iterable[str]:
    from mncost.spec.catalog import load_spec, networks
    from mncost.spec.resolve import dialects as of

    return dict.fromkeys(name for network in networks() for name in of(load_spec(network)))


def _conventions() -> Iterable[str]:
    from mncost.cost.conventions import CONVENTIONS

    return CONVENTIONS


def _runtimes() -> Iterable[str]:
    from mncost.measure.runtime_names import RUNTIMES

    return RUNTIMES


def _formats() -> Iterable[str]:
    from mncost.cli.emit import FORMATS

    return FORMATS


def _precisions() -> Iterable[str]:
    from mncost.cost.memory import PRECISIONS

    return PRECISIONS


def _clocks() -> Iterable[str]:
    from mncost.clock import CLOCKS

    return CLOCKS


architectures = _completer(_architectures)
dialects = _completer(_dialects)
clocks = _completer(_clocks)
conventions = _completer(_conventions)
formats = _completer(_formats)
precisions = _completer(_precisions)
runtimes = _completer(_runtimes)
