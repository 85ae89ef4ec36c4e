"""How people spell architectures: MobileNetV2, mobilenetv3_large, V3 Large."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["closest", "spelled"]

_SIZES = {"small": "s", "medium": "m", "large": "l"}
_SEPARATORS = str.maketrans("", "", "-_ ")


def spelled(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that this one is another spelling of.

    Case, dashes, underscores, spaces and a leading ``mobilenet`` make no difference; the sizes of
    V4 may be written out, and ``minimalistic`` may be cut to ``minimal``.
    """
    wanted = _plain(name)
    spellings = {one: [_plain(one), *_longer(one)] for one in known}
    return next((one for one, ways in spellings.items() if wanted in ways), None)


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is spelled most like this one, if any is."""
    import difflib  # only on the way to an error message

    whole = name.lower().translate(_SEPARATORS)
    ways: dict[str, str] = {}
    for one in known:
        plain = [one.translate(_SEPARATORS), *_longer(one)]
        plain += [f"mobilenet{way}" for way in plain if way[0] == "v" and way[1:2].isdigit()]
        ways |= dict.fromkeys(plain, one)
    best = difflib.get_close_matches(whole, ways, n=1, cutoff=0.6)
    return ways[best[0]] if best else None


def _plain(name: str) -> str:
    plain = name.lower().translate(_SEPARATORS).replace("minimalistic", "minimal")
    return "v1" if plain == "mobilenet" else plain.removeprefix("mobilenet")


def _longer(name: str) -> Iterable[str]:
    """Yield ``v4convsmall`` for ``v4-conv-s``."""
    for word, letter in _SIZES.items():
        if name.endswith(f"-{letter}"):
            yield _plain(name.removesuffix(letter) + word)
