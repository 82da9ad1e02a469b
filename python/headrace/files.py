"""Which files a dataset reads, and a first look at them."""

from __future__ import annotations

import errno
import glob
import os
import stat
from collections.abc import Iterable
from typing import Any

import numpy as np


def expand(filenames: Any) -> tuple[str, ...]:
    """The paths in one flat tuple, patterns expanded.

    Takes str, PathLike, and lists, tuples and arrays of them, nested as they like. A str that names
    something existing is that; another str with any of ``*?[`` is a pattern, whose matches are
    sorted. A PathLike is never a pattern. Raises FileNotFoundError for a pattern without a match,
    TypeError for what is no path.
    """
    return tuple(path for name in _flatten(filenames) for path in _matches(name))


def _flatten(names: Any) -> Iterable[str | os.PathLike[str]]:
    if isinstance(names, (str, os.PathLike)):
        yield names
    elif isinstance(names, bytes):  # NumPy's and TensorFlow's strings come as bytes
        yield os.fsdecode(names)
    elif isinstance(names, np.ndarray):
        yield from _flatten(names.tolist())
    elif isinstance(names, (list, tuple)):
        for name in names:
            yield from _flatten(name)
    else:
        raise TypeError(
            "The `filenames` argument must contain `tf.string` elements. Got "
            f"`{type(names).__name__}` elements.\n"
            "It takes str, PathLike, and (nested) lists, tuples or arrays of them."
        )


def _matches(name: str | os.PathLike[str]) -> list[str]:
    if not isinstance(name, str):
        return [os.fsdecode(os.fspath(name))]
    if not glob.has_magic(name) or os.path.lexists(name):
        return [name]
    found = sorted(glob.glob(name, recursive=True))
    if not found:
        raise FileNotFoundError(errno.ENOENT, "No file matches the pattern", name)
    return found


def sizes(paths: Iterable[str], *, missing_ok: bool = False) -> list[int]:
    """Bytes of each file. Raises FileNotFoundError, IsADirectoryError, PermissionError or another
    OSError with the path, as opening it would; with `missing_ok` the size is then -1."""
    return [_size(path, missing_ok) for path in paths]


def _size(path: str, missing_ok: bool) -> int:
    try:
        return _readable_size(path)
    except OSError:
        if missing_ok:
            return -1
        raise


def _readable_size(path: str) -> int:
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return status.st_size


def native(path: str) -> str | bytes:
    """The path as the core takes it: bytes where the name is not UTF-8."""
    return path if path.isascii() else os.fsencode(path)
