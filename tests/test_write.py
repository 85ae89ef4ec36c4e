"""Writing: a file is replaced only by a complete one, and a failure is one line."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from mncost.errors import OutputError
from mncost.render.write import write_atomically
from tests.running import Result, as_process, background, command, environment, in_process

OLD, NEW = b"the old file\n", b"the new file\n"
TABLE = ("table", "--arch", "v2", "--format", "csv")

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


def assert_one_line(result: Result, *words: str) -> None:
    """Check that a call failed as the manual says."""
    assert result.status == 2, result
    assert result.err.startswith("mncost: ")
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err
    assert [word for word in words if word not in result.err] == []


def test_a_new_file_is_written_whole(here: Path) -> None:
    """The bytes arrive, and nothing else is in the directory."""
    write_atomically(Path("out"), NEW)
    assert [(path.name, path.read_bytes()) for path in here.iterdir()] == [("out", NEW)]


def test_a_new_file_follows_the_umask(here: Path) -> None:
    """A new file gets the permissions that any program's new file gets."""
    mask = os.umask(0o027)
    try:
        write_atomically(here / "out", NEW)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((here / "out").stat().st_mode) == 0o640


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_permissions_are_kept(here: Path, mode: int) -> None:
    """Replacing a file keeps its permissions."""
    target = here / "out"
    target.write_bytes(OLD)
    target.chmod(mode)
    write_atomically(target, NEW)
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (NEW, mode)


def test_a_symbolic_link_stays_one(here: Path) -> None:
    """What a link points to is replaced, not the link."""
    (here / "real").write_bytes(OLD)
    (here / "link").symlink_to("real")
    write_atomically(here / "link", NEW)
    assert (here / "link").is_symlink()
    assert (here / "real").read_bytes() == NEW


def test_a_reader_keeps_the_old_file(here: Path) -> None:
    """Whoever has the old file open goes on reading the old file."""
    (here / "out").write_bytes(OLD)
    with (here / "out").open("rb") as reader:
        write_atomically(here / "out", NEW)
        assert reader.read() == OLD


def test_a_full_disk_leaves_the_old_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last bytes do not reach the disk, the old file stands and nothing lies around."""

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (here / "out").write_bytes(OLD)
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OutputError, match=r"^out: cannot be written: No space left on device$"):
        write_atomically(Path("out"), NEW)
    assert [(path.name, path.read_bytes()) for path in here.iterdir()] == [("out", OLD)]


def test_a_write_that_breaks_off_leaves_the_old_file(here: Path) -> None:
    """A real failure in the middle of the data: the system allows a file no more than 100 bytes."""
    (here / "out.csv").write_bytes(OLD)
    done = subprocess.run(
        command(*TABLE, "-o", "out.csv"),
        capture_output=True,
        cwd=here,
        env=environment({}) | {"PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        check=False,
        timeout=300,
    )
    result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert_one_line(result, "out.csv: cannot be written", os.strerror(errno.EFBIG))
    assert [(path.name, path.read_bytes()) for path in here.iterdir()] == [("out.csv", OLD)]


def test_a_directory_is_no_output(here: Path) -> None:
    """A directory as `-o` is refused and stays."""
    (here / "out").mkdir()
    assert_one_line(in_process([*TABLE, "-o", "out"]), "out: cannot be written", "directory")
    assert list((here / "out").iterdir()) == []


@pytest.mark.parametrize("path", ["missing/out.csv", "file/out.csv", "n" * 300])
def test_a_path_that_cannot_be(here: Path, path: str) -> None:
    """No such directory, a file for a directory, a name too long: one line, nothing written."""
    (here / "file").write_bytes(OLD)
    assert_one_line(in_process([*TABLE, "-o", path]), f"{path}: cannot be written")
    assert [path.name for path in here.iterdir()] == ["file"]


def test_a_link_to_itself_is_no_output(here: Path) -> None:
    """A symbolic link that leads nowhere but to itself is one line, too."""
    (here / "loop").symlink_to("loop")
    assert_one_line(in_process([*TABLE, "-o", "loop"]), "loop: cannot be written")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission(here: Path) -> None:
    """A directory that may not be written to is one line."""
    here.chmod(0o500)
    assert_one_line(in_process([*TABLE, "-o", "out.csv"]), "out.csv: cannot be written")


def test_nothing_is_written_when_the_input_is_bad(here: Path) -> None:
    """An error in the input leaves an existing output as it was."""
    (here / "out.csv").write_bytes(OLD)
    assert_one_line(in_process(["table", "--arch", "v2", "--alpha", "0", "-o", "out.csv"]), "α")
    assert [(path.name, path.read_bytes()) for path in here.iterdir()] == [("out.csv", OLD)]


def test_a_device_is_written_to_as_it_stands() -> None:
    """`-o /dev/stdout` goes to standard output, be that a pipe."""
    assert as_process([*TABLE, "-o", "/dev/stdout"]) == in_process(TABLE)


def test_a_named_pipe_is_written_to(here: Path) -> None:
    """A pipe in the file system gets the bytes and stays a pipe."""
    pipe = here / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_atomically(pipe, NEW)
    reader.join(timeout=300)
    assert found == [NEW]
    assert pipe.is_fifo()


@needs_dev_full
@pytest.mark.parametrize(
    "arguments", [TABLE, ("table", "--arch", "v2"), ("list",), ("schema",), ("--help",)]
)
def test_a_full_standard_output_is_one_line(arguments: tuple[str, ...]) -> None:
    """`mncost ... > /dev/full` says so in one line, with status 2."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(*arguments),
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment({}),
            check=False,
            timeout=300,
        )
    assert_one_line(Result(done.returncode, "", done.stderr.decode()), "No space left on device")


@needs_dev_full
def test_a_full_device_as_output_is_one_line() -> None:
    """`-o /dev/full` fails in one line, and the device stays."""
    assert_one_line(in_process([*TABLE, "-o", "/dev/full"]), "/dev/full: cannot be written")
    assert Path("/dev/full").is_char_device()


@pytest.mark.parametrize("arguments", [TABLE, ("list",), ("--help",)])
def test_a_reader_that_leaves_is_no_drama(arguments: tuple[str, ...]) -> None:
    """With the reader gone (`| head -1`), mncost stops without a word."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            command(*arguments),
            stdout=write_end,
            stderr=subprocess.PIPE,
            env=environment({}),
            check=False,
            timeout=300,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("descriptor", [0, 1])
def test_a_closed_stream_is_one_line(descriptor: int) -> None:
    """Without a standard input (`<&-`) to read or an output (`>&-`) to print to: one line."""
    done = subprocess.run(
        command("table", "--arch", "-" if descriptor == 0 else "v2"),
        stderr=subprocess.PIPE,
        stdout=None if descriptor == 1 else subprocess.PIPE,
        env=environment({}),
        preexec_fn=lambda: os.close(descriptor),
        check=False,
        timeout=300,
    )
    assert_one_line(Result(done.returncode, "", done.stderr.decode()))


def test_interrupting_is_quiet_and_writes_nothing(here: Path) -> None:
    """Ctrl-C gives status 130, no traceback, no file. A pipe as input makes sure that it runs."""
    os.mkfifo(here / "net.toml")
    (here / "out.csv").write_bytes(OLD)
    # Opening a pipe to write returns once mncost has opened it to read.
    with (
        background(["table", "--arch", "net.toml", "-o", "out.csv"]) as process,
        (here / "net.toml").open("wb"),
    ):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, out, err) == (130, "", "")
    assert sorted(path.name for path in here.iterdir()) == ["net.toml", "out.csv"]
    assert (here / "out.csv").read_bytes() == OLD
