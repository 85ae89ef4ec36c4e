"""Make the documentation site: ``python tools/site.py [FOLDER]``, by default ``build/site``.

Sphinx reads one folder of pages. This copies ``docs/`` there and adds

- the pages that live elsewhere in the repository, under ``project/``,
- ``reference/commands.md``, made from the commands' own help;

links between them follow. A link that leads nowhere is an error.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from sphinx.cmd.build import build_main

from mncost.cli.main import COMMANDS, _app

ROOT = Path(__file__).parent.parent
ELSEWHERE = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    "examples/README.md",
    "tests/witness/README.md",
]
FILES = [
    "examples/budget_search.py",
    "examples/budgets.toml",
    "examples/choose_a_network.py",
    "examples/github/mncost.yml",
    "examples/github/stored_baseline.yml",
    "examples/latency.toml",
    "examples/my_net.toml",
    "examples/two_heads.toml",
]
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def main(site: str = "build/site") -> int:
    """Build the site; return Sphinx's exit status."""
    with TemporaryDirectory() as folder:
        pages = Path(folder)
        shutil.copytree(ROOT / "docs", pages, dirs_exist_ok=True)
        for name in (*ELSEWHERE, *FILES):
            target = pages / _in_site(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
        for name in (*ELSEWHERE, *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md"))):
            page = pages / _in_site(name)
            page.write_text(_with_links(page.read_text("utf-8"), name), "utf-8")
        (pages / "reference").mkdir()
        (pages / "reference" / "commands.md").write_text("\n".join(_commands()), "utf-8")
        return build_main(["--fail-on-warning", "--keep-going", "-q", folder, site])


def _in_site(name: str) -> str:
    """Return where a file of the repository stands in the site."""
    return name.removeprefix("docs/") if name.startswith("docs/") else f"project/{name}"


def _with_links(text: str, name: str) -> str:
    """Let the links of a page lead to where their targets stand in the site."""
    folder, moved_folder = posixpath.dirname(name), posixpath.dirname(_in_site(name))

    def moved(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[1]))
        return posixpath.relpath(_in_site(target), moved_folder or ".")

    return _LINK.sub(moved, text)


def _commands() -> Iterator[str]:
    """Yield the lines of the reference of all commands."""
    yield "# Commands\n"
    yield "`mncost COMMAND --help` says the same in a terminal.\n"
    for name in COMMANDS:
        group: Any = typer.main.get_command(_app([name]))
        command = group.commands[name]
        yield f"## mncost {name}\n"
        yield from _paragraphs(command.help or "")
        panels: dict[str, list[Any]] = {}
        for parameter in command.params:
            if getattr(parameter, "help", None) and not getattr(parameter, "hidden", False):
                panel = getattr(parameter, "rich_help_panel", None) or "Arguments"
                panels.setdefault(panel, []).append(parameter)
        for panel, parameters in panels.items():
            yield f"**{panel}**\n"
            yield "| option | meaning |\n|---|---|"
            yield from (f"| {_spelling(each)} | {_cell(each.help)} |" for each in parameters)
            yield ""


def _paragraphs(text: str) -> Iterator[str]:
    """Yield help as Markdown: its lines of examples as code."""
    for part in map(str.strip, text.split("\n\n")):
        yield f"```sh\n{part}\n```\n" if part.startswith("mncost ") else f"{part}\n"


def _spelling(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return f"{names} `{parameter.metavar}`" if parameter.metavar else names


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("*", "\\*")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
