"""What has to be installed to measure, or to work out what was measured."""

from __future__ import annotations

from importlib.util import find_spec

from mncost.errors import MeasureError

__all__ = ["TO_MEASURE", "TO_SHOW", "need"]

TO_SHOW = ("numpy", "scipy")
TO_MEASURE = (*TO_SHOW, "onnx", "psutil")


def need(*packages: str) -> None:
    """Check that packages are installed: before anything is measured, not when it is over.

    Raises:
        MeasureError: one is not; the message says how to install it.
    """
    if missing := [name for name in packages if find_spec(name) is None]:
        raise MeasureError(f"needs {', '.join(missing)}: pip install 'mncost[bench]'")
