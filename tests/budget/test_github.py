"""What GitHub reads: workflow commands, the job's summary, and the files of Actions and hooks."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from syrupy.assertion import SnapshotAssertion

from mncost.budget import github
from mncost.budget.github import append_summary, job_summary
from mncost.budget.outcome import Verdicts
from mncost.errors import OutputError
from tests.budget.outcomes import HOSTILE, checked, exact, latency, one_of_each
from tests.printed import Printed

ROOT = Path(__file__).parents[2]
VARIABLE = "GITHUB_STEP_SUMMARY"


class Command(NamedTuple):
    """A workflow command, as the runner reads it."""

    name: str
    properties: dict[str, str]
    message: str


def commands(log: str) -> list[Command]:
    """Read the workflow commands of a log as GitHub documents them, from scratch."""
    found = []
    for line in re.split(r"[\r\n]+", log):
        if line.lstrip().startswith("::"):
            _, head, message = line.split("::", 2)
            name, _, rest = head.partition(" ")
            pairs = (pair.partition("=") for pair in rest.split(",") if pair)
            properties = {key: unescaped(value) for key, _, value in pairs}
            found.append(Command(name, properties, unescaped(message)))
    return found


def unescaped(text: str) -> str:
    """Undo the escapes."""
    return re.sub(r"%(25|0D|0A|3A|2C)", lambda found: chr(int(found[1], 16)), text)


# --------------------------------------------------------------------------------- annotations


def test_failures_are_errors_and_the_inconclusive_are_warnings(
    snapshot: SnapshotAssertion,
) -> None:
    """What holds says nothing; failures come first, for GitHub shows ten."""
    log = github.annotations(checked(one_of_each()[::-1]), "nets/budgets.toml")
    error, warning = commands(log)
    assert (error.name, warning.name) == ("error", "warning")
    assert error.properties == {"file": "nets/budgets.toml", "line": "3", "title": "FAIL: v2"}
    assert warning.properties["title"] == "INCONCLUSIVE: v2"
    assert log == snapshot(extension_class=Printed)


def test_no_annotation_without_a_reason() -> None:
    """Budgets that hold are not annotated."""
    assert github.annotations(checked(one_of_each()[:1]), "budgets.toml") == ""


@pytest.mark.parametrize(
    ("inconclusive", "name"), [("keep", "warning"), ("pass", "warning"), ("fail", "error")]
)
def test_inconclusive_as_told(inconclusive: Any, name: str) -> None:
    """What ends the job is an error, and nothing inconclusive is silent."""
    (found,) = commands(github.annotations(checked(one_of_each()[2:], inconclusive), "b.toml"))
    assert found.name == name


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_writes_commands(name: str) -> None:
    """A name, a reason or a path is one property or message, and comes back as it was."""
    log = github.annotations(checked(one_of_each(name, why=name)), name)
    error, warning = commands(log)
    assert len(re.split(r"[\r\n]+", log.strip())) == 2
    assert {error.name, warning.name} == {"error", "warning"}
    assert set(error.properties) == {"file", "line", "title"}
    assert not re.search(r"##(vso)?\[", log), "Azure Pipelines reads commands anywhere in a line"
    if name.isprintable() and not name.startswith(("::", "##")):
        assert error.properties["file"] == name
        assert error.properties["title"] == f"FAIL: {name}"
        assert warning.message.endswith(name)


@pytest.mark.parametrize("inconclusive", ["keep", "pass", "fail"])
def test_a_limit_that_could_not_be_measured_is_an_error(inconclusive: Any) -> None:
    """Whatever an inconclusive limit counts as."""
    broken = latency("ERROR", None, None, None, why="the worker died")
    (found,) = commands(github.annotations(checked([broken], inconclusive), "b.toml"))
    assert found.name == "error"
    assert broken.why in found.message


def test_a_limit_from_no_file_has_no_line() -> None:
    """There is nothing to point at."""
    outcome = latency("FAIL", 2, 2, 2, most=1)
    outcome = outcome._replace(of=outcome.of._replace(line=None))
    (found,) = commands(github.annotations(checked([outcome]), "budgets.toml"))
    assert "line" not in found.properties


# ------------------------------------------------------------------------------------- summary


def test_summary_is_a_table(snapshot: SnapshotAssertion) -> None:
    """A heading, a line that sums it up, a row for each limit, notes."""
    text = job_summary(Verdicts(one_of_each(), ["a machine"]).table())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["PASS", "FAIL", "INCONCLUSIVE"]
    assert text == snapshot(extension_class=Printed)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_the_summary(name: str) -> None:
    """Each limit stays one row of as many cells; a tag is text."""
    lines = job_summary(Verdicts(one_of_each(name, why=name), [name]).table()).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [7] * 5
    assert not re.search(r"(?<!\\)<", "\n".join(lines))


def test_summaries_are_appended(tmp_path: Path) -> None:
    """What other steps wrote stays."""
    path = tmp_path / "summary.md"
    path.write_text("before\n", "utf-8")
    append_summary("α\n", {VARIABLE: str(path)})
    append_summary("β\n", {VARIABLE: str(path)})
    assert path.read_text("utf-8").split() == ["before", "α", "β"]


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}])
def test_outside_of_github_nothing_is_written(here: Path, environment: dict[str, str]) -> None:
    """Without the variable there is no file to append to."""
    append_summary("text\n", environment)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("name", ["", "no/such/folder", "a\0b"])
def test_a_summary_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    """It is one line that names the variable."""
    with pytest.raises(OutputError, match=VARIABLE):
        append_summary("text\n", {VARIABLE: f"{tmp_path}/{name}"})


def test_lone_surrogates_reach_the_summary_escaped(tmp_path: Path) -> None:
    """A name that UTF-8 cannot hold does not end the check."""
    path = tmp_path / "summary.md"
    text = job_summary(checked([exact(1, most=2, name="\ud800")]).table())
    append_summary(text, {VARIABLE: str(path)})
    assert "ud800" in path.read_text("utf-8")


# ---------------------------------------------------------------------------- files of Actions


def loaded(*path: str) -> Any:
    """Load a YAML file; PyYAML comes with pre-commit."""
    return importlib.import_module("yaml").safe_load(ROOT.joinpath(*path).read_text("utf-8"))


def steps_of(document: Any) -> list[dict[str, Any]]:
    """Return the steps of an action, or of all jobs of a workflow."""
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job["steps"]]


FILES = [
    ("action.yml",),
    ("examples", "github", "mncost.yml"),
    ("examples", "github", "stored_baseline.yml"),
]


@pytest.mark.parametrize("path", FILES, ids=" ".join)
def test_steps_use_or_run(path: tuple[str, ...]) -> None:
    """A step is an action or a script; no text of others becomes part of a script."""
    steps = steps_of(loaded(*path))
    assert steps
    for step in steps:
        assert ("uses" in step) != ("run" in step)
        assert "${{" not in step.get("run", "")
        if path == ("action.yml",) and "run" in step:
            assert step["shell"] == "bash", "a composite action has no default"


def test_the_action_uses_each_of_its_inputs() -> None:
    """Each input is declared, described, has a default, and is used."""
    action = loaded("action.yml")
    text = (ROOT / "action.yml").read_text("utf-8")
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(action["inputs"])
    for one in action["inputs"].values():
        assert set(one) == {"description", "default"}
        assert isinstance(one["default"], str), "inputs are texts"
    declared = {step["id"] for step in steps_of(action) if "id" in step}
    assert set(re.findall(r"steps\.([\w-]+)\.", text)) == declared


BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
"""As GitHub runs `shell: bash`."""


def step_of_action(text: str) -> dict[str, Any]:
    """Return the action's step whose name or id is this."""
    steps = steps_of(loaded("action.yml"))
    return next(step for step in steps if text in (step.get("id"), step.get("name")))


