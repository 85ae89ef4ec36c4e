"""Bad input: status 2, one clear line on standard error, nothing printed, nothing written."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest

from tests.running import FAMILIES, Result, as_process, command, environment, in_process

OK_ROW = '[[rows]]\nblock = "conv"\nkernel = 3\nout = 8\n'


def assert_refused(result: Result, words: tuple[str, ...]) -> None:
    """Check the status, the one line, and that it says what it has to."""
    assert (result.status, result.out) == (2, ""), result
    assert result.err.startswith("mncost: ")
    assert result.err.endswith("\n")
    assert result.err.count("\n") == 1
    assert result.err[:-1].isprintable(), ascii(result.err)
    assert "Traceback" not in result.err
    assert [word for word in words if word not in result.err] == [], result.err


def refused(here: Path, arguments: list[str], *words: str) -> None:
    """Run and check; an output that is named is not touched."""
    before = {path: path.read_bytes() for path in here.iterdir() if path.is_file()}
    assert_refused(in_process(arguments), words)
    assert {path: path.read_bytes() for path in here.iterdir() if path.is_file()} == before


V2 = ("table", "--arch", "v2")

AXES: list[tuple[list[str], tuple[str, ...]]] = [
    (["--alpha", "0"], ("α", "0 is not greater than 0")),
    (["--alpha", "-1"], ("α", "-1 is not greater than 0")),
    (["--alpha=-1"], ("α", "-1 is not greater than 0")),
    (["--alpha", "nan"], ("α", "'nan' is not a number")),
    (["--alpha", "inf"], ("α", "'inf' is not a number")),
    (["--alpha", "-inf"], ("α", "'-inf' is not a number")),
    (["--alpha", "1e999"], ("α", "1e999")),
    (["--alpha", "17"], ("α 17", "at most 16")),
    (["--alpha", ""], ("α", "not a number", "low:high")),
    (["--alpha", "1:"], ("α '1:'", "not a number")),
    (["--alpha", ":"], ("α ':'", "not a number")),
    (["--alpha", ":1"], ("α ':1'", "not a number")),
    (["--alpha", "1:0.5"], ("α", "1:0.5 is reversed")),
    (["--alpha", "0.9:0.95"], ("v2 has no published α", "it has 0.35, 0.5, 0.75")),
    (["--alpha", "0.1:0.9:0"], ("α", "0 is not greater than 0")),
    (["--alpha", "0.1:0.9:-1"], ("α", "-1 is not greater than 0")),
    (["--alpha", "0.1:0.9:1e-12"], ("α", "more than 10,000")),
    (["--alpha", "1:2:3:4"], ("α", "low:high:step")),
    (["--alpha", "abc"], ("α", "'abc' is not a number")),
    (["--alpha", "1,,2"], ("α", "'' is not a number")),
    (["--alpha", "1\n2"], ("α", "is not a number")),
    (["--alpha", ",".join(["x"] * 5000)], ("α", "'x' is not a number")),
    (["--resolution", "0"], ("resolution", "0 is not greater than 0")),
    (["--resolution", "1.5"], ("resolution 1.5", "whole number")),
    (["--resolution", "x"], ("resolution", "'x' is not a number")),
    (["--resolution", "99999"], ("resolution 99999", "16384")),
    (["--resolution", "224:96"], ("resolution", "reversed")),
    (["--resolution", "100:120"], ("v2 has no published resolution", "96, 128, 160, 192, 224")),
    (["--rho", "0"], ("ρ", "0 is not greater than 0")),
    (["--rho", "100"], ("resolution 22400", "16384")),
    (["--rho", "0.9:0.95"], ("v2 has no published ρ", "192 px")),
    (["--rho", "1", "--resolution", "224"], ("resolution", "ρ", "both")),
    (["--alpha", "0.01:10:0.01", "--resolution", "100:200:1"], ("more than 50,000 blocks",)),
]


@pytest.mark.parametrize(("arguments", "words"), AXES)
def test_widths_and_sizes(here: Path, arguments: list[str], words: tuple[str, ...]) -> None:
    """What is no α, no ρ and no resolution is refused, by both commands that take them."""
    refused(here, [*V2, *arguments, "-o", "out.csv"], *words)
    refused(here, ["layers", "--arch", "v2", *arguments], *words[:1])


NAMES: list[tuple[str, tuple[str, ...]]] = [
    ("table --arch v22", ("unknown architecture 'v22'", "did you mean 'v2'", "v4-hybrid-l", "all")),
    ("table --arch v3-larg", ("unknown architecture", "did you mean 'v3-large'")),
    ("table --arch v2,bogus", ("unknown architecture 'bogus'", "accepted: v1, v2")),
    ("table --arch mobilenet_v9_1.0_224", ("unknown architecture",)),
    ("table --arch v2 --dialect kears", ("unknown dialect of v2 'kears'", "did you mean 'keras'")),
    ("table --arch v1 --dialect torchvision", ("unknown dialect of v1", "timm, slim, keras")),
    ("table --arch v2 --columns macz", ("unknown column 'macz'", "did you mean 'macs'", "params")),
    ("table --arch v2 --columns macs,", ("unknown column ''",)),
    ("table --arch v2 --pivot parms", ("unknown column 'parms'", "did you mean 'params'")),
    ("table --arch v2 --format cvs", ("unknown format 'cvs'", "did you mean 'csv'", "markdown")),
    ("table --arch v2 --precision fp23", ("unknown precision 'fp23'", "did you mean 'fp32'")),
    ("table --arch v2 --published --precision fp23", ("precision",)),
    (
        "layers --arch v2 --by layre",
        ("'layre'", "did you mean 'layer'", "block, stage, kind, pair"),
    ),
    ("layers --arch v2 --twin standrad", ("'standrad'", "did you mean 'standard'")),
    (
        "layers --arch v2 --by pair --twin fsued",
        ("'fsued'", "did you mean 'fused'", "standard, fused"),
    ),
    ("layers --arch v2 --by kind --columns kernel", ("unknown column 'kernel'", "macs_share")),
    ("layers --arch v2 --format yaml", ("unknown format 'yaml'", "terminal, csv, json")),
    ("list --format xml", ("unknown format 'xml'", "terminal, csv, json, markdown")),
    ("tabel", ("'tabel'", "'table'")),
    ("table --arhc v2", ("--arhc", "--arch")),
    ("table --arch v2 --resolutoin 224", ("--resolutoin", "--resolution")),
    ("schema --format json", ("--format",)),
]


@pytest.mark.parametrize(("line", "words"), NAMES)
def test_unknown_names(here: Path, line: str, words: tuple[str, ...]) -> None:
    """What is not in a list of names is quoted, with the closest match and what is accepted."""
    refused(here, line.split(), *words)


USES: list[tuple[str, tuple[str, ...]]] = [
    ("table", ("--arch",)),
    ("layers", ("--arch",)),
    ("table --arch", ("--arch", "argument")),
    ("table v5", ("'v5'",)),
    ("table --arch v2 vv", ("'vv'",)),
    ("list vv", ("vv",)),
    ("table --arch v2 --classes -1", ("classes", "-1", "0 (no classifier) to 1")),
    ("table --arch v2 --in-channels 0", ("in_channels 0", "1 to 1024")),
    ("table --arch v2 --resolution 224x", ("resolution", "not a number")),
    ("table --arch v2 --resolution 0x224", ("resolution 0", "1 to 16384")),
    ("table --arch v2 --resolution 224x99999", ("resolution 99999", "1 to 16384")),
    ("table --arch v2 --classes -5", ("classes", "-5")),
    ("table --arch v2 --classes many", ("classes", "many")),
    ("table --arch v2 --classes 99999999999999999999", ("classes", "to 1000000")),
    ("layers --arch v1,v2", ("these are 2", "one network")),
    ("layers --arch v2 --alpha 0.35:1.0", ("these are 4", "one network")),
    ("layers --arch v2 --all --by kind", ("--all", "--by layer")),
    (
        "layers --arch v1 --twin fused",
        ("v1 has no fused twin", "--twin standard or separable is accepted"),
    ),
    ("layers --arch v1 --by pair --twin fused", ("v1 has no fused twin", "no block expands")),
    ("explain --arch v1 --twin fused", ("v1 has no fused twin",)),
    ("export --arch v1 --twin fused -o net.pt", ("v1 has no fused twin",)),
    ("layers --arch v2 --by pair --flops", ("--flops", "--by pair")),
    ("table --arch v2 --published --pivot macs", ("--published", "--pivot")),
    ("table --arch v2 --published --columns macs", ("--published", "--columns")),
    ("table --arch v2 --published --flops", ("--published", "--flops")),
    ("table --arch v2 --published --classes 10", ("--published", "--classes")),
    ("table --arch v2 --published --classes 0", ("classes",)),
    ("table --arch v2 --published --alpha 0.9", ("v2", "published")),
    ("table --arch v2 --pivot macs --columns macs", ("--pivot", "--columns")),
    ("table --arch mobilenet_v2_0.75_160 --alpha 1", ("α", "0.75")),
    ("table --arch mobilenet_v2_0.75_160 --resolution 96", ("resolution", "160")),
    ("table --arch mobilenet_v2_0.75_9999999", ("architecture",)),
    ("table --arch mobilenet_v2_0_160", ("0",)),
    ("table --arch mobilenet_v2_99_160", ("99",)),
    ("table --arch mobilenetv2_000", ("0",)),
]


@pytest.mark.parametrize(("line", "words"), USES)
def test_uses_that_make_no_sense(here: Path, line: str, words: tuple[str, ...]) -> None:
    """Missing, superfluous and contradicting words are refused, and the line says which."""
    refused(here, line.split(), *words)


@pytest.mark.parametrize("option", ["--arch", "--dialect", "--columns", "--pivot", "--format"])
def test_an_empty_word_is_no_default(here: Path, option: str) -> None:
    """`--dialect "$UNSET"` is a slip in a script, not a wish for the default."""
    refused(here, [*V2, option, ""])


FILES: list[tuple[str, bytes, tuple[str, ...]]] = [
    ("syntax", b'name = "x"\nrows = [ { block "conv" } ]', ("not TOML", "line 2, column 18")),
    ("empty", b"", ("'name' is missing",)),
    ("latin", 'name = "né"'.encode("latin-1"), ("not UTF-8",)),
    ("utf-16", 'name = "x"'.encode("utf-16"), ("not UTF-8",)),
    ("huge", b"#" * (1 << 20) + b"\n", ("larger than 262,144 bytes",)),
    ("nul", b"\0" * 100, ("not TOML",)),
    (
        "key",
        f'name = "x"\nresolution = 224\n{OK_ROW}strid = 2\n'.encode(),
        ("row 1", "strid = 2", "unknown key 'strid'", "did you mean 'stride'", "kernel"),
    ),
]


@pytest.mark.parametrize(("name", "content", "words"), FILES, ids=[name for name, *_ in FILES])
def test_bad_files(here: Path, name: str, content: bytes, words: tuple[str, ...]) -> None:
    """A file that cannot be used is named, with the place and the reason."""
    (here / f"{name}.toml").write_bytes(content)
    for name_of_command in ("table", "layers"):
        refused(here, [name_of_command, "--arch", f"{name}.toml"], f"{name}.toml", *words)
    assert_refused(in_process(["table", "--arch", "-"], content), words)


def test_a_size_of_which_nothing_is_left(here: Path) -> None:
    """Without padding a 3×3 kernel has no room on two pixels."""
    text = f'name = "short"\nresolution = 2\n{OK_ROW}padding = "valid"\n'
    (here / "net.toml").write_text(text, "utf-8")
    refused(here, [*V2[:2], "net.toml"], "too small", "row1.conv", "3×3", "2×2 pixels")


def test_a_convolution_after_a_linear_layer(here: Path) -> None:
    """There is no height and width any more."""
    text = f'name = "late"\nresolution = 1\n[[rows]]\nblock = "linear"\nout = 4\n{OK_ROW}'
    (here / "net.toml").write_text(text, "utf-8")
    refused(here, [*V2[:2], "net.toml"], "row2.conv", "an image of 4 channels", "gets 4;")


@pytest.mark.parametrize("options", ["--twin standard", "--by pair", "--twin fused"])
def test_a_network_without_pairs(here: Path, options: str) -> None:
    """Nothing is depthwise, so there is no twin of any name, nor its pairs."""
    (here / "net.toml").write_text(f'name = "plain"\nresolution = 4\n{OK_ROW}', "utf-8")
    name = options.removeprefix("--twin ") if "--twin" in options else "standard"
    refused(
        here, ["layers", "--arch", "net.toml", *options.split()], f"plain has no {name} twin: no "
    )


def test_files_that_are_not_there(here: Path) -> None:
    """A missing file and a directory are named, with the system's reason."""
    (here / "folder.toml").mkdir()
    refused(here, [*V2[:2], "missing.toml"], "missing.toml: cannot be read", "No such file")
    refused(here, [*V2[:2], "folder.toml"], "folder.toml: cannot be read", "directory")
    refused(here, [*V2[:2], "./missing"], "missing: cannot be read")
    refused(here, [*V2[:2], "a.toml" * 100], "cannot be read")


def test_a_valid_prefix_pads_no_huge_file(here: Path) -> None:
    """A good file with a megabyte of comments is too long to be an architecture."""
    content = (FAMILIES / "v2.toml").read_bytes() + b"#" * (1 << 20)
    (here / "long.toml").write_bytes(content)
    refused(here, [*V2[:2], "long.toml"], "long.toml", "larger than 262,144 bytes")


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
    assert_refused(as_process(line.split()), ())
    assert as_process(line.split()) == in_process(line.split())
