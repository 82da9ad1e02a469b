"""TFRecordDataset: the records of files."""

from __future__ import annotations

import operator
from typing import Any

from . import files
from .dataset import Dataset
from .sources import Source

__all__ = ["TFRecordDataset"]


class TFRecordDataset(Dataset):
    """The records of TFRecord files, one file after another.

    filenames: str, PathLike, or lists, tuples and arrays of them, nested as they like. A str that
        names no existing file and has any of ``*?[`` is a pattern: it is expanded here and its
        matches are sorted; without a match, FileNotFoundError. A PathLike is never a pattern.
        Or a dataset of names, each of a file, read anew in each pass.
    compression_type: None or "". "GZIP", "ZLIB" and "SNAPPY" are not supported yet.
    buffer_size: checked, and without effect: blocks have the size that is best here.
    num_parallel_reads: n: n files are read by turns, a record each, in TensorFlow's order. None and
        -1 (AUTOTUNE, where TensorFlow's order depends on the machine): one file after another.
        Changes the order only: all threads read in any case.
    on_corruption: what a record that is damaged or torn does.
        "raise": CorruptedError or TruncatedError, again at each later ``next()``.
        "skip": it is passed over; reading goes on at the next record that is provably whole.
        "stop_file": the rest of its file is passed over.
        "tf": as in TensorFlow: an error, and the next ``next()`` goes on with the next file; a file
        that ends inside a record's header just ends; files are looked for at their turn.
        What "skip" and "stop_file" pass over is counted in ``stats()`` and named in one warning.

    Both checksums of each record that is delivered are checked. Files are opened when the dataset
    is iterated.
    """

    __slots__ = ()

    def __init__(
        self,
        filenames: Any,
        compression_type: str | None = None,
        buffer_size: int | None = None,
        num_parallel_reads: int | None = None,
        name: str | None = None,
        *,
        on_corruption: str = "raise",
    ) -> None:
        if compression_type in ("GZIP", "ZLIB", "SNAPPY"):
            raise NotImplementedError(f"compression_type={compression_type!r} is not supported yet")
        if compression_type not in (None, ""):
            raise ValueError(
                "compression_type must be None, '', 'GZIP', 'ZLIB' or 'SNAPPY'; got "
                f"{compression_type!r}"
            )
        if buffer_size is not None and operator.index(buffer_size) < -1:
            raise ValueError("`buffer_size` must be >= 0 (0 == no buffering)")
        interleaving = None
        if num_parallel_reads is not None:
            cycle = operator.index(num_parallel_reads)
            if cycle == 0 or cycle < -1:
                raise ValueError("`cycle_length` must be > 0")
            if cycle > 1:
                interleaving = (cycle, 1, False)
        if on_corruption not in ("raise", "skip", "stop_file", "tf"):
            raise ValueError(
                f"on_corruption must be 'raise', 'skip', 'stop_file' or 'tf'; got {on_corruption!r}"
            )
        if isinstance(filenames, Dataset):
            source = Source((), on_corruption, interleaving, filenames._verbs)
        else:
            source = Source(files.expand(filenames), on_corruption, interleaving)
        object.__setattr__(self, "_verbs", (source,))
