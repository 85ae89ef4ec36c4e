"""The commit of a directory, and that a repository has nothing run for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mncost.measure import git as module
from mncost.measure.git import commit

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(directory: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    done = subprocess.run(
        ["git", *who, *words], cwd=directory, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def repository(directory: Path) -> None:
    """Commit one file in a new repository."""
    git(directory, "init", "-q")
    (directory / "file").write_text("one")
    git(directory, "add", "file")
    git(directory, "commit", "-q", "-m", "one")


@needs_git
def test_the_commit_of_a_directory(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert commit(tmp_path) is None  # nothing was committed yet
    repository(tmp_path)
    clean = commit(tmp_path)
    assert clean is not None
    assert (clean.id, clean.dirty) == (git(tmp_path, "rev-parse", "HEAD"), False)
    (tmp_path / "new").write_text("unknown to git")
    assert commit(tmp_path) == clean
    (tmp_path / "file").write_text("two")
    changed = commit(tmp_path)
    assert changed is not None
    assert (changed.id, changed.dirty) == (clean.id, True)


@needs_git
@pytest.mark.skipif(os.name != "posix", reason="the traps are shell scripts")
def test_a_repository_has_none_of_its_programs_run(tmp_path: Path) -> None:
    """A hook, a file system monitor and filters: plain git runs them."""
    ran, inside = tmp_path / "ran", tmp_path / "inside"
    inside.mkdir()
    repository(inside)
    trap = tmp_path / "trap"
    trap.write_text(f'#!/bin/sh\necho "$0 $@" >> {ran}\ncat\n')
    trap.chmod(0o755)
    (inside / ".git" / "hooks").mkdir(exist_ok=True)
    shutil.copy(trap, inside / ".git" / "hooks" / "post-index-change")
    git(inside, "config", "core.fsmonitor", str(trap))
    git(inside, "config", "filter.evil.clean", f"{trap} clean")
    git(inside, "config", "filter.evil.required", "true")
    git(inside, "config", "filter.worse.process", f"{trap} process")
    (inside / ".gitattributes").write_text("file filter=evil\nother filter=worse\n")
    (inside / "file").write_text("two")
    git(inside, "status", "--porcelain")
    assert "clean" in ran.read_text()  # the traps work
    ran.unlink()
    found = commit(inside)
    assert found is not None
    assert found.dirty
    assert not ran.exists()


def test_no_git_or_one_that_hangs_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() is None
    if os.name == "posix":
        (tmp_path / "git").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
        (tmp_path / "git").chmod(0o755)
        monkeypatch.setattr(module, "SECONDS", 0.2)
        assert commit() is None
