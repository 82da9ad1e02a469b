"""Examples written byte by byte: valid ones in every encoding that writers use, and damaged ones.

Everything is drawn from one `random.Random`, so that a seed stands for its bytes.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

BYTES, FLOAT, INT64 = 1, 2, 3  # field numbers of Feature.kind
KINDS = {"string": BYTES, "float32": FLOAT, "int64": INT64}


def varint(value: int, size: int = 1) -> bytes:
    """A varint of at least `size` bytes."""
    value &= 2**64 - 1
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        if value or len(out) + 1 < size:
            out.append(byte | 0x80)
        else:
            out.append(byte)
            return bytes(out)


def delimited(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def packed_list(kind: int, values: Sequence[Any]) -> bytes:
    """The inside of an Int64List, FloatList or BytesList."""
    if kind == BYTES:
        return b"".join(delimited(1, value) for value in values)
    if not values:
        return b""
    if kind == FLOAT:
        return delimited(1, struct.pack(f"<{len(values)}f", *values))
    return delimited(1, b"".join(varint(value) for value in values))


def unpacked_list(kind: int, values: Sequence[Any]) -> bytes:
    if kind == BYTES:
        return packed_list(kind, values)
    if kind == FLOAT:
        return b"".join(b"\x0d" + struct.pack("<f", value) for value in values)
    return b"".join(b"\x08" + varint(value) for value in values)


def feature(kind: int, values: Sequence[Any], *, packed: bool = True) -> bytes:
    write = packed_list if packed else unpacked_list
    return delimited(kind, write(kind, values))


def entry(key: str, value: bytes) -> bytes:
    return delimited(1, delimited(1, key.encode()) + delimited(2, value))


def kind_of(values: Sequence[Any]) -> int:
    if not values:
        return INT64
    return {int: INT64, float: FLOAT, bytes: BYTES}[type(values[0])]


def example(**features: Any) -> bytes:
    """An Example of lists of int, float or bytes; bytes instead of a list are a whole Feature."""
    return delimited(1, entries(**features))


def entries(**features: Any) -> bytes:
    return b"".join(
        entry(key, value if isinstance(value, bytes) else feature(kind_of(value), value))
        for key, value in features.items()
    )


def lists(**features: list[Any]) -> bytes:
    """FeatureLists: of each key its rows, each as in example()."""
    return b"".join(
        entry(
            key,
            b"".join(
                delimited(1, row if isinstance(row, bytes) else feature(kind_of(row), row))
                for row in rows
            ),
        )
        for key, rows in features.items()
    )


def sequence(context: bytes = b"", feature_lists: bytes = b"") -> bytes:
    return delimited(1, context) + delimited(2, feature_lists)


# --- Random values ---


def random_value(draw: random.Random, kind: int) -> Any:
    if kind == BYTES:
        return draw.randbytes(draw.choice([0, 1, 1, 2, 3, 5]))
    if kind == FLOAT:
        special = [0.0, -0.0, 1.5, float("inf"), float("nan"), 1e-42]
        return struct.unpack("<f", struct.pack("<f", draw.choice([draw.gauss(0, 1), *special])))[0]
    near, wide = draw.randrange(-3, 300), draw.getrandbits(draw.randrange(1, 65)) - 2**63
    return draw.choice([near, near, draw.randrange(20_000), max(wide, -(2**63)), 2**63 - 1])


def random_values(draw: random.Random, kind: int, count: int) -> list[Any]:
    return [random_value(draw, kind) for _ in range(count)]


def random_feature(draw: random.Random, kind: int, count: int) -> bytes:
    return feature(kind, random_values(draw, kind, count), packed=draw.random() < 0.75)


# --- Damage ---

_TELLING = b"\x0a\x12\x1a\x80\xff\x00\x08\x0d\x7f\x01\x02\x8a"


def _flip_bit(draw: random.Random, data: bytearray, at: int) -> None:
    data[at] ^= 1 << draw.randrange(8)


def _set_byte(draw: random.Random, data: bytearray, at: int) -> None:
    data[at] = draw.choice(_TELLING)


def _insert_byte(draw: random.Random, data: bytearray, at: int) -> None:
    data.insert(at, draw.choice(_TELLING))


def _cut(draw: random.Random, data: bytearray, at: int) -> None:
    del data[at:]


def _drop(draw: random.Random, data: bytearray, at: int) -> None:
    del data[at : at + draw.randrange(1, 4)]


def _repeat(draw: random.Random, data: bytearray, at: int) -> None:
    data[at:at] = data[at : at + draw.randrange(1, 12)]


def _splice(draw: random.Random, data: bytearray, at: int) -> None:
    data[at:] = data[draw.randrange(len(data)) :]


def _step(draw: random.Random, data: bytearray, at: int) -> None:
    data[at] = (data[at] + draw.choice([-1, 1])) % 256


def _stretch_varint(draw: random.Random, data: bytearray, at: int) -> None:
    """A length, tag or value of one byte becomes longer, or far too large."""
    value = data[at] & 0x7F
    more = draw.choice([0, 0, 1 << 7, 1 << 10, 1 << 32, 1 << 40])
    data[at : at + 1] = varint(value + more, draw.randrange(1, 6))


_DAMAGE: list[Callable[[random.Random, bytearray, int], None]] = [
    _flip_bit, _set_byte, _insert_byte, _cut, _drop, _repeat, _splice, _step, _stretch_varint,
]  # fmt: skip


def damaged(draw: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 3])):
        if out:
            draw.choice(_DAMAGE)(draw, out, draw.randrange(len(out)))
    return bytes(out)
