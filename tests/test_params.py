"""Flags: one declaration for the command line and for Python."""

from dataclasses import FrozenInstanceError, dataclass, replace
from inspect import Signature, signature
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from mncost.cli.params import Only, spread
from mncost.effort import Effort
from mncost.errors import InputError, QuantityError
from mncost.flags import Flag, Flags, flag, flags_of, given, taken
from mncost.units import seconds


class Made(Flags):
    """Flags as commands have them."""

    names: str | None = flag("Names.", metavar="NAME", names=("--names", "-n"), positional=True)
    max_time: float | None = flag("At most.", metavar="TIME", parse=seconds)
    processes: int = flag("How many.", metavar="N", default=6)
    quiet: bool = flag("Say nothing.", default=False)
    cold: bool | None = flag("Cold or not.", names=("--cold/--no-cold",))


def called(*words: str, only: Only | None = None) -> dict[str, object]:
    """Run a command with such flags; return what it was called with."""
    seen: dict[str, object] = {}

    def run(
        made: Annotated[Made, only or Only()],
        output: Annotated[Path | None, Flag("Where to.", names=("--output", "-o"))] = None,
    ) -> None:
        """Run."""
        seen.update(made=made, output=output)

    app = typer.Typer()
    app.command()(spread(run))
    app([*words], standalone_mode=False)
    return seen


def test_nothing_given_is_the_defaults() -> None:
    assert called() == {"made": Made(), "output": None}
    assert given(Made()) == {}


def test_flags_are_read() -> None:
    words = ["--max-time", "2min", "--processes", "3", "--quiet", "--no-cold", "-o", "x.json"]
    seen = called(*words)
    made = Made(max_time=120.0, processes=3, quiet=True, cold=False)
    assert seen == {"made": made, "output": Path("x.json")}
    assert given(made) == {"max_time": 120.0, "processes": 3, "quiet": True, "cold": False}


@pytest.mark.parametrize("words", [["a", "b,c"], ["-n", "a", "-n", "b,c"], ["a", "--names=b,c"]])
def test_words_and_option_mean_the_same(words: list[str]) -> None:
    assert called(*words)["made"] == Made(names="a,b,c")


def test_a_text_that_cannot_be_read_names_the_option() -> None:
    with pytest.raises(QuantityError, match="--max-time 'soon'"):
        called("--max-time", "soon")


def test_a_command_leaves_flags_out() -> None:
    with pytest.raises(typer.TyperException, match="--processes"):
        called("--processes", "3", only=Only(without=("processes",)))


def test_only_dataclass_fields_with_a_flag_are_flags() -> None:
    assert list(flags_of(Made)) == ["names", "max_time", "processes", "quiet", "cold"]
    assert issubclass(QuantityError, InputError)


def test_a_command_may_have_an_option_of_its_own_by_that_name() -> None:
    seen: dict[str, object] = {}

    def run(
        made: Annotated[Made, Only(without=("processes",))],
        processes: Annotated[str, typer.Option("--processes")] = "",
    ) -> None:
        """Run."""
        seen.update(made=made, processes=processes)

    app = typer.Typer()
    app.command()(spread(run))
    app(["--processes", "two"], standalone_mode=False)
    assert seen == {"made": Made(), "processes": "two"}


class _Longer(Effort):
    """Effort with one more field, and nothing else."""

    rounds: int | None = flag("Rounds in each process.", metavar="N", least=1)


def test_a_new_flag_is_one_field(here: Path) -> None:
    """The command has it, its help says it, Python takes it, and what refuses flags refuses it."""
    from mncost.cli.bench import bench

    def longer(effort: Annotated[_Longer, Only()], **others: object) -> int:
        return bench(effort=effort, **others)  # type: ignore[arg-type]

    own = signature(bench, eval_str=True).parameters.values()
    parameters = [one.replace(annotation=_Longer) if one.name == "effort" else one for one in own]
    longer.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    app = typer.Typer()
    app.command()(spread(longer))
    result = CliRunner().invoke(app, ["--help"], terminal_width=100)
    assert "--rounds" in result.output
    with pytest.raises(InputError, match=r"^--rounds does not go with --resume"):
        app(["--resume", "run.json", "--rounds", "3"], standalone_mode=False)
    options = {"rounds": 3, "max_time": 2.0}
    assert taken(_Longer(), options) == _Longer(rounds=3, max_time=2.0)
    assert options == {}


class Pair(Flags):
    """Two fields, of which one has a default."""

    first: int
    second: str = "b"


@dataclass(frozen=True)
class Plain:
    """The same, as Python's own dataclass."""

    first: int
    second: str = "b"


PAIRS: list[type[Any]] = [Pair, Plain]


@pytest.mark.parametrize("kind", PAIRS)
def test_they_are_frozen_dataclasses(kind: type[Any]) -> None:
    """What Python's own dataclass does, flags do: that one is the witness."""
    one = kind(1, second="c")
    assert repr(one) == f"{kind.__name__}(first=1, second='c')"
    assert one == kind(1, "c") != kind(1)
    assert len({one, kind(first=1, second="c"), kind(2)}) == 2
    assert replace(one, first=3) == kind(3, "c")
    assert one != (1, "c")
    with pytest.raises(FrozenInstanceError):
        one.first = 2
    with pytest.raises(FrozenInstanceError):
        del one.first


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1, "b", 2), {}), ((1,), {"first": 1}), ((1,), {"third": 3})]
)
def test_arguments_that_do_not_fit(kind: type[Any], values: Any, named: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        kind(*values, **named)
