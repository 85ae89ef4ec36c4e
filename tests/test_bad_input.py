"""Bad input: status 2, one clear line on standard error, nothing printed, nothing written."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.printed import Printed
from tests.running import FAMILIES, Result, as_process, command, environment, in_process

OK_ROW = '[[rows]]\nblock = "conv"\nkernel = 3\nout = 8\n'


def assert_refused(result: Result) -> None:
    """Check the status, and that there is one line."""
    assert (result.status, result.out) == (2, ""), result
    assert result.err.startswith("mncost: ")
    assert result.err.endswith("\n")
    assert result.err.count("\n") == 1
    assert result.err[:-1].isprintable(), ascii(result.err)
    assert "Traceback" not in result.err


def refused(here: Path, arguments: Sequence[str], stdin: bytes = b"") -> str:
    """Run and check; an output that is named is not touched. Return what is printed."""
    before = {path: path.read_bytes() for path in here.iterdir() if path.is_file()}
    result = in_process(arguments, stdin)
    assert_refused(result)
    assert {path: path.read_bytes() for path in here.iterdir() if path.is_file()} == before
    call = ascii(" ".join(arguments))[1:-1]
    return f"$ mncost {call[:100]}\n{result.err}"


V2 = ("table", "--arch", "v2")
COMMANDS = ("table", "layers")

AXES = [
    ["--alpha", "0"],
    ["--alpha", "-1"],
    ["--alpha=-1"],
    ["--alpha", "nan"],
    ["--alpha", "inf"],
    ["--alpha", "-inf"],
    ["--alpha", "1e999"],
    ["--alpha", "17"],
    ["--alpha", ""],
    ["--alpha", "1:"],
    ["--alpha", ":"],
    ["--alpha", ":1"],
    ["--alpha", "1:0.5"],
    ["--alpha", "0.9:0.95"],
    ["--alpha", "0.1:0.9:0"],
    ["--alpha", "0.1:0.9:-1"],
    ["--alpha", "0.1:0.9:1e-12"],
    ["--alpha", "1:2:3:4"],
    ["--alpha", "abc"],
    ["--alpha", "1,,2"],
    ["--alpha", "1\n2"],
    ["--alpha", ",".join(["x"] * 5000)],
    ["--resolution", "0"],
    ["--resolution", "1.5"],
    ["--resolution", "x"],
    ["--resolution", "99999"],
    ["--resolution", "224:96"],
    ["--resolution", "100:120"],
    ["--rho", "0"],
    ["--rho", "100"],
    ["--rho", "0.9:0.95"],
    ["--rho", "1", "--resolution", "224"],
    ["--alpha", "0.01:10:0.01", "--resolution", "100:200:1"],
]


def test_widths_and_sizes(here: Path, snapshot: SnapshotAssertion) -> None:
    """What is no α, no ρ and no resolution is refused, by both commands that take them."""
    lines = [refused(here, [*V2, *arguments, "-o", "out.csv"]) for arguments in AXES]
    lines += [refused(here, ["layers", "--arch", "v2", *arguments]) for arguments in AXES]
    assert "".join(lines) == snapshot(extension_class=Printed)


NAMES = [
    "table --arch v22",
    "table --arch v3-larg",
    "table --arch v2,bogus",
    "table --arch mobilenet_v9_1.0_224",
    "table --arch v2 --dialect kears",
    "table --arch v1 --dialect torchvision",
    "table --arch v2 --columns macz",
    "table --arch v2 --columns macs,",
    "table --arch v2 --pivot parms",
    "table --arch v2 --pivot macs,params",
    "table --arch v2 --pivot all",
    "table --arch v2 --format cvs",
    "table --arch v2 --precision fp23",
    "table --arch v2 --published --precision fp23",
    "layers --arch v2 --by layre",
    "layers --arch v2 --twin standrad",
    "layers --arch v2 --by pair --twin fsued",
    "layers --arch v2 --by kind --columns kernel",
    "layers --arch v2 --format yaml",
    "list --format xml",
    "tabel",
    "table --arhc v2",
    "table --arch v2 --resolutoin 224",
    "schema --format json",
]


def test_unknown_names(here: Path, snapshot: SnapshotAssertion) -> None:
    """What is not in a list of names is quoted, with the closest match and what is accepted."""
    lines = [refused(here, line.split()) for line in NAMES]
    assert "".join(lines) == snapshot(extension_class=Printed)


USES = [
    "table",
    "layers",
    "table --arch",
    "table v5",
    "table --arch v2 vv",
    "list vv",
    "table --arch v2 --classes -1",
    "table --arch v2 --in-channels 0",
    "table --arch v2 --resolution 224x",
    "table --arch v2 --resolution 0x224",
    "table --arch v2 --resolution 224x99999",
    "table --arch v2 --classes -5",
    "table --arch v2 --classes many",
    "table --arch v2 --classes 99999999999999999999",
    "layers --arch v1,v2",
    "layers --arch v2 --alpha 0.35:1.0",
    "layers --arch v2 --all --by kind",
    "layers --arch v1 --twin fused",
    "layers --arch v1 --by pair --twin fused",
    "explain --arch v1 --twin fused",
    "export --arch v1 --twin fused -o net.pt",
    "layers --arch v2 --by pair --flops",
    "table --arch v2 --published --pivot macs",
    "table --arch v2 --published --columns macs",
    "table --arch v2 --published --flops",
    "table --arch v2 --published --classes 10",
    "table --arch v2 --published --classes 0",
    "table --arch v2 --published --alpha 0.9",
    "table --arch v2 --pivot macs --columns macs",
    "table --arch mobilenet_v2_0.75_160 --alpha 1",
    "table --arch mobilenet_v2_0.75_160 --resolution 96",
    "table --arch mobilenet_v2_0.75_9999999",
    "table --arch mobilenet_v2_0_160",
    "table --arch mobilenet_v2_99_160",
    "table --arch mobilenetv2_000",
]


def test_uses_that_make_no_sense(here: Path, snapshot: SnapshotAssertion) -> None:
    """Missing, superfluous and contradicting words are refused, and the line says which."""
    lines = [refused(here, line.split()) for line in USES]
    assert "".join(lines) == snapshot(extension_class=Printed)


@pytest.mark.parametrize("option", ["--arch", "--dialect", "--columns", "--pivot", "--format"])
def test_an_empty_word_is_no_default(here: Path, option: str) -> None:
    """`--dialect "$UNSET"` is a slip in a script, not a wish for the default."""
    refused(here, [*V2, option, ""])


FILES = {
    "syntax": b'name = "x"\nrows = [ { block "conv" } ]',
    "empty": b"",
    "latin": 'name = "né"'.encode("latin-1"),
    "utf-16": 'name = "x"'.encode("utf-16"),
    "huge": b"#" * (1 << 20) + b"\n",
    "nul": b"\0" * 100,
    "key": f'name = "x"\nresolution = 224\n{OK_ROW}strid = 2\n'.encode(),
}


# Networks that cannot be: of two pixels a 3×3 kernel without padding leaves nothing; behind a
# linear layer there is no height and width; where nothing is depthwise, there is no twin.
SHORT = f'name = "short"\nresolution = 2\n{OK_ROW}padding = "valid"\n'
LATE = f'name = "late"\nresolution = 1\n[[rows]]\nblock = "linear"\nout = 4\n{OK_ROW}'
PLAIN = f'name = "plain"\nresolution = 4\n{OK_ROW}'


def test_bad_files(here: Path, snapshot: SnapshotAssertion) -> None:
    """A file that cannot be used is named, with the place and the reason."""
    lines = []
    for name, content in FILES.items():
        (here / f"{name}.toml").write_bytes(content)
        lines += [refused(here, [command, "--arch", f"{name}.toml"]) for command in COMMANDS]
        lines += [refused(here, ["table", "--arch", "-"], content)]
    assert "".join(lines) == snapshot(extension_class=Printed)


def test_networks_that_cannot_be(here: Path, snapshot: SnapshotAssertion) -> None:
    """The layer is named, with what it needs and what it gets; or the twin that there is not."""
    for name, text in (("short", SHORT), ("late", LATE), ("plain", PLAIN)):
        (here / f"{name}.toml").write_text(text, "utf-8")
    lines = [refused(here, [*V2[:2], f"{name}.toml"]) for name in ("short", "late")]
    for options in ("--twin standard", "--by pair", "--twin fused"):
        lines.append(refused(here, ["layers", "--arch", "plain.toml", *options.split()]))
    assert "".join(lines) == snapshot(extension_class=Printed)


def test_files_that_are_not_there(here: Path, snapshot: SnapshotAssertion) -> None:
    """A missing file and a directory are named, with the system's reason."""
    (here / "folder.toml").mkdir()
    files = ("missing.toml", "folder.toml", "./missing", "a.toml" * 100)
    lines = [refused(here, [*V2[:2], file]) for file in files]
    assert "".join(lines) == snapshot(extension_class=Printed)


