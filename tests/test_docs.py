"""The runner of the documents' commands: what it runs, and what it complains about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sybil.example import SybilFailure

from tests.documents import ROOT, SYBIL, set_up, tear_down


def _document(language: str, *lines: str) -> str:
    return "\n".join(["Text.", "", f"```{language}", *lines, "```", ""])


TRUE = {
    "comments": _document("sh", "mncost --version", "# a word", "mncost list -f csv  # another"),
    "exit status": _document("sh", "mncost table --arch v9  # exit 2"),
    "two lines": _document("sh", "mncost list \\", "    --format csv"),
    "one shell": _document("sh", "mncost list -o list.csv", "head -n 1 list.csv | grep arch"),
    "set-up": _document("bash", "pip install nothing-at-all && mncost --version"),
    "path": _document("sh", ".venv/bin/mncost --version"),
    "cut line": _document("console", "$ mncost --version", "mncost ..."),
    "cut lines": _document("console", "$ mncost schema", "{", "...", "}"),
    "left": _document("console", "$ mncost schema", "{", "...", "", "$ mncost --version"),
    "stdout": _document("console", "$ mncost list -f csv | head -n 1", "arch,resolution,..."),
    "stderr": _document("console", "$ mncost table -a v9  # exit 2", "mncost: unknown ..."),
    "closed pipe": _document("sh", "mncost schema | head -n 1"),
    "python": _document("python", "import mncost", "assert mncost.load('v1').macs == 568_740_352"),
    "one namespace": _document("python", "a = 1") + _document("python", ">>> a", "1"),
    "other language": _document("toml", "mncost = 1"),
}
FALSE = {
    "failure": (_document("sh", "mncost table --arch v9"), "exit status 2, not 0"),
    "success": (_document("sh", "mncost list  # exit 2"), "exit status 0, not 2"),
    "second line": (_document("sh", "mncost list", "mncost lst"), "exit status 2, not 0"),
    "pipe": (_document("sh", "mncost lst | cat"), "exit status 2, not 0"),
    "unknown command": (_document("sh", "curl example.org"), "neither run nor in NOT_RUN"),
    "unknown step": (_document("sh", "mncost list && curl x"), "neither run nor in NOT_RUN"),
    "output": (_document("console", "$ mncost --version", "mncost 99"), "-mncost 99"),
    "cut output": (_document("console", "$ mncost schema", "...", "{"), "shows other output"),
    "cut line": (_document("console", "$ mncost --version", "mncost 9..."), "-mncost 9..."),
    "no prompt": (_document("console", "mncost --version"), "starts with $"),
    "quote": (_document("sh", "cat 'x"), "exit status 2, not 0"),
    "shell ends": (_document("sh", "mncost list && exit"), "neither run nor in NOT_RUN"),
    "python": (_document("python", "import mncost", "mncost.load('v9')"), "unknown architecture"),
    "pycon": (_document("python", ">>> 1 + 1", "3"), "Expected"),
    "not marked": (_document("", "mncost list"), "is not marked"),
}


@pytest.mark.parametrize("text", TRUE.values(), ids=TRUE)
def test_a_true_document_passes(text: str, tmp_path: Path) -> None:
    assert list(_complaints(text, tmp_path)) == []


@pytest.mark.parametrize(("text", "complaint"), FALSE.values(), ids=FALSE)
def test_a_false_document_fails(text: str, complaint: str, tmp_path: Path) -> None:
    (found,) = _complaints(text, tmp_path)
    assert complaint in found


def test_the_readme_s_commands_are_examples() -> None:
    """The test command is one of them: it is read from there by .ci/run."""
    texts = [e.parsed[1] for e in SYBIL.parse(ROOT / "README.md") if isinstance(e.parsed, tuple)]
    assert len([text for text in texts if text.startswith("$ mncost ")]) > 20
    assert [text for text in texts if text.endswith(" -m pytest")]


def _complaints(text: str, folder: Path) -> Iterator[str]:
    """Run everything in a document."""
    (folder / "page.md").write_text(text)
    document = SYBIL.parse(folder / "page.md")
    examples = list(document.examples())
    set_up(document.namespace)
    try:
        for example in examples:
            try:
                example.evaluate()
            except SybilFailure as failure:
                yield failure.result
            except Exception as error:
                yield str(error)
    finally:
        tear_down(document.namespace)
