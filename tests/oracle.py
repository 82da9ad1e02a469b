"""Writer and reader of the formats: slow, obvious, and independent of headrace.

Three parts: TFRecord frames, the many ways to write the bytes of a `tf.train.Example`, and
`columns`, which parses Examples as TensorFlow does and lays their values out as batches.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# ---- TFRecord frames -------------------------------------------------------------------------


def crc32c(data: bytes) -> int:
    """Castagnoli's polynomial, bits reflected."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_OF_BYTE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC_OF_BYTE = [_crc_of_byte(byte) for byte in range(256)]


def masked_crc(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(record: bytes) -> bytes:
    length = struct.pack("<Q", len(record))
    crcs = struct.pack("<I", masked_crc(length)), struct.pack("<I", masked_crc(record))
    return length + crcs[0] + record + crcs[1]


def write_file(path: Any, records: Iterable[bytes]) -> None:
    with open(path, "wb") as file:
        for record in records:
            file.write(frame(record))


class Damaged(Exception):
    """A frame that is torn or corrupted, at this offset."""


def records_of(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        if len(data) - at < 12:
            raise Damaged("torn", at)
        (length,) = struct.unpack_from("<Q", data, at)
        if struct.unpack_from("<I", data, at + 8)[0] != masked_crc(data[at : at + 8]):
            raise Damaged("corrupted", at)
        if len(data) - at - 12 < length + 4:
            raise Damaged("torn", at)
        record = data[at + 12 : at + 12 + length]
        if struct.unpack_from("<I", data, at + 12 + length)[0] != masked_crc(record):
            raise Damaged("corrupted", at)
        yield record
        at += 16 + length


def read_file(path: Any) -> list[bytes]:
    with open(path, "rb") as file:
        return list(records_of(file.read()))


# ---- Writing Examples ------------------------------------------------------------------------


@dataclass(frozen=True)
class Feature:
    """One feature of an Example: field number of the list (0: no kind) and its values.

    Values are ints, bytes, or an array of float32, whose bits are kept.
    """

    kind: int
    values: Any = ()


def ints(*values: int) -> Feature:
    return Feature(3, values)


def floats(*values: float) -> Feature:
    return Feature(2, np.array(values, np.float32))


def strings(*values: bytes) -> Feature:
    return Feature(1, values)


NO_KIND = Feature(0)


def varint(value: int, padding: int = 0) -> bytes:
    """Base 128; a negative value as its 64-bit two's complement; padded with that many bytes."""
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    if padding:
        out[-1] |= 0x80
        out += b"\x80" * (padding - 1) + b"\x00"
    return bytes(out)


def delimited(number: int, payload: bytes, padding: int = 0) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload), padding) + payload


@dataclass(frozen=True)
class Style:
    """How the same Example is written. The default is what TensorFlow's writers give, but for the
    order of the features, which they leave open."""

    packed: bool = True
    shuffled: bool = False  # another order of the features
    value_first: bool = False  # in each map entry
    padding: int = 0  # needless bytes in lengths
    value_padding: int = 0  # needless bytes in the varints of an int64 list
    unknown_fields: bool = False  # of every wire type, in the Example itself
    several_features: bool = False  # each feature in a `features` field of its own
    duplicates: bool = False  # an earlier entry of the same key, to be ignored
    trailing: bool = False  # bytes behind the list inside the Feature, to be ignored
    rng: random.Random = field(default_factory=lambda: random.Random(0), compare=False)


PLAIN = Style()

# Each way alone, by name.
STYLES = {
    "plain": PLAIN,
    "unpacked": Style(packed=False),
    "shuffled": Style(shuffled=True),
    "shuffled_unpacked": Style(shuffled=True, packed=False),
    "value_first": Style(value_first=True),
    "padded_lengths": Style(padding=2),
    "padded_values": Style(value_padding=1),
    "padded_unpacked": Style(value_padding=1, packed=False),
    "unknown_fields": Style(unknown_fields=True),
    "several_features": Style(several_features=True),
    "duplicates": Style(duplicates=True),
    "trailing": Style(trailing=True),
}


def any_style(rng: random.Random) -> Style:
    """A mixture; each deviation is rare enough to meet the plain form often."""
    return Style(
        packed=rng.random() < 0.7,
        shuffled=rng.random() < 0.5,
        value_first=rng.random() < 0.1,
        padding=rng.choice([0, 0, 0, 1, 4]),
        value_padding=rng.choice([0, 0, 0, 1, 3]),
        unknown_fields=rng.random() < 0.1,
        several_features=rng.random() < 0.1,
        duplicates=rng.random() < 0.1,
        trailing=rng.random() < 0.1,
        rng=rng,
    )


def encode_list(feature: Feature, style: Style = PLAIN) -> bytes:
    """The bytes of the BytesList, FloatList or Int64List message."""
    if feature.kind == 1:
        return b"".join(delimited(1, value, style.padding) for value in feature.values)
    if feature.kind == 2:
        values = [np.float32(value).tobytes() for value in feature.values]
        tag = b"\x0d"
    else:
        # A varint ends at its tenth byte.
        values = [varint(v, min(style.value_padding, 10 - len(varint(v)))) for v in feature.values]
        tag = b"\x08"
    if not style.packed:
        return b"".join(tag + value for value in values)
    return delimited(1, b"".join(values), style.padding) if values else b""


