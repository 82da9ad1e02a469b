"""What can be wrong with the data.

::

    Error                  anything wrong with the data; catches all of the below
    ├── DataLossError      a file is not what was written
    │   ├── TruncatedError     it ends inside a record
    │   └── CorruptedError     a checksum is wrong, or it never was a TFRecord file
    └── ParseError         a record is whole, but does not hold what was asked for
        └── ShapeError         its features do not fit each other; a ValueError too

Failures of the operating system stay ``OSError`` (``FileNotFoundError``, ``IsADirectoryError``,
``PermissionError``, ...) with ``errno`` and ``filename``. Arguments are ``TypeError`` and
``ValueError``, raised where the argument is given. What this version does not do yet is
``NotImplementedError``.
"""

from __future__ import annotations

__all__ = [
    "CorruptedError",
    "DataLossError",
    "Error",
    "ParseError",
    "ShapeError",
    "TruncatedError",
]


class Error(Exception):
    """Something is wrong with the data.

    The message reads *path: record N at byte B: what was expected, what was found*; its parts are
    also attributes, each ``None`` where it is not known.

    Attributes:
        path: the file.
        record: the record's number in its file, from 0.
        offset: the byte in the file (in the inflated stream, if it is compressed) where the
            record starts.
    """

    def __init__(
        self,
        message: str,
        path: str | None = None,
        record: int | None = None,
        offset: int | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.record = record
        self.offset = offset

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.path, self.record, self.offset)


class DataLossError(Error):
    """A file does not hold what was once written."""


class TruncatedError(DataLossError):
    """A file ends inside a record."""


class CorruptedError(DataLossError):
    """A checksum does not match, or the file is no TFRecord file at all."""


class ParseError(Error):
    """A record is whole, but it does not hold the features that were asked for."""


class ShapeError(ParseError, ValueError):
    """Numbers of values that do not fit each other, or row splits that are none: what TensorFlow
    finds when it puts parsed features together. It is a ValueError there, so here it is one too."""
