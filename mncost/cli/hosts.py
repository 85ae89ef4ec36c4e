"""``mncost hosts``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mncost.cli.emit import Out
from mncost.errors import UnknownNameError
from mncost.flags import Flag

__all__ = ["hosts"]

ACTIONS = ("check",)
FAILED = 1


def hosts(
    out: Out,
    action: Annotated[
        str, typer.Argument(metavar="check", help="check: connect to each host.")
    ] = "check",
    host: Annotated[
        str | None,
        Flag("Only these hosts. Default: all.", "NAME,...", panel="Measure"),
    ] = None,
    file: Annotated[
        Path | None,
        Flag(
            "The file with the hosts. Default: hosts.toml here, or mncost/hosts.toml in ~/.config.",
            "FILE",
            names=("--hosts",),
            panel="Measure",
        ),
    ] = None,
) -> int:
    """Check the machines of hosts.toml over ssh: reachable, Python, runtimes, cores, busy or free.

    mncost hosts check
    mncost hosts check --host pi4 --format json

    Exit status 1: a host cannot be measured on.
    """
    from mncost.extras import require
    from mncost.hosts.check import check_hosts
    from mncost.hosts.file import chosen, hosts_file, read_hosts
    from mncost.tables.hosts import hosts_table

    if action not in ACTIONS:
        raise UnknownNameError("action", action, ACTIONS)
    require("bench")
    path = file or hosts_file()
    if host is None:
        entries = [*read_hosts(path).values()]
    else:
        entries = chosen(map(str.strip, host.split(",")), path)
    checked = check_hosts(entries)
    out.emit(hosts_table(checked, columns=out.columns, file=str(path)))
    return FAILED if any(one.seen is None for one in checked) else 0
