"""An OpenSSH server on loopback with keys of its own, and a ``ssh`` that knows it."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.running import wait_until

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
MISSING = None if SSHD and shutil.which("ssh-keygen") else "no OpenSSH server here"


class Server:
    """One ``sshd`` in a folder; :meth:`stop` ends it and every connection."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        for key in ("host_key", "user_key"):
            self.new_key(key)
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        self.trust()
        self.write_programs()
        self.start()

    def new_key(self, name: str) -> None:
        """Make a key pair, in place of the one there was."""
        for file in self.folder.glob(f"{name}*"):
            file.unlink()
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
        subprocess.run(command, check=True, capture_output=True)

    def trust(self) -> None:
        """Let the client know the host key."""
        kind, key, *_ = (self.folder / "host_key.pub").read_text().split()
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def write_programs(self) -> None:
        """Write the configurations, and an ``ssh`` for PATH that reads the client's."""
        folder = self.folder
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {folder}/host_key\nUsePAM no\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nPidFile none\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
            "MaxStartups 100\nMaxSessions 100\n"
        )
        (folder / "ssh_config").write_text(
            f"Host *\n  HostName 127.0.0.1\n  Port {self.port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {folder}/user_key\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {folder}/known_hosts\n  GlobalKnownHostsFile none\n"
            "  StrictHostKeyChecking yes\n"
        )
        program = folder / "bin" / "ssh"
        program.parent.mkdir()
        real = shutil.which("ssh")
        program.write_text(f'#!/bin/sh\nexec {real} -F {folder}/ssh_config "$@"\n')
        program.chmod(0o755)

    def start(self) -> None:
        """Start the server, and wait until it listens."""
        assert SSHD is not None
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where it gives up its privileges
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")],
                stderr=log,
                start_new_session=True,
            )
        wait_until(self.listens)

    def listens(self) -> bool:
        """Whether it takes connections."""
        assert self.process.poll() is None, (self.folder / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def cut(self) -> None:
        """End every connection: those that it made have sessions of their own."""
        import psutil

        for child in psutil.Process(self.process.pid).children():
            child.kill()

    def stop(self) -> None:
        """End it and its connections."""
        self.cut()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def hosts(self, **entries: str) -> Path:
        """Write a hosts file: by name, more lines of the entry; each has a machine of its own.

        A machine is known by the lock in its directory of temporary files.
        """
        text = ""
        for name, more in entries.items():
            for part in ("tmp", "cache"):
                (self.folder / name / part).mkdir(parents=True, exist_ok=True)
            home = self.folder / name
            own = f"TMPDIR = '{home}/tmp', XDG_CACHE_HOME = '{home}/cache'"
            lines = more if "environment" in more else f"{more}\nenvironment = {{ OWN }}"
            lines = lines.replace("OWN", own)
            python = "" if "python =" in lines else f"python = '{sys.executable}'\n"
            text += f"[[hosts]]\nname = '{name}'\ndestination = '{name}'\n{python}{lines}\n"
        file = self.folder / "hosts.toml"
        file.write_text(text)
        return file


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Start a server and end it."""
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
