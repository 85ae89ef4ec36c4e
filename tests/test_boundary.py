"""Public functions: what is wrong with an argument is said in one line, in a short traceback."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import mncost
from mncost.measure.engine import Progress

WRONG: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "several α": (lambda: mncost.load("v2", alpha=[0.5, 1.0]), ("[0.5, 1.0]", "mncost.grid")),  # type: ignore[arg-type]
    "a pair": (lambda: mncost.load("v2", resolution=(96, 64)), ("(96, 64)", "'96x64'")),  # type: ignore[arg-type]
    "several": (lambda: mncost.load("v2", resolution=[96, 128]), ("[96, 128]", "mncost.grid")),  # type: ignore[arg-type]
    "no name": (lambda: mncost.load(3), ("arch 3", "'v2'")),  # type: ignore[arg-type]
    "no dialect": (lambda: mncost.load("v2", dialect=3), ("dialect 3",)),  # type: ignore[arg-type]
    "no number": (lambda: mncost.load("v2", alpha="wide"), ("'wide'", "not a number")),  # type: ignore[arg-type]
    "unknown": (lambda: mncost.grid("v22"), ("v22", "did you mean 'v2'?")),
    "a slip": (lambda: mncost.pick("v2", max_macs=150), ("150", "'150M'")),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_says_what_would_be_accepted_at_the_boundary(name: str) -> None:
    call, words = WRONG[name]
    with pytest.raises(mncost.InputError) as raised:
        call()
    message = str(raised.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []
    frames = traceback.extract_tb(raised.value.__traceback__)
    ours = [frame for frame in frames if "/mncost/" in frame.filename.replace("\\", "/")]
    assert [frame.filename.rpartition("/")[2] for frame in ours] == ["boundary.py"]
    assert raised.value.__suppress_context__


def test_a_public_function_keeps_its_name_and_help() -> None:
    assert mncost.load.__name__ == "load"
    assert "Return one network" in str(mncost.load.__doc__)


def test_a_misspelt_keyword_is_named() -> None:
    pytest.importorskip("scipy")
    with pytest.raises(TypeError, match=r"'max_tim' .did you mean 'max_time'"):
        mncost.bench("v2", max_tim=3)


# ------------------------------------------------------------------------------------- progress


def _step(now: float, error: float | None = None) -> Progress:
    return Progress(
        phase="measure", done=1, total=3, cells=4, rounds=2, now=now, deadline=10, error=error
    )


def test_a_notebook_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for IPython: what is displayed, and updated, is HTML."""
    from mncost.results.progress import watcher

    shown: list[str] = []
    handle = SimpleNamespace(update=shown.append)
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    display.HTML = str  # type: ignore[attr-defined]
    display.display = lambda html, display_id: handle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    watcher(None, 0.02)(_step(11.0, 0.5))
    (html,) = shown
    assert html.startswith('<progress value="11.0" max="11.0"></progress> 11 of at most 11 s')
    assert "process 2, 4 cells, round 3, ±50.0% (target ±2.0%)" in html
    watcher(False, 0.02)(_step(11.0))
    assert len(shown) == 1


def test_elsewhere_nothing_unless_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mncost.results import progress

    monkeypatch.setattr(progress, "_LINE_EVERY", 0.0)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    progress.watcher(None, 0.02)(_step(1.0))
    assert capsys.readouterr().err == ""
    progress.watcher(True, 0.02)(_step(1.0, float("inf")))
    assert capsys.readouterr().err == (
        "mncost: 1 of at most 10 s: process 2, 4 cells, round 3, no interval yet (target ±2.0%)\n"
    )
    told: list[Progress] = []
    progress.watcher(told.append, 0.02)(_step(1.0))
    assert told == [_step(1.0)]
