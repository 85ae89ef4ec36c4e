"""``mncost hosts check`` over a real ssh."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest

from tests.hosts.sshd import Server
from tests.running import in_process

pytestmark = [pytest.mark.ssh, pytest.mark.slow]


def checked(file: Path, *more: str) -> tuple[int, dict[str, dict[str, object]]]:
    """Return the status and the rows by host."""
    result = in_process(["hosts", "check", "--hosts", str(file), "--format", "json", *more])
    rows = json.loads(result.out)["rows"]
    return result.status, {row["host"]: row for row in rows}


def test_hosts_of_every_kind(server: Server) -> None:
    script = server.folder / "old.sh"
    script.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'import sys; sys.version_info = (3, 8); "
        'exec(sys.argv[2])\' "$@"\n'
    )
    script.chmod(0o755)
    hasty = server.folder / "hasty.sh"  # says so before it was sent anything, and ends
    answer = '{"python": "3.8", "least": "3.9"}'
    hasty.write_text(f"#!/bin/sh\nexec 0</dev/null\necho '{answer}'\n")
    hasty.chmod(0o755)
    noisy = server.folder / "noisy.sh"
    noisy.write_text(f"#!/bin/sh\nprintf 'welcome \\033[2J\\n'\nexec {sys.executable} \"$@\"\n")
    noisy.chmod(0o755)
    file = server.hosts(
        plain="label = 'one'",
        noisy=f"python = '{noisy}'",
        old=f"python = '{script}'",
        hasty=f"python = '{hasty}'",
        none="python = '/nowhere/python'",
        pinned="pinning = [4000]",
        echo="python = '/bin/echo'",
    )
    status, rows = checked(file)
    assert status == 1
    for name in ("plain", "noisy"):
        row = rows[name]
        assert row["python"] == platform.python_version()
        assert "onnxruntime" in str(row["runtimes"])
        assert (row["state"], row["architecture"]) == ("ready", platform.machine())
    reasons = {name: str(row["reason"]) for name, row in rows.items() if row["reason"]}
    assert set(reasons) == {"old", "hasty", "none", "pinned", "echo"}
    for name in ("old", "hasty"):
        assert reasons[name].endswith("is Python 3.8: 3.9 or newer is accepted")
    assert "No such file" in reasons["none"]
    assert "pinning" in reasons["pinned"]
    assert "exited with status 0" in reasons["echo"]
    text = in_process(["hosts", "check", "--hosts", str(file)]).out
    assert "\x1b" not in text
    assert "none: " in text
    assert checked(file, "--host", "plain")[0] == 0


def test_a_host_key_that_changed_and_a_server_that_is_gone(server: Server) -> None:
    file = server.hosts(plain="")
    known = server.folder / "known_hosts"
    right = known.read_text()
    try:
        key = (server.folder / "user_key.pub").read_text().split()[1]
        known.write_text(f"[127.0.0.1]:{server.port} ssh-ed25519 {key}\n")
        status, rows = checked(file)
        assert status == 1
        assert rows["plain"]["reason"] == "Host key verification failed."
    finally:
        known.write_text(right)
    config = server.folder / "ssh_config"
    was = config.read_text()
    try:
        config.write_text(was.replace(f"Port {server.port}", "Port 1"))
        status, rows = checked(file)
        assert "Connection refused" in str(rows["plain"]["reason"])
    finally:
        config.write_text(was)
