"""What is imported when, what is public, and what the package ships."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import mncost
from mncost.cli.main import COMMANDS
from mncost.spec.blocks import BLOCKS, block_named

HEAVY = {
    "ai_edge_litert",
    "ai_edge_quantizer",
    "flatbuffers",
    *("torch", "onnx", "onnxruntime", "numpy", "pandas", "scipy", "matplotlib", "pydantic"),
    *("torchinfo", "fvcore", "torchvision", "timm"),
}
ROOT = Path(mncost.__file__).parent
MODULES = [
    module.name
    for module in pkgutil.walk_packages(mncost.__path__, "mncost.")
    if not module.name.endswith("__main__")
]

FILES = {
    ".".join(file.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): file
    for file in ROOT.rglob("*.py")
}


def loaded_after(*arguments: str) -> set[str]:
    """Run the command line in a fresh interpreter; return the modules that it then has."""
    program = (
        "import json, sys\n"
        "from mncost.cli.main import run\n"
        f"assert run({list(arguments)!r}) == 0\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=300
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "line",
    [
        "table --arch v2 --alpha 0.35:1.0 --resolution 96:224 --format csv",
        "table --arch v2 --alpha 0.35:1.0",
        "table --arch v2 --published --format json",
        "layers --arch v3-large --format markdown",
        "list",
        "schema",
    ],
)
def test_nothing_heavy_is_imported(line: str) -> None:
    """No array, frame or runtime library is in memory after any command."""
    loaded = loaded_after(*line.split())
    assert "mncost.cli.main" in loaded
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


def test_a_csv_does_not_load_the_terminal_report() -> None:
    """Only the command and the format that are used are imported."""
    loaded = loaded_after("table", "--arch", "v2", "--format", "csv")
    assert "mncost.render.csv" in loaded
    unused = {"mncost.render.terminal", "mncost.render.json", "mncost.render.markdown"}
    unused |= {"mncost.cli.layers", "mncost.cli.schema", "mncost.published.bases"}
    assert loaded & unused == set()


def test_only_the_blocks_that_a_file_names_are_loaded() -> None:
    loaded = loaded_after("table", "--arch", "v2", "--format", "csv")
    assert "mncost.spec.blocks.inverted_residual" in loaded
    unused = {"mncost.spec.blocks.dense", "mncost.spec.blocks.encoder", "mncost.spec.whole"}
    assert loaded & unused == set()


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_where_its_name_says(name: str) -> None:
    kind = block_named(name)
    assert kind is not None
    assert kind.__struct_config__.tag == name


def test_import_of_the_package_is_light() -> None:
    """`import mncost` needs neither the command line's libraries nor a heavy one."""
    program = "import json, sys, mncost; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "mncost" in loaded
    assert loaded & {*HEAVY, "typer", "click", "rich"} == set()


def named_in(statement: ast.AST) -> Iterator[str]:
    """Yield the modules that an import may mean."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        assert statement.module is not None, "imports have whole names here"
        for alias in statement.names:
            inner = f"{statement.module}.{alias.name}"
            yield inner if inner in FILES else statement.module


def test_no_file_imports_one_that_imports_it() -> None:
    """Not in a function, and not for types: files that need one another are one file."""
    needs = {
        name: {one for node in ast.walk(ast.parse(file.read_text())) for one in named_in(node)}
        for name, file in FILES.items()
    }
    graph = {name: those & FILES.keys() - {name} for name, those in needs.items()}
    assert sum(map(len, graph.values())) > 1000
    TopologicalSorter(graph).prepare()  # raises a CycleError that names the circle


def imported(name: str) -> ModuleType:
    """Import a module, or skip the test if it needs an extra that is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in HEAVY:
            raise
        pytest.skip(f"needs {error.name}")


@pytest.mark.parametrize("name", ["mncost", *MODULES])
def test_public_names_exist(name: str) -> None:
    """`__all__` names what is there, sorted, once, and nothing private."""
    module = imported(name)
    if not hasattr(module, "__all__"):
        # Only a package without code of its own may do without.
        assert Path(str(module.__file__)).name == "__init__.py"
        assert not [n for n, v in vars(module).items() if getattr(v, "__module__", "") == name]
        return
    names = list(module.__all__)
    assert len(names) == len(set(names))
    assert [n for n in names if not hasattr(module, n)] == []
    assert [n for n in names if n.startswith("_") and n != "__version__"] == []


def test_the_package_is_typed_and_whole() -> None:
    """py.typed, families, published figures and the schema are in the package."""
    package = Path(mncost.__file__).parent
    assert (package / "py.typed").is_file()
    assert (package / "published" / "figures.csv").is_file()
    assert (package / "spec" / "architecture.schema.json").is_file()
    assert len(list((package / "spec" / "families").glob("*.toml"))) >= 11


def test_the_help_of_no_command_reads_architectures() -> None:
    """Importing a command imports neither networks nor runs: its help is there at once."""
    modules = {command.function.partition(":")[0] for command in COMMANDS.values()}
    program = (
        f"import sys, importlib\nfor name in {sorted(modules)}: importlib.import_module(name)\n"
        "print([name for name in ('mncost.api', 'mncost.spec.resolve', 'numpy', 'rich.table') "
        "if name in sys.modules])"
    )
    called = [sys.executable, "-c", program]
    done = subprocess.run(called, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says(name: str) -> None:
    """Each command of the table of commands can be imported, and has a help text."""
    module, _, function = COMMANDS[name].function.partition(":")
    assert getattr(importlib.import_module(module), function).__doc__
