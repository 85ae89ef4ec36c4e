"""First files for CI: budgets that hold as they are, and a workflow that checks them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mncost.errors import InputError, UnknownNameError
from mncost.network import Network
from mncost.readers import SUFFIXES
from mncost.which import Which

__all__ = ["SYSTEMS", "starter_files"]

SYSTEMS = {"github": ".github/workflows/mncost.yml", "gitlab": ".gitlab-ci.yml"}
"""Where each CI system looks for its workflow."""
_TEMPLATES = Path(__file__).parent / "ci"
_LATENCY = "@latency@\n"  # in a template: the rest compares an architecture file with its past
_ABOUT = """\
# What networks may cost, written by `mncost init ci`: today's counts are the limits.
# `mncost check budgets.toml --update` proposes new ones; `mncost schema budget` has every key.
"""
_ABOUT_LATENCY = """\
# How much slower than the version before a network may become; measured beside it in one run:
# mncost check latency.toml --baseline-arch OLD.toml
"""
_MODEL = ("alpha", "resolution", "dialect", "classes")
_REGRESSION = 'latency = { regression = "5 %", against = "baseline" }'


def starter_files(which: Which, system: str = "github") -> dict[str, str]:
    """Return the files that hold networks to their budgets in CI: texts by path.

    ``budgets.toml`` limits MACs, parameters and bytes to what they are today. Where an architecture
    file is among the networks, ``latency.toml`` limits how much slower than before it may become.

    Args:
        which: the networks; at most one architecture file.
        system: ``github`` or ``gitlab``.

    Raises:
        InputError: an argument cannot be used.
    """
    if system not in SYSTEMS:
        raise UnknownNameError("CI system", system, SYSTEMS)
    if which.arch is None:
        raise InputError("missing argument 'ARCH': a network to hold to its budget, e.g. v2")
    names = [name.strip() for name in which.arch.split(",")]
    files = [_in_repository(name) for name in names if name.endswith(".toml") or name == "-"]
    if len(files) > 1:
        raise InputError(f"one architecture file at a time, not {files[0]} and {files[1]}")
    budgets, latency = [_ABOUT], [_ABOUT_LATENCY]
    for name in names:
        for network in replace(which, arch=name).grid():
            if name in files:  # what the file itself says stays its own business
                given = {key: getattr(which, key) is not None for key in _MODEL}
                model = {"arch": name, **{k: v for k, v in _model(network).items() if given[k]}}
                latency.append(_budget(model, _REGRESSION))
            elif network.source is not None:
                model = _model_as_it_is(name, which, network)
            else:
                arch = name if ".toml:" in name else network.label.arch
                model = {"arch": arch, **_model(network)}
            budgets.append(_budget(model, *_counts(network)))
    texts = {SYSTEMS[system]: _workflow(system, *files), "budgets.toml": "\n".join(budgets)}
    return texts | ({"latency.toml": "\n".join(latency)} if files else {})


def _in_repository(name: str) -> str:
    """Return an architecture file's path as CI has it: below the directory of the budgets."""
    if name == "-" or Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError(f"{name}: CI needs an architecture file below the current directory")
    return name


def _model(network: Network) -> dict[str, object]:
    if not isinstance(network.resolution, int):
        raise InputError("budgets are for square images: --resolution takes one number here")
    label = network.label
    return {
        "alpha": label.alpha,
        "resolution": network.resolution,
        "dialect": label.dialect,
        "classes": label.classes,
    }


def _model_as_it_is(name: str, which: Which, network: Network) -> dict[str, object]:
    """Return what names an ONNX file, or what makes a torch module."""
    key = "file" if name.lower().endswith(SUFFIXES) else "python"
    partial = None if network.is_complete else True
    named: dict[str, object] = {key: name, "input": which.input, "partial": partial}
    if which.resolution is None:
        return named
    if not isinstance(network.resolution, int):
        raise InputError("budgets are for square images: --resolution takes one number here")
    return {**named, "resolution": network.resolution}


def _budget(model: dict[str, object], *limits: str) -> str:
    given = {key: value for key, value in model.items() if value is not None}
    keys = ", ".join(f"{key} = {json.dumps(value)}" for key, value in given.items())
    return "\n".join(["[[budget]]", f"model = {{ {keys} }}", *limits, ""])


def _counts(network: Network) -> Iterator[str]:
    yield f'precision = "{network.precision}"'
    yield f"macs = {network.macs}"
    yield f"params = {network.params}"
    yield f"weight_bytes = {network.weight_bytes}"
    yield f"peak_activation_bytes = {network.peak_activation_bytes}"


def _workflow(system: str, file: str | None = None) -> str:
    """Fill a template in; texts are quoted as JSON, which YAML reads as it stands."""
    text = (_TEMPLATES / f"{system}.yml").read_text("utf-8")
    always, _, with_file = text.partition(_LATENCY)
    values = {
        "mncost": _requirement(""),
        "mncost-bench": _requirement("[bench]"),
        "architecture": file,
    }
    for name, value in values.items():
        with_file = with_file.replace(f"@{name}@", json.dumps(value))
        always = always.replace(f"@{name}@", json.dumps(value))
    return always if file is None else f"{always}\n{with_file}"


def _requirement(extra: str) -> str:
    """Return what pip installs in CI: from where this mncost was installed, if pip knows that."""
    from importlib.metadata import distribution

    this = distribution("mncost")
    origin = json.loads(this.read_text("direct_url.json") or "{}")
    if vcs := origin.get("vcs_info"):
        return f"mncost{extra} @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}"
    return f"mncost{extra}=={this.version}"
