"""What `mncost init ci` writes: its steps run here as a CI system runs them, and pass."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.budget.test_github import BASH, program
from tests.documents import _PROGRAM, ROOT
from tests.running import Result

Cli = Callable[..., Result]
NET = (ROOT / "examples" / "my_net.toml").read_text("utf-8")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a clone of a repository with one architecture file; measuring is scripted."""
    program(tmp_path / "bin" / "mncost", f'exec {sys.executable} "{tmp_path}/mncost.py" "$@"')
    (tmp_path / "mncost.py").write_text(_PROGRAM.format(root=str(ROOT)), "utf-8")
    program(tmp_path / "bin" / "python", 'echo "$@" >>"$RUNNER_TEMP/installed"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for variable in ("GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"):
        monkeypatch.delenv(variable, raising=False)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "somebody@localhost")
    git(tmp_path, "init", "-q", "-b", "main", "--bare", "origin.git")
    git(tmp_path, "clone", "-q", "origin.git", "work")
    folder = tmp_path / "work"
    (folder / "my_net.toml").write_text(NET, "utf-8")
    git(folder, "switch", "-q", "-c", "main")
    commit(folder, "first")
    monkeypatch.chdir(folder)
    return folder


def git(folder: Path, *words: str) -> str:
    ran = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def commit(folder: Path, text: str) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", text)
    git(folder, "push", "-q", "-f", "origin", "HEAD")


def yaml(path: Path) -> Any:
    return importlib.import_module("yaml").safe_load(path.read_text("utf-8"))


def scripts(steps: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the scripts of a job of GitHub's, with their variables."""
    for step in steps:
        if "run" in step:
            yield step["run"], step.get("env", {})


def run(script: str, folder: Path, **env: str) -> str:
    """Run a script of a step; it passes."""
    ran = subprocess.run(
        [*BASH, script],
        check=False,
        cwd=folder,
        env=os.environ | env,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_a_variant_keeps_its_file(run_cli: Cli, work: Path) -> None:
    variant = "[variants]\nwide = { alpha = 2.0 }\n"
    (work / "two.toml").write_text(NET + variant, "utf-8")
    assert run_cli(["init", "ci", "two.toml:wide"]).status == 0
    assert 'arch = "two.toml:wide"' in Path("budgets.toml").read_text("utf-8")
    assert run_cli(["check", "budgets.toml"]).status == 0


def test_githubs_workflow_passes_as_it_is(run_cli: Cli, work: Path) -> None:
    assert run_cli(["init", "ci", "my_net.toml", "v2", "--alpha", "0.5"]).status == 0
    base = git(work, "rev-parse", "HEAD")
    commit(work, "budgets")
    jobs = yaml(work / ".github" / "workflows" / "mncost.yml")["jobs"]
    assert list(jobs) == ["exact", "latency"]
    for script, env in scripts(jobs["exact"]["steps"]):
        said = run(script, work, **env)
    assert "2 budgets hold" in said
    variables = jobs["latency"]["env"] | {"BASE": base}
    for script, env in scripts(jobs["latency"]["steps"]):
        said = run(script, work, **variables, **env)
    assert "FAIL" not in said
    assert (work / "mncost-run.json").is_file()
    installed = (work.parent / "installed").read_text("utf-8")
    assert "pip install -q mncost" in installed


def test_a_new_architecture_has_no_past(run_cli: Cli, work: Path) -> None:
    base = git(work, "rev-parse", "HEAD")
    (work / "my_net.toml").rename(work / "a 'new' one.toml")
    assert run_cli(["init", "ci", "a 'new' one.toml"]).status == 0
    job = yaml(work / ".github" / "workflows" / "mncost.yml")["jobs"]["latency"]
    *_, (script, env) = scripts(job["steps"])
    said = run(script, work, **job["env"] | {"BASE": base}, **env)
    assert "a 'new' one.toml is new" in said


def test_gitlabs_workflow_passes_as_it_is(run_cli: Cli, work: Path) -> None:
    assert run_cli(["init", "ci", "my_net.toml", "--gitlab"]).status == 0
    base = git(work, "rev-parse", "HEAD")
    commit(work, "budgets")
    for job in yaml(work / ".gitlab-ci.yml").values():
        variables = {**job["variables"], "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
        run("\n".join(job["script"]), work, **variables)
    assert (work / "mncost-latency.xml").is_file()


def test_built_in_networks_need_no_latency(run_cli: Cli, work: Path) -> None:
    assert run_cli(["init", "ci", "v1", "v3-large", "--dialect", "torchvision"]).status == 2
    assert run_cli(["init", "ci", "v3-large", "-a", "v2", "--classes", "10"]).status == 0
    assert list(yaml(work / ".github" / "workflows" / "mncost.yml")["jobs"]) == ["exact"]
    assert not (work / "latency.toml").exists()
    assert run_cli(["check", "budgets.toml"]).status == 0


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["ci"], "ARCH"),
        (["cd", "v2"], "did you mean 'ci'?"),
        (["ci", "v2", "--github", "--gitlab"], "do not go together"),
        (["ci", "../my_net.toml"], "below the current directory"),
        (["ci", "my_net.toml,my_net.toml"], "one architecture file"),
        (["ci", "v2", "-r", "64x96"], "square"),
    ],
)
def test_what_is_refused(run_cli: Cli, work: Path, words: list[str], part: str) -> None:
    (work.parent / "my_net.toml").write_text(NET, "utf-8")
    result = run_cli(["init", *words])
    assert result.status == 2
    assert part in result.err
    assert not (work / "budgets.toml").exists()


def test_what_exists_stays(run_cli: Cli, work: Path) -> None:
    (work / "budgets.toml").write_text("mine\n", "utf-8")
    result = run_cli(["init", "ci", "v2"])
    assert (result.status, "budgets.toml" in result.err) == (2, True)
    assert (work / "budgets.toml").read_text("utf-8") == "mine\n"
    assert not (work / ".github").exists()


def test_from_where_ci_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip noted (PEP 610) about an installation from a repository."""
    from mncost.budget import starter

    noted = {"url": "https://example.org/mncost", "vcs_info": {"vcs": "git", "commit_id": "ab12"}}

    class Distribution:
        version = "9.9"

        @staticmethod
        def read_text(name: str) -> str | None:
            return json.dumps(noted) if name == "direct_url.json" and noted else None

    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Distribution)
    assert starter._requirement("[bench]") == "mncost[bench] @ git+https://example.org/mncost@ab12"
    noted.clear()
    assert starter._requirement("") == "mncost==9.9"


def test_a_stored_baseline(work: Path) -> None:
    """The recipe's steps, on a branch of a repository: stored, fetched, compared."""
    jobs = yaml(ROOT / "examples" / "github" / "stored_baseline.yml")["jobs"]
    (work / "latency.toml").write_bytes((ROOT / "examples" / "latency.toml").read_bytes())
    commit(work, "budgets")
    for script, _ in scripts(jobs["baseline"]["steps"]):
        run(script, work, GITHUB_SHA="ab12", **jobs["baseline"]["env"])
    git(work.parent, "clone", "-q", "-b", "main", "origin.git", "again")
    (work.parent / "baseline.json").unlink()
    for script, _ in scripts(jobs["compare"]["steps"]):
        said = run(script, work.parent / "again")
    assert "PASS" in said or "hold" in said
