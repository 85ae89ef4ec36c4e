"""What a name may be that is none of a network: a group, a checkpoint, another spelling."""

from __future__ import annotations

from mncost.spec.catalog import Choice, groups, index, load_spec, networks, unknown
from mncost.spec.checkpoints import checkpoint
from mncost.spec.names import spelled
from mncost.spec.parse import PAPER

__all__ = ["named"]

_HUBS = ("hf-hub:", "hf_hub:", "hf://")
_OWNERS = {"timm": "timm", "torchvision": "torchvision", "keras": "keras", "google": None}
"""Who publishes checkpoints under ``owner/name``, and the dialect that this implies."""


def named(name: str) -> list[Choice]:
    """Return what a name stands for; nothing if it is the path of a file.

    Raises:
        UnknownNameError: it stands for nothing.
    """
    name, dialect = _without_owner(name)
    if "/" in name or "\\" in name:
        return []
    if name in index():
        return [Choice(load_spec(name), dialect or PAPER)]
    if name in (members := groups()):
        return [Choice(load_spec(member), dialect or PAPER) for member in members[name]]
    if choice := checkpoint(name, dialect):
        return [choice]
    if "_" in name and (choice := _segmenter(name)):
        return [choice]
    if (meant := spelled(name, [*networks(), *members])) is not None:
        return [Choice(load_spec(one), dialect or PAPER) for one in members.get(meant, [meant])]
    raise unknown(name)


def _without_owner(name: str) -> tuple[str, str | None]:
    """Return a name without ``timm/`` and the like, and the dialect that this implies."""
    for hub in _HUBS:
        name = name.removeprefix(hub)
    owner, slash, rest = name.partition("/")
    if slash and owner.lower() in _OWNERS and "/" not in rest:
        return rest, _OWNERS[owner.lower()]
    return name, None


def _segmenter(name: str) -> Choice | None:
    """Match what torchvision calls a backbone with a head on it."""
    from mncost.spec.heads import network_named, with_head  # rarely asked for

    if (known := network_named(name)) is None:
        return None
    network, head = known
    choice = checkpoint(network.backbone)
    assert choice is not None
    spec = with_head(choice.spec, head, network.output_stride)
    return choice._replace(spec=spec, name=name)
