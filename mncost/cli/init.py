"""``mncost init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mncost.cli.emit import say
from mncost.cli.params import Only
from mncost.errors import InputError, UnknownNameError
from mncost.flags import Flag
from mncost.which import Which

__all__ = ["init"]


def init(
    kit: Annotated[str, typer.Argument(metavar="KIT", help="What to set up: ci.")],
    which: Annotated[
        Which, Only(without=("twin", "in_channels", "rho", "output_stride", "in_place"))
    ],
    github: Annotated[
        bool,
        Flag("For GitHub Actions (default)."),
    ] = False,
    gitlab: Annotated[bool, Flag("For GitLab CI.")] = False,
) -> None:
    """Write a budget file and a workflow that checks it; both pass as they are.

    mncost init ci v2 --alpha 0.5
    mncost init ci my_net.toml --gitlab

    Files that exist are never changed.
    """
    if kit != "ci":
        raise UnknownNameError("kit", kit, ["ci"])
    if github and gitlab:
        raise InputError("--github and --gitlab do not go together")
    from mncost.budget.starter import starter_files
    from mncost.render.write import check_writable, write_atomically

    texts = starter_files(which, "gitlab" if gitlab else "github")
    paths = [Path(name) for name in texts]
    for path in paths:
        if path.exists():
            raise InputError(f"{path}: exists; rename or remove it first")
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_writable(path)
    for path, text in zip(paths, texts.values(), strict=True):
        write_atomically(path, text.encode())
        say(f"wrote {path}")
    say("try it: mncost check budgets.toml; then commit the files")
