"""What GitHub Actions shows: annotations beside the lines of a file, and the job's summary."""

# No `from __future__ import annotations`: its name is that of a function here.

from collections.abc import Mapping
from pathlib import Path

from mncost.budget.outcome import Outcome, Verdicts, settled
from mncost.budget.words import sentence
from mncost.errors import OutputError
from mncost.render import markdown
from mncost.render.escape import github_data, github_property, log, plain
from mncost.render.table import Table

__all__ = ["annotations", "append_summary", "job_summary"]

_COMMANDS = {"ERROR": "error", "FAIL": "error", "INCONCLUSIVE": "warning"}
_SUMMARY = "GITHUB_STEP_SUMMARY"


def annotations(verdicts: Verdicts, file: str) -> str:
    """Return a workflow command for each limit that does not hold.

    Errors and failures come first: GitHub shows ten errors and ten warnings of a step. An
    inconclusive limit is a warning, also where it counts as one that holds.

    Args:
        verdicts: of a check.
        file: the file of the budgets, from the top of the repository.
    """
    commands: dict[str, list[str]] = {"error": [], "warning": []}
    for outcome in verdicts:
        ending = settled(outcome, "fail" if verdicts.inconclusive == "fail" else "keep")
        if ending != "PASS":
            command = _COMMANDS[ending]
            commands[command].append(_command(command, outcome, file))
    return "".join(line + "\n" for lines in commands.values() for line in lines)


def job_summary(table: Table) -> str:
    """Return the table of verdicts as Markdown, under a heading."""
    return "### mncost check\n\n" + markdown.render(table)


def append_summary(text: str, environment: Mapping[str, str]) -> None:
    """Append to the file that ``$GITHUB_STEP_SUMMARY`` names; without it, do nothing.

    Raises:
        OutputError: the file cannot be written.
    """
    if not (path := environment.get(_SUMMARY)):
        return
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"{_SUMMARY} {path}: cannot be written: {reason}") from None


def _command(command: str, outcome: Outcome, file: str) -> str:
    place = {} if outcome.of.line is None else {"line": str(outcome.of.line)}
    title = f"{outcome.verdict}: {outcome.of.name}"
    properties = {"file": plain(file), **place, "title": plain(title)}
    written = ",".join(f"{name}={github_property(text)}" for name, text in properties.items())
    return f"::{command} {written}::{github_data(log(sentence(outcome)))}"
