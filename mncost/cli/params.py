"""From flags to the options of a command.

A command takes ``which: Which`` as one parameter. :func:`spread` gives typer a signature with an
option for each flag of such a class, and calls the command with an instance of it. An option that
no other command has is a parameter with a flag: ``pivot: Annotated[str | None, Flag("...")]``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import typer

from mncost.cli.streams import tell
from mncost.flags import Flag, flags_of

__all__ = ["Only", "spread"]

_TYPES = (bool, int, float, Path)
_PANEL = "Output"  # of an option that no other command has
_WORDS = "_words"  # ends the name of the parameter that takes what stands without an option
_OUTPUTS = ("output", "save", "junit")
_MODELS = ("arch", f"arch{_WORDS}", "model", "teacher", "words")  # where a name or a file may stand


class Only(NamedTuple):
    """How one command differs: ``which: Annotated[Which, Only(without=("classes",))]``.

    Attributes:
        without: flags that the command has not.
        help: other words for the help of some flags.
        positional: whether words without an option's name mean the positional flag.
    """

    without: tuple[str, ...] = ()
    help: Mapping[str, str] = {}
    positional: bool = True


def spread(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command whose dataclass parameters are spread out into options."""
    groups: dict[str, tuple[type, Only]] = {}
    parameters: list[Parameter] = []
    for parameter in signature(function, eval_str=True).parameters.values():
        kind, only = _unpacked(parameter.annotation)
        if isinstance(kind, type) and is_dataclass(kind):
            groups[parameter.name] = (kind, only)
            parameters += _options(kind, only)
        else:
            parameters.append(_own(parameter))

    @wraps(function)
    def call(**given: Any) -> Any:
        _keep_inputs(given)
        for name, (kind, only) in groups.items():
            given[name] = _instance(kind, only, given)
        try:
            return function(**given)
        except KeyboardInterrupt as error:
            if str(error):
                tell(f"mncost: interrupted: {error}")
            raise

    arguments = [one for one in parameters if _is_argument(one)]
    options = [one for one in parameters if not _is_argument(one)]
    call.__signature__ = Signature([*arguments, *options])  # type: ignore[attr-defined]
    call.__annotations__ = {}
    return call


def _keep_inputs(given: Mapping[str, Any]) -> None:
    """Refuse an output that is a file which the command reads."""
    outputs = {
        f"--{name}": Path(given[name])
        for name in _OUTPUTS
        if given.get(name) is not None and str(given[name]) != "-"
    }
    if not outputs:
        return
    from mncost.render.write import refuse_overwriting

    for name, value in given.items():
        if isinstance(value, Path) and name not in (*_OUTPUTS, "resume"):
            refuse_overwriting(outputs, {"its input": value})
        elif name in _MODELS and value:
            words = [value] if isinstance(value, str) else value
            for text in {part for one in words for part in (one, *re.split("[,+:]", one))}:
                refuse_overwriting(outputs, {"its input": Path(text)})


def _unpacked(annotation: Any) -> tuple[Any, Only]:
    """Return what stands in an ``Annotated``, and how the command differs."""
    if get_origin(annotation) is not Annotated:
        return annotation, Only()
    kind, *more = get_args(annotation)
    return kind, next((one for one in more if isinstance(one, Only)), Only())


def _options(kind: type, only: Only) -> Iterator[Parameter]:
    """Yield the parameters that typer shall see for a dataclass."""
    hints = get_type_hints(kind)
    for name, field in flags_of(kind).items():
        if name in only.without:
            continue
        said: Flag = field.metadata["flag"]
        panel = said.panel or getattr(kind, "panel", "")
        said = said._replace(help=only.help.get(name, said.help), panel=panel)
        if said.positional and only.positional:
            words = typer.Argument(metavar=f"[{said.metavar}]...", hidden=True, **_more(said))
            yield _parameter(name + _WORDS, list[str] | None, words)
        yield _parameter(name, _typed(said, hints[name]), _option(name, said))


def _own(parameter: Parameter) -> Parameter:
    """Return a parameter of a command as typer reads it."""
    kind, *more = get_args(parameter.annotation) or (parameter.annotation,)
    said = next((one for one in more if isinstance(one, Flag)), None)
    if said is not None:
        said = said._replace(panel=said.panel or _PANEL)
        parameter = parameter.replace(annotation=Annotated[kind, _option(parameter.name, said)])
    return parameter.replace(kind=Parameter.KEYWORD_ONLY)


def _option(name: str, said: Flag) -> Any:
    """Return what typer reads of a flag; its help states the default."""
    names, metavar = _names(name, said), said.metavar or None
    return typer.Option(*names, metavar=metavar, help=said.help, show_default=False, **_more(said))


def _names(name: str, said: Flag) -> tuple[str, ...]:
    return said.names or (f"--{name.replace('_', '-')}",)


def _more(said: Flag) -> dict[str, Any]:
    more: dict[str, Any] = {"rich_help_panel": said.panel} if said.panel else {}
    if (said.least, said.most) != (None, None):
        more |= {"min": said.least, "max": said.most}
    if said.completes:
        more["autocompletion"] = _completer(said.completes)
    return more


def _completer(name: str) -> Callable[[str], list[str]]:
    """Return what completes a word: a function of :mod:`mncost.cli.completion`, imported late."""

    def complete(incomplete: str) -> list[str]:
        from mncost.cli import completion

        words: list[str] = getattr(completion, name)(incomplete)
        return words

    return complete


def _parameter(name: str, kind: Any, shown: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, shown])


def _typed(said: Flag, hint: Any) -> Any:
    """Return the type that typer reads: what it does not know is read as text."""
    if said.positional or said.several:
        return list[str] | None
    kinds = [one for one in get_args(hint) or (hint,) if one is not type(None)]
    if Path in kinds:
        return Path | None
    is_known = said.parse is None and len(kinds) == 1 and kinds[0] in _TYPES
    return kinds[0] | None if is_known else str | None


def _is_argument(parameter: Parameter) -> bool:
    return any(type(one).__name__ == "ArgumentInfo" for one in get_args(parameter.annotation))


def _instance(kind: type, only: Only, given: dict[str, Any]) -> Any:
    """Take the values of a dataclass out of what typer read, and make an instance."""
    values: dict[str, Any] = {}
    for name, field in flags_of(kind).items():
        if name in only.without:
            continue  # the command may have an option of its own by this name
        said: Flag = field.metadata["flag"]
        value = given.pop(name, None)
        if said.positional:
            words = [*(given.pop(name + _WORDS, None) or []), *(value or [])]
            value = ",".join(words) or None
        elif said.several:
            value = ",".join(value or ()) or None
        if value is not None:
            option = _names(name, said)[0]
            values[name] = value if said.parse is None else said.parse(option, value)
    return kind(**values)
