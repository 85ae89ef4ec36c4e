"""hosts.toml: what is accepted, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from mncost.errors import InputError
from mncost.hosts.file import chosen, hosts_file, read_hosts
from tests.running import in_process

GOOD = """
[[hosts]]
name = "pi4"
destination = "pi@raspberrypi.local"
python = "~/venv/bin/python"
pinning = [2, 3]
environment = { OMP_WAIT_POLICY = "PASSIVE" }
label = "Raspberry Pi 4, 4 GB"

[[hosts]]
name = "graviton"
destination = "graviton"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "hosts.toml"
    file.write_text(text)
    return file


def test_the_hosts_of_a_file(tmp_path: Path) -> None:
    hosts = read_hosts(written(tmp_path, GOOD))
    assert list(hosts) == ["pi4", "graviton"]
    assert hosts["pi4"].pinning == (2, 3)
    assert hosts["pi4"].environment == {"OMP_WAIT_POLICY": "PASSIVE"}
    assert (hosts["graviton"].python, hosts["graviton"].label) == ("python3", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the key 'hosts' is missing"),
        ("[[hosts]\n", "not TOML: Expected ']]'"),
        ("[[hosts]]\nname = 'a'", "hosts 1: the key 'destination' is missing"),
        (f"{GOOD}{GOOD}", "hosts 3: the name 'pi4' stands there twice"),
        (GOOD.replace("label", "lable"), "unknown key 'lable' (did you mean 'label'?)"),
        (GOOD.replace('"pi4"', '"."'), 'hosts 1 name: ".": accepted is a text of 1 to 60'),
        (GOOD.replace('"pi@', '"-oProxyCommand=x '), "hosts 1 destination"),
        (GOOD.replace("[2, 3]", '"big"'), 'hosts 1 pinning: "big": accepted is an array'),
        (GOOD.replace("OMP_WAIT_POLICY", '"A B"'), "hosts 1 environment"),
        (GOOD.replace('"pi4"', '"\\u001b[2J"'), "hosts 1 name"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    result = in_process(["hosts", "check", "--hosts", str(file)])
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"mncost: {file}: ")
    assert said in result.err
    assert "\x1b" not in result.err
    assert len(result.err.splitlines()) == 1


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, user = tmp_path / "here", tmp_path / "config"
    for folder in (here, user / "mncost"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(user))
    assert hosts_file() is None
    with pytest.raises(InputError, match=r"^no hosts are known: "):
        read_hosts()
    usual = written(user / "mncost", GOOD)
    assert hosts_file() == usual
    written(here, GOOD)
    assert hosts_file() == Path("hosts.toml")


def test_unknown_names_and_the_machine_itself(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    assert [entry.name for entry in chosen([".", "graviton", "graviton"], file)] == ["graviton"]
    assert chosen(["."], tmp_path / "nowhere") == []
    with pytest.raises(InputError) as caught:
        chosen(["pi5"], file)
    assert str(caught.value) == (
        "unknown host 'pi5' (did you mean 'pi4'?); accepted: pi4, graviton, ."
    )


def test_what_the_command_accepts(tmp_path: Path) -> None:
    file = str(written(tmp_path, GOOD))
    result = in_process(["hosts", "list", "--hosts", file])
    assert result.status == 2
    assert "unknown action 'list'; accepted: check" in result.err
    assert in_process(["hosts", "--hosts", f"{file}.nowhere"]).status == 2