def encode_feature(feature: Feature, style: Style = PLAIN) -> bytes:
    if feature.kind == 0:
        return b""
    encoded = delimited(feature.kind, encode_list(feature, style), style.padding)
    return encoded + (b"\xde\xad" if style.trailing else b"")


def encode_entry(key: bytes, feature: Feature, style: Style = PLAIN) -> bytes:
    parts = [
        delimited(1, key, style.padding),
        delimited(2, encode_feature(feature, style), style.padding),
    ]
    return delimited(1, b"".join(reversed(parts) if style.value_first else parts), style.padding)


def encode_example(features: Mapping[bytes, Feature], style: Style = PLAIN) -> bytes:
    entries = []
    items = list(features.items())
    if style.shuffled:
        style.rng.shuffle(items)
    for key, feature in items:
        if style.duplicates and feature.kind:
            entries.append(encode_entry(key, style.rng.choice([ints(7), strings(b"ignored")])))
        entries.append(encode_entry(key, feature, style))
    if style.several_features:
        fields = [delimited(1, entry, style.padding) for entry in entries]
    else:
        fields = [delimited(1, b"".join(entries), style.padding)]
    if style.unknown_fields:
        for unknown in [
            b"\x78\xac\x02",  # 15, a varint
            b"\x79" + bytes(8),  # 15, 64 bits
            b"\x7d" + bytes(4),  # 15, 32 bits
            delimited(15, b"anything"),
            delimited(1000, b""),
        ]:
            fields.insert(style.rng.randint(0, len(fields)), unknown)
    return b"".join(fields)


# ---- Parsing Examples as TensorFlow does -----------------------------------------------------


class Refused(Exception):
    """TensorFlow would not parse this."""


