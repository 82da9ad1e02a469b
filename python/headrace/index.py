"""Index: where the records of files stand, built once and kept."""

from __future__ import annotations

import hashlib
import operator
import os
import sys
import warnings
from typing import Any

from . import _core
from .errors import DataLossError
from .files import expand, native, sizes

__all__ = ["Index"]

_VERIFIED = ("skip", "stop_file")  # what is a record depends on all data
_POLICIES = ("raise", *_VERIFIED, "tf")


class Index:
    """Where every record of a list of files stands.

    Datasets make one by themselves where they need it (``dataset[i]``, ``shuffle(None)``, ...) and
    keep it in a cache folder: ``$HEADRACE_CACHE_DIR``, else ``$XDG_CACHE_HOME/headrace``, else
    ``~/.cache/headrace`` (macOS: ``~/Library/Caches/headrace``). `Index.build` makes it beforehand,
    also elsewhere. Records are numbered through in the order of the files.

    >>> index = hr.Index.build("data/train-*.tfrecord")
    >>> len(index)
    1281167
    >>> index[7]  # file, byte where the record begins, bytes of data in it
    ('/data/train-00000.tfrecord', 943, 110219)

    A few bytes a record in memory, none for records of equal size. Read-only; any thread may ask.
    """

    __slots__ = ("_files", "_places")

    _places: _core.Index
    _files: tuple[str, ...]

    def __init__(self) -> None:
        raise TypeError("an Index is made by Index.build and Index.open")

    @staticmethod
    def _of(core: _core.Index, paths: tuple[str, ...] | None = None) -> Index:
        index = object.__new__(Index)
        index._places = core
        index._files = _paths(core) if paths is None else paths
        return index

    @staticmethod
    def build(
        files: Any,
        path: str | os.PathLike[str] | None = None,
        *,
        on_corruption: str = "raise",
        threads: int | None = None,
    ) -> Index:
        """Looks for the records of these files, with `threads` threads (default: all CPUs that this
        process may use), and keeps what it finds.

        files: as for `TFRecordDataset`.
        path: of the index file, which is replaced. Default: the cache folder, where datasets over
            the same files look for it; one that cannot be written is a warning.
        on_corruption: what counts as a record. "raise": every record, and anything else between
            them is an error; only headers are read, their checksums verified. "tf": likewise, but
            1 to 11 bytes behind the last record are no error. "skip", "stop_file": the good
            records; reads and verifies all data.

        Raises OSError for a file that cannot be read or a `path` that cannot be written,
        DataLossError for damage under "raise" and "tf", ValueError for an unknown policy.
        """
        paths = expand(files)
        core = _build(paths, on_corruption, threads)
        if path is None:
            _keep(core, _cache_path(paths, on_corruption))
        else:
            core.write(_native(path))
        return Index._of(core)

    @staticmethod
    def open(path: str | os.PathLike[str], files: Any = None) -> Index:
        """The index in a file that `build` has written, verified.

        files: where its files are now, if they have moved: names (without folders) and sizes are
            to be the same, in the same order. By default they are where they were, and have
            neither been changed nor touched since.

        Raises CorruptedError or TruncatedError for a damaged file, one of another version or one
        that is no index; ValueError for an index of other files, or of files that have changed
        since: both need a new `build`. OSError for a file that cannot be read.
        """
        core = _core.Index.read(_native(path))
        paths = None if files is None else expand(files)
        if paths is None:
            difference = os.fsdecode(core.difference([name for name, _, _ in core.files()]))
        else:
            difference = _moved(core, paths)
        if difference:
            raise ValueError(
                f"{os.fspath(path)}: not an index of these files as they are now: {difference}. "
                "hr.Index.build makes a new one."
            )
        return Index._of(core, paths)

    @property
    def files(self) -> tuple[str, ...]:
        """The files, in order."""
        return self._files

    @property
    def on_corruption(self) -> str:
        """The policy that says what counts as a record."""
        return self._places.on_corruption()

    def count(self, file: int | None = None) -> int:
        """The number of records; with `file`, of those in this file (its number in `files`)."""
        return self._places.count(file)

    def __len__(self) -> int:
        return self._places.count()

    def __getitem__(self, number: int) -> tuple[str, int, int]:
        """The file of this record, the byte where it begins, the size of its data."""
        ordinal, count = operator.index(number), self._places.count()
        if not -count <= ordinal < count:
            raise IndexError(f"record {ordinal} of {count}")
        file, offset, size = self._places.find(ordinal % count)
        return self._files[file], offset, size

    def __repr__(self) -> str:
        return (
            f"<Index of {len(self)} records in {len(self._files)} files, "
            f"on_corruption={self.on_corruption!r}>"
        )