def program(path: Path, *lines: str) -> None:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), "utf-8")
    path.chmod(0o755)


def run_check_step(
    folder: Path, programs: str = "bin", status: int = 0, **inputs: str
) -> list[str]:
    """Run the action's script with a Python that writes down its arguments; return these."""
    step = step_of_action("check")
    program(
        folder / "mncost" / programs / "python",
        'printf "%s\\n" "$@" >"$RUNNER_TEMP/arguments"',
        'echo summary >>"$GITHUB_STEP_SUMMARY"',
        f"exit {status}",
    )
    given = dict.fromkeys(step["env"], "") | inputs
    fixed = {"RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(folder / "output")}
    fixed |= {"GITHUB_STEP_SUMMARY": str(folder / "summary")}
    ran = subprocess.run([*BASH, step["run"]], env=os.environ | given | fixed, check=False)
    assert ran.returncode == status
    assert (folder / "summary").read_text("utf-8") == "summary\n"
    return (folder / "arguments").read_text("utf-8").splitlines()


def test_the_action_passes_its_inputs_on(tmp_path: Path) -> None:
    """Each input is an option of `mncost check`, one argument whatever is in it."""
    arguments = run_check_step(
        tmp_path,
        BUDGETS="-x $(touch oops) *.toml",
        BASELINE_ARCH="old net.toml",
        MAX_TIME="5 min",
        INCONCLUSIVE="pass",
        SAVE_RUN="true",
    )
    junit, run = str(tmp_path / "mncost-junit.xml"), str(tmp_path / "mncost-run.json")
    expected = ["-m", "mncost", "check", "--github", "--junit", junit]
    expected += ["--baseline-arch", "old net.toml", "--max-time", "5 min"]
    expected += ["--inconclusive", "pass", "--save", run, "--", "-x $(touch oops) *.toml"]
    assert arguments == expected
    assert (tmp_path / "output").read_text("utf-8") == f"junit={junit}\nrun={run}\n"


def test_the_action_without_options(tmp_path: Path) -> None:
    """An input that is not given is no option."""
    arguments = run_check_step(tmp_path, BUDGETS="budgets.toml", EXACT_ONLY="true")
    junit = str(tmp_path / "mncost-junit.xml")
    options = ["--github", "--junit", junit, "--exact-only"]
    assert arguments == ["-m", "mncost", "check", *options, "--", "budgets.toml"]


def test_the_action_on_windows_and_a_failed_check(tmp_path: Path) -> None:
    """Programs of an environment stand in Scripts there; the check's status is the step's."""
    arguments = run_check_step(tmp_path, "Scripts", 1, BASELINE_PYTHON=r"C:\old env\python.exe")
    assert arguments[-4:-1] == ["--baseline-python", r"C:\old env\python.exe", "--"]


@pytest.mark.parametrize(
    ("exact_only", "torch", "extras"),
    [("false", "false", "[bench]"), ("false", "true", "[bench,models]"), ("true", "true", "")],
)
def test_the_action_installs_what_is_needed(
    tmp_path: Path, exact_only: str, torch: str, extras: str
) -> None:
    step = step_of_action("Install mncost")
    pip = tmp_path / "mncost" / "bin" / "python"
    program(pip, 'printf "%s\\n" "$@" >"$RUNNER_TEMP/arguments"')
    program(tmp_path / "path" / "python", "exit 0")
    given = {"EXACT_ONLY": exact_only, "TORCH": torch, "HERE": "/the action"}
    given |= {"RUNNER_TEMP": str(tmp_path), "PATH": f"{tmp_path}/path:{os.environ['PATH']}"}
    subprocess.run([*BASH, step["run"]], env=os.environ | given, check=True)
    arguments = (tmp_path / "arguments").read_text("utf-8").splitlines()
    assert arguments[-3:] == ["-c", "/the action/constraints.txt", f"/the action{extras}"]


@pytest.mark.parametrize("has_one", [True, False])
def test_one_comment_is_kept_up_to_date(tmp_path: Path, has_one: bool) -> None:
    step = step_of_action("Comment on the pull request")
    own = "77\t<!-- mncost: counts -->" if has_one else "77\t<!-- mncost: latency -->"
    program(
        tmp_path / "gh",
        'printf "%s " "$@" >>"$RUNNER_TEMP/calls"; echo >>"$RUNNER_TEMP/calls"',
        f'case "$*" in *--paginate*) printf "3\\tHello\\n{own}\\n";; esac',
    )
    (tmp_path / "mncost-summary.md").write_text("**PASS**\n", "utf-8")
    given = {"ARTIFACT": "counts", "NUMBER": "12", "REPOSITORY": "me/net", "GH_TOKEN": ""}
    given |= {"RUNNER_TEMP": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run([*BASH, step["run"]], env=os.environ | given, check=True)
    _, wrote = (tmp_path / "calls").read_text("utf-8").splitlines()
    where = "repos/me/net/issues/comments/77" if has_one else "repos/me/net/issues/12/comments"
    assert f" {where} " in f" {wrote}"
    assert ("-X PATCH" in wrote) == has_one
    comment = (tmp_path / "mncost-comment.md").read_text("utf-8")
    assert comment == "<!-- mncost: counts -->\n**PASS**\n"


@pytest.mark.parametrize("path", FILES, ids=" ".join)
def test_scripts_know_their_variables(path: tuple[str, ...]) -> None:
    """Each variable of a script comes from its step, its job, the runner or the script."""
    document = loaded(*path)
    given = {"RUNNER_TEMP", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_SHA"}
    given |= {name for job in document.get("jobs", {}).values() for name in job.get("env", {})}
    scripts = [step for step in steps_of(document) if "run" in step]
    assert scripts
    for step in scripts:
        script = step["run"]
        named = set(re.findall(r"\$\{?([A-Za-z_]\w*)", script))
        own = set(re.findall(r"(?:^|[\s;])(\w+)=", script))
        own |= {name for names in re.findall(r"read -r ([\w ]+)", script) for name in names.split()}
        assert named <= given | set(step.get("env", {})) | own


def test_the_example_gives_the_action_what_it_takes() -> None:
    """The example's jobs use the action with inputs that it has, and artifacts of two names."""
    inputs = loaded("action.yml")["inputs"]
    workflow = loaded("examples", "github", "mncost.yml")
    ours = [step for step in steps_of(workflow) if "/mncost@" in step.get("uses", "")]
    assert len(ours) == 2
    for step in ours:
        assert set(step["with"]) <= set(inputs)
        assert all(isinstance(value, str) for value in step["with"].values())
    assert len({step["with"]["artifact"] for step in ours}) == 2
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML 1.1 reads `on` as true


def test_the_hook_starts_at_every_toml_file() -> None:
    """An architecture file can break a budget as well as the file of the budgets."""
    clientlib = importlib.import_module("pre_commit.clientlib")
    (hook,) = clientlib.load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))
    assert hook["id"] == "mncost-check"
    assert hook["pass_filenames"] is False
    names = ["budgets.toml", "nets/my_net.toml", "README.md", "toml"]
    assert [bool(re.search(hook["files"], name)) for name in names] == [True, True, False, False]
