"""What GitHub Actions shows: annotations beside the lines of a file, and the job's summary."""

# No `from __future__ import annotations`: its name is that of a function here.

from collections.abc import Mapping, Sequence
from pathlib import Path

from mncost.budget.records import Outcome
from mncost.budget.tables import people_table, sentence
from mncost.budget.verdicts import Inconclusive, settled
from mncost.errors import OutputError, one_line
from mncost.render import markdown

__all__ = ["annotations", "append_summary", "job_summary"]

_COMMANDS = {"FAIL": "error", "INCONCLUSIVE": "warning"}
_SUMMARY = "GITHUB_STEP_SUMMARY"


def annotations(
    outcomes: Sequence[Outcome], file: str, *, inconclusive: Inconclusive = "keep"
) -> str:
    """Return a workflow command for each limit that does not hold.

    Failures come first: GitHub shows ten errors and ten warnings of a step. An inconclusive limit
    is a warning, and stays one where it counts as one that holds.

    Args:
        outcomes: what was found.
        file: the file of the budgets, from the top of the repository.
        inconclusive: what an inconclusive limit counts as.
    """
    commands: dict[str, list[str]] = {"error": [], "warning": []}
    for outcome in outcomes:
        verdict = settled(outcome, "fail" if inconclusive == "fail" else "keep")
        if verdict != "PASS":
            command = _COMMANDS[verdict]
            commands[command].append(_command(command, outcome, file))
    return "".join(line + "\n" for lines in commands.values() for line in lines)


def job_summary(outcomes: Sequence[Outcome], notes: Sequence[str]) -> str:
    """Return the table for people as Markdown, under one line that sums it up."""
    return "### mncost check\n\n" + markdown.render(people_table(outcomes, notes))


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
    properties = {"file": one_line(file), **place, "title": one_line(title)}
    written = ",".join(f"{name}={_property(text)}" for name, text in properties.items())
    return f"::{command} {written}::{_data(sentence(outcome))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
