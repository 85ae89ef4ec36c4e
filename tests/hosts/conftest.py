"""One server for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hosts.sshd import MISSING, Server, serving


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if MISSING:
        pytest.skip(MISSING)
    with serving(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture
def server(module_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server, and an ssh on PATH that knows it."""
    monkeypatch.setenv("PATH", str(module_server.folder / "bin"), prepend=":")
    return module_server
