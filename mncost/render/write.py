"""Writing a result: a file is replaced only when the new one is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mncost.errors import OutputError

__all__ = ["check_writable", "refuse_overwriting", "write_atomically", "write_folder"]


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``; a reader sees the whole old file or the whole new one.

    What is no regular file (a pipe, a device) is written to as it stands; a symbolic link keeps
    pointing where it does.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    with _as_output_error(path):
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files, in the place of one that is there.

    Args:
        path: the folder.
        files: contents by their paths in it.

    Raises:
        OutputError: it cannot be written, or something else has this name.
    """
    import shutil
    import tempfile

    with _as_output_error(path):
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(None, "a file has this name, and this kind is a folder")
        if path.is_dir() and any(path.iterdir()) and not (path / min(files)).is_file():
            raise OSError(None, "a folder of something else has this name")
        with tempfile.TemporaryDirectory(dir=path.resolve().parent, prefix=".mncost-") as scratch:
            whole = Path(scratch) / "whole"
            for name, content in files.items():
                (whole / name).parent.mkdir(parents=True, exist_ok=True)
                (whole / name).write_bytes(content)
            if path.exists():
                path.replace(Path(scratch) / "old")
            shutil.move(whole, path)


def check_writable(path: Path) -> None:
    """Find out now whether ``path`` can be written later; nothing is changed.

    Raises:
        OutputError: it cannot.
    """
    import tempfile

    with _as_output_error(path):
        if path.is_dir():
            raise IsADirectoryError(None, "Is a directory")
        if path.exists() and not path.is_file():
            return  # a pipe or a device: its reader would notice
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass


def refuse_overwriting(
    outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]
) -> None:
    """Refuse an output that would overwrite an input or another output.

    Args:
        outputs: where results are written, by the names of the options; ``-`` is no file.
        inputs: the files that are read, by what messages call them.

    Raises:
        OutputError: one file is both.
    """
    taken = [(name, path) for name, path in inputs.items() if path is not None]
    for name, path in outputs.items():
        if path is None or str(path) == "-":
            continue
        for other, used in taken:
            if _is_one_file(path, used):
                raise OutputError(f"{name} {path}: would overwrite {other} {used}")
        taken.append((name, path))


def _is_one_file(one: Path, other: Path) -> bool:
    try:
        if one.exists() and not one.is_file():
            return False  # a pipe or a device takes several texts
        return one.samefile(other) if one.exists() else one.resolve() == other.resolve()
    except (OSError, ValueError, RuntimeError):
        return False  # it cannot be read or written: that is said elsewhere


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    """Turn every way in which a path cannot be written into one error."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None
    except (RuntimeError, ValueError) as error:  # a loop of links; a name that no file can have
        raise OutputError(f"{path}: cannot be written: {error}") from None


def _replace(target: Path, data: bytes) -> None:
    import tempfile  # slow to import, and most results go to standard output

    mode = target.stat().st_mode if target.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode & 0o777)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
