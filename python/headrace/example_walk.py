"""A slow, tolerant walk over serialized Examples, to see what is in them.

For looking, not for loading: it follows protobuf's rules where TensorFlow's parser has its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

KINDS = {1: "bytes", 2: "float", 3: "int64"}

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5


def features(record: bytes) -> dict[bytes, tuple[str | None, int, list[int]]]:
    """By key: kind (None if it is not set), number of values, and for bytes their sizes.

    Raises ValueError if the record is no Example.
    """
    found = {}
    for number, _, content in fields(memoryview(record)):
        if number != 1:
            continue
        for entry_number, _, entry in fields(content):
            if entry_number != 1:
                raise ValueError("not a map of features")
            parts = {n: part for n, _, part in fields(entry)}
            if parts.keys() - {1, 2}:
                raise ValueError("not a feature with a key")
            found[bytes(parts.get(1, b""))] = _values(parts.get(2, memoryview(b"")))
    return found


def has_feature_lists(record: bytes) -> bool:
    """Whether it looks like a SequenceExample. Raises ValueError if it is no message."""
    return any(number == 2 for number, _, _ in fields(memoryview(record)))


def fields(message: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """(field number, wire type, content) of a message. Raises ValueError if it is none."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            _, end = _varint(message, at)
        elif wire_type == _FIXED64:
            end = at + 8
        elif wire_type == _FIXED32:
            end = at + 4
        elif wire_type == _DELIMITED:
            size, at = _varint(message, at)
            end = at + size
        else:
            raise ValueError(f"wire type {wire_type}")
        if end > len(message) or number == 0:
            raise ValueError("not a message")
        yield number, wire_type, message[at:end]
        at = end


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    for i in range(at, min(at + 10, len(message))):
        value |= (message[i] & 0x7F) << shift
        if message[i] < 0x80:
            return value, i + 1
        shift += 7
    raise ValueError("a varint without an end")


def _values(feature: memoryview) -> tuple[str | None, int, list[int]]:
    kind: str | None = None
    count, sizes = 0, list[int]()
    for number, wire_type, values in fields(feature):
        if number not in KINDS or wire_type != _DELIMITED:
            raise ValueError("not a feature")
        kind, count, sizes = KINDS[number], 0, []
        for value_number, value_type, content in fields(values):
            if value_number != 1:
                raise ValueError("not a list")
            if kind == "bytes":
                count += 1
                sizes.append(len(content))
            elif value_type != _DELIMITED:
                count += 1
            elif kind == "float":
                count += len(content) // 4
            else:
                count += int((np.frombuffer(content, np.uint8) < 0x80).sum())
    return kind, count, sizes