class _Cursor:
    """A position and a limit. A limit that does not fit leaves the enclosing one in force."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.limit = data, 0, len(data)

    def more(self) -> bool:
        return self.at < self.limit

    def peek(self) -> int:
        return self.data[self.at] if self.more() else -1

    def varint(self) -> int:
        value = 0
        for i in range(10):
            if not self.more():
                raise Refused("varint cut")
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << 7 * i
            if byte < 0x80:
                return value & 2**64 - 1
        raise Refused("varint too long")

    def varint32(self) -> int:
        return self.varint() & 2**32 - 1

    def take(self, n: int) -> bytes:
        if n > self.limit - self.at:
            raise Refused("cut")
        self.at += n
        return self.data[self.at - n : self.at]

    def string(self) -> bytes:
        return self.take(self.varint32())

    def expect(self, byte: int) -> bool:
        if self.peek() != byte:
            return False
        self.at += 1
        return True

    def require(self, byte: int) -> None:
        if not self.expect(byte):
            raise Refused("another tag")

    def push(self) -> int:
        n, old = self.varint32(), self.limit
        if n < self.limit - self.at:
            self.limit = self.at + n
        return old

    def skip_field(self, tag: int) -> None:
        match tag & 7:
            case 0:
                self.varint()
            case 1:
                self.take(8)
            case 2:
                n = self.varint32()
                if n < 2**31:
                    self.at = min(self.at + n, self.limit)
            case 5:
                self.take(4)
            case _:
                raise Refused("group")


def entries_of(example: bytes) -> list[tuple[bytes, bytes]]:
    """(key, bytes of the Feature) of each map entry, in their order."""
    entries, c = [], _Cursor(example)
    while c.more():
        if not c.expect(0x0A):
            c.skip_field(c.varint32())
            continue
        features_end = c.push()
        while c.more():
            c.require(0x0A)
            entry_end = c.push()
            parts = {1: b"", 2: b""}
            for _ in range(2):
                tag = c.varint32()
                if tag not in (10, 18):
                    raise Refused("unknown field in a map entry")
                parts[tag >> 3] = c.string()
            if c.more():
                raise Refused("bytes behind a map entry")
            c.limit = entry_end
            entries.append((parts[1], parts[2]))
        c.limit = features_end
    return entries


def list_of(feature: bytes) -> Feature:
    """The first list in a Feature that is not empty."""
    kind = {0x0A: 1, 0x12: 2, 0x1A: 3}.get(feature[0])
    if kind is None:
        raise Refused("unsupported kind")
    c = _Cursor(feature[1:])
    c.push()
    values: list[Any] = []
    if kind == 1:
        while c.more():
            c.require(0x0A)
            values.append(c.string())
        return Feature(1, values)
    if not c.more():
        return Feature(kind, values)
    width = 4 if kind == 2 else 0
    unpacked = 0x0D if kind == 2 else 0x08
    if c.expect(0x0A):
        if width:
            values = [c.take(4) for _ in range(c.varint32() // 4)]
        else:
            c.push()
            while c.more():
                values.append(c.varint())
    elif c.peek() == unpacked:
        while c.more():
            c.require(unpacked)
            values.append(c.take(4) if width else c.varint())
    else:
        raise Refused("list starts with another tag")
    if kind == 2:
        return Feature(2, np.frombuffer(b"".join(values), "<f4"))
    return Feature(3, [v - 2**64 if v >= 2**63 else v for v in values])


def features_of(example: bytes, wanted: Mapping[bytes, int], single: bool, dense: set[bytes]):
    """The wanted features that count as present. The last entry of a key counts, but one without a
    kind only where it is neither a single example nor of a dense feature."""
    found: dict[bytes, Feature] = {}
    for key, feature in reversed(entries_of(example)):
        if key not in wanted:
            continue
        if feature and feature[0] not in (0x0A, 0x12, 0x1A):
            raise Refused("unsupported kind")
        if not feature:
            if not single and key not in dense:
                found.setdefault(key, Feature(wanted[key], []))
            continue
        if key in found:
            continue
        if {0x0A: 1, 0x12: 2, 0x1A: 3}[feature[0]] != wanted[key]:
            raise Refused("another data type")
        found[key] = list_of(feature)
    return found


# ---- Batches ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fixed:
    dtype: str  # NumPy's name, or "bytes"
    shape: tuple[int, ...] = ()
    default: Any = None  # an array of that shape


@dataclass(frozen=True)
class Raw:
    dtype: str
    shape: tuple[int, ...] = ()
    little_endian: bool = True


@dataclass(frozen=True)
class Sequence:
    dtype: str
    shape: tuple[int, ...] = ()
    default: Any = None  # one value


@dataclass(frozen=True)
class Ragged:
    dtype: str


@dataclass(frozen=True)
class Rows:
    """Values and row splits: what a ragged column is expected to hold."""

    values: np.ndarray
    row_splits: list[int]


def _kind(want: Any) -> int:
    if isinstance(want, Raw) or want.dtype == "bytes":
        return 1
    return 2 if want.dtype in ("float16", "bfloat16", "float32", "float64") else 3


def _array(values: Any, dtype: str) -> np.ndarray:
    if dtype == "bytes":
        out = np.empty(len(values), object)
        out[:] = values
        return out
    given = np.asarray(values)
    with np.errstate(over="ignore"):
        if dtype == "bfloat16":
            import ml_dtypes

            made = given.astype(ml_dtypes.bfloat16)
        else:
            made = given.astype(dtype)
    if np.issubdtype(given.dtype, np.integer):
        narrowed = [int(v) for v in made] != [int(v) for v in given]
    else:
        narrowed = bool((np.isinf(made) != np.isinf(given)).any())
    if narrowed:
        raise Refused("out of range")
    return made


def _joined(arrays: list[np.ndarray], dtype: str) -> np.ndarray:
    return np.concatenate([_array([], dtype), *arrays])


def columns(examples: list[bytes], spec: Mapping[bytes, Any]) -> dict[bytes, Any]:
    """The batch of these Examples: arrays (of objects for bytes), and Rows for Ragged.

    Raises Refused where an error is due.
    """
    wanted = {key: _kind(want) for key, want in spec.items()}
    dense = {key for key, want in spec.items() if not isinstance(want, Ragged)}
    parsed = [features_of(example, wanted, False, dense) for example in examples]
    return {key: _column([row.get(key) for row in parsed], want) for key, want in spec.items()}


def _column(rows: list[Feature | None], want: Any) -> Any:
    if isinstance(want, Ragged):
        arrays = [_array(row.values if row else [], want.dtype) for row in rows]
        return Rows(_joined(arrays, want.dtype), np.cumsum([0, *map(len, arrays)]).tolist())
    if isinstance(want, Sequence):
        return _padded(rows, want)
    arrays = [_one(row, want).reshape(-1) for row in rows]
    return _joined(arrays, want.dtype).reshape(len(rows), *want.shape)


def _one(row: Feature | None, want: Fixed | Raw) -> np.ndarray:
    size = int(np.prod(want.shape, dtype=int))
    if row is None:
        if isinstance(want, Raw) or want.default is None:
            raise Refused("missing")
        return _array(np.asarray(want.default).reshape(-1), want.dtype)
    if len(row.values) != (1 if isinstance(want, Raw) else size):
        raise Refused("another number of values")
    if isinstance(want, Fixed):
        return _array(row.values, want.dtype)
    stored = np.dtype(want.dtype).newbyteorder("<" if want.little_endian else ">")
    if len(row.values[0]) != size * stored.itemsize:
        raise Refused("another number of bytes")
    return np.frombuffer(row.values[0], stored).astype(want.dtype)


def _padded(rows: list[Feature | None], want: Sequence) -> np.ndarray:
    size = int(np.prod(want.shape, dtype=int))
    arrays = [_array(row.values if row else [], want.dtype) for row in rows]
    if any(len(values) % size for values in arrays):
        raise Refused("not a multiple")
    longest = max(map(len, arrays))
    default = want.default if want.default is not None else b"" if want.dtype == "bytes" else 0
    padded = [
        np.concatenate([values, _array([default] * (longest - len(values)), want.dtype)])
        for values in arrays
    ]
    return _joined(padded, want.dtype).reshape(len(rows), longest // size, *want.shape)