def test_a_valid_prefix_pads_no_huge_file(here: Path) -> None:
    """A good file with a megabyte of comments is too long to be an architecture."""
    content = (FAMILIES / "v2.toml").read_bytes() + b"#" * (1 << 20)
    (here / "long.toml").write_bytes(content)
    assert "long.toml" in refused(here, [*V2[:2], "long.toml"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["table", "--arch", "\x1b[31mred\n"],
        ["table", "--arch", "\x1b[31mred\n.toml"],
        ["table", "--arch", "v2", "--alpha", "\x1b[31m"],
        ["table", "--arch", "v2", "--columns", "\x1b[31m"],
        ["table", "--arch", "v2", "--classes", "\x1b[31m"],
        ["table", "--arch", "v2", "-o", "\x1b[31m/out"],
        ["table", "--arch", "v2", "\x1b[31m"],
        ["\x1b[31m"],
    ],
)
def test_no_message_drives_the_terminal(here: Path, arguments: list[str]) -> None:
    """Whatever was given, the message is one line of printable characters."""
    refused(here, arguments)


def test_a_small_file_and_a_fine_grid_cannot_eat_the_memory(here: Path) -> None:
    """2,000 blocks at 1,000 α are answered or refused within a gigabyte, not died of."""
    row = '{ block = "uib", out = 64, expansion = 4, start_kernel = 3, repeats = 100 }'
    text = f'name = "x"\nresolution = 32\nrows = [{", ".join([row] * 20)}]\n'
    (here / "net.toml").write_text(text, "utf-8")
    done = subprocess.run(
        command("table", "--arch", "net.toml", "--alpha", "0.01:10:0.01"),
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        env=environment({}),
        check=False,
        timeout=300,
    )
    assert done.returncode in (0, 2), done.stderr.decode()[-300:]
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "line", ["table --arch nothing", "table --arch v2 --alpha 0", "bogus", "table --arch no.toml"]
)
def test_the_real_process_says_the_same(line: str) -> None:
    """A process of its own has the same status and the same one line."""
    assert_refused(as_process(line.split()))
    assert as_process(line.split()) == in_process(line.split())