def index_for(
    paths: tuple[str, ...], on_corruption: str = "raise", threads: int | None = None
) -> _core.Index:
    """The index of these files as they are now: the one in the cache folder, if it is theirs, else
    a new one, which is kept there for the next time. What is stale or damaged is replaced.

    Raises what building it raises. A cache folder that cannot be used is a warning.
    """
    kept = kept_index(paths, on_corruption)
    if kept is not None:
        return kept
    if on_corruption in _VERIFIED:
        warnings.warn(
            f"on_corruption={on_corruption!r}: reading all {sum(sizes(paths)):,} bytes once, "
            "to find out which records are good. The index of them is kept.",
            stacklevel=2,
        )
    core = _build(paths, on_corruption, threads)
    _keep(core, _cache_path(paths, on_corruption))
    return core


def kept_index(paths: tuple[str, ...], on_corruption: str = "raise") -> _core.Index | None:
    """The index of these files in the cache folder; None if there is none of them as they are
    now."""
    try:
        core = _read(_cache_path(paths, on_corruption))
        if core.on_corruption() == on_corruption and not core.difference(_natives(paths)):
            return core
    except (OSError, DataLossError):
        pass  # whoever reads the files says it if it is one of them
    return None


_latest: tuple[Any, _core.Index] | None = None


def _read(path: str) -> _core.Index:
    """That of the last call, if it is the same file: an epoch should not read it again."""
    global _latest
    status = os.stat(path)
    identity = (path, status.st_ino, status.st_size, status.st_mtime_ns)
    latest = _latest
    if latest is None or latest[0] != identity:
        _latest = latest = (identity, _core.Index.read(_native(path)))
    return latest[1]


def _build(paths: tuple[str, ...], on_corruption: str, threads: int | None) -> _core.Index:
    if on_corruption not in _POLICIES:
        raise ValueError(
            f"on_corruption must be 'raise', 'skip', 'stop_file' or 'tf'; got {on_corruption!r}"
        )
    number = 0 if threads is None else operator.index(threads)
    if number < 0 or (threads is not None and number == 0):
        raise ValueError(f"threads must be at least 1; got {threads}")
    return _core.Index(_natives(paths), on_corruption, number)


_warned = False


def _keep(core: _core.Index, path: str) -> None:
    global _warned
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        core.write(_native(path))
    except OSError as error:
        if not _warned:
            _warned = True
            warnings.warn(
                f"the index of the files is not kept, so that the next process builds it again: "
                f"{error}. $HEADRACE_CACHE_DIR names another folder.",
                stacklevel=3,
            )


def _cache_path(paths: tuple[str, ...], on_corruption: str) -> str:
    # Neither sizes nor times: an index that has become stale is replaced, not joined by another.
    identity = [on_corruption.encode(), *(os.fsencode(os.path.abspath(path)) for path in paths)]
    name = hashlib.sha256(b"\0".join(identity)).hexdigest()[:32]
    return os.path.join(_cache_folder(), name + ".index")


def _cache_folder() -> str:
    if folder := os.environ.get("HEADRACE_CACHE_DIR"):
        return folder
    if sys.platform == "darwin":
        caches = os.path.expanduser("~/Library/Caches")
    else:
        caches = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(caches):  # to be ignored then, says the XDG specification
            caches = os.path.expanduser("~/.cache")
    return os.path.join(caches, "headrace")


def _moved(core: _core.Index, paths: tuple[str, ...]) -> str:
    """Why the index cannot be of these files, wherever they are; "" if it can."""
    indexed = core.files()
    if len(indexed) != len(paths):
        return f"it is of {len(indexed)} files, not of {len(paths)}"
    for (was, old_size, _), path, size in zip(indexed, paths, sizes(paths), strict=True):
        name = os.path.basename(os.fsdecode(was))
        if name != os.path.basename(path):
            return f"{name} is now {path}"
        if size != old_size:
            return f"{path} had {old_size} bytes and has now {size}"
    return ""


def _paths(core: _core.Index) -> tuple[str, ...]:
    return tuple(os.fsdecode(name) for name, _, _ in core.files())


def _native(path: str | os.PathLike[str]) -> str | bytes:
    return native(os.fsdecode(os.fspath(path)))


def _natives(paths: tuple[str, ...]) -> list[str | bytes]:
    return [native(path) for path in paths]
