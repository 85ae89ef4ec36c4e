"""Text from elsewhere, made harmless: one function for each kind of output.

Names come from architecture files, budget files and run files, so anybody may have written them.
A name must not break the line that it stands in, drive a terminal, become a formula, a link or a
tag, or give a command to a CI system. The template engine escapes HTML.
"""

from __future__ import annotations

import re

from mncost.errors import one_line

__all__ = [
    "csv_field",
    "github_data",
    "github_property",
    "json_text",
    "log",
    "markdown",
    "plain",
    "text",
]

# Compiled when they are first used: what a start needs few of.
_NUMBER = r"(?i)[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?"
# GitHub takes a command from the beginning of a line; it and Azure take `##` ones from anywhere.
_COMMAND = r"(?:(?<=^)|(?<=[\r\n]))(\s*):(?=:)|#(?=#(?:vso)?\[)"
_MARKDOWN = r"([\\`*_\[\]<>|~#])"
_ADDRESS = r"(?<=[A-Za-z])(:)(?=//)|(?<=www)(\.)|(?<=\w)(@)(?=\w)|(?<!\w)(@)(?=\w)"
# Control characters but tab and line ends, directions of writing, halves of surrogate pairs.
_CONTROL = (
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def log(text: str) -> str:
    """Return text that gives no command to GitHub Actions or Azure Pipelines, which read logs."""
    return re.sub(_COMMAND, lambda match: f"{match[1] or ''}\\x{ord(match[0][-1]):02x}", text)


def plain(text: str) -> str:
    """Return a text for a terminal or a log: one line, no control characters, no commands."""
    return log(one_line(text))


def text(lines: str) -> str:
    """Return a text of several lines for a terminal or a log."""
    return log(re.sub(_CONTROL, lambda match: _escaped(match[0]), lines))


def csv_field(text: str) -> str:
    """Return a text for a CSV file, so that no spreadsheet takes it for a formula.

    What would be one gets an apostrophe in front; numbers and line ends stay as they are.
    """
    if text.isalnum():
        return text
    text = re.sub(_CONTROL, lambda match: _escaped(match[0]), text)
    is_formula = text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1] in ("\t", "\r")
    return log(f"'{text}" if is_formula and not re.fullmatch(_NUMBER, text) else text)


def json_text(text: str) -> str:
    """Return JSON that gives no command and has no control characters; it says the same."""
    text = re.sub(_CONTROL, lambda match: f"\\u{ord(match[0]):04x}", text)
    return re.sub("#(?=#)", r"\\u0023", text)


def markdown(text: str) -> str:
    """Return a text for GitHub's Markdown: one line, no markup, no link, no image, no mention."""
    line = one_line(" ".join(text.split())).replace("&", "&amp;")
    text = re.sub(_MARKDOWN, r"\\\1", line)
    return log(re.sub(_ADDRESS, lambda match: f"&#{ord(match[0])};", text))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def github_data(text: str) -> str:
    """Return the message of a workflow command of GitHub Actions."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def github_property(text: str) -> str:
    """Return the value of a property of a workflow command of GitHub Actions."""
    return github_data(text).replace(":", "%3A").replace(",", "%2C")
