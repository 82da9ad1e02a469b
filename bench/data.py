"""Makes the files of the workloads, once, in a cache folder.

python bench/data.py [--data FOLDER] [--scale 0.1] [WORKLOAD ...]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headrace import _core
from workloads import (
    CTR_FLOATS,
    CTR_INTS,
    ID_LISTS,
    SHORT_LISTS,
    TEXTS,
    VISITS,
    WIDE_FLOATS,
    WIDE_INTS,
    WORKLOADS,
)

DEFAULT_FOLDER = Path(tempfile.gettempdir()) / "headrace-bench"
FILES = 8
ORDERS = 250  # feature orders, or sets of missing features, in one file
_VERSION = 1  # counts changes of what is written

# A column as the encoder takes it: key, values, row splits.
Column = tuple[bytes, object, np.ndarray]


@dataclass(frozen=True)
class Files:
    paths: list[str]
    records: int
    bytes: int


def files_of(name: str, folder: Path = DEFAULT_FOLDER, scale: float = 1.0) -> Files:
    """The files of a workload, which are made if they are not there."""
    home = Path(folder) / f"{name}-v{_VERSION}-x{scale:g}"
    manifest = home / "manifest.json"
    if not manifest.exists():
        home.mkdir(parents=True, exist_ok=True)
        rows = max(1, round(WORKLOADS[name].records * scale / FILES))
        for i in range(FILES):
            rng = np.random.default_rng([zlib.crc32(name.encode()), i])
            with open(home / f"{i:02}.tfrecord", "wb") as file:
                for piece in _MAKERS[name](rng, rows):
                    file.write(piece)
        manifest.write_text(json.dumps({"records": rows * FILES}))
    paths = sorted(home.glob("*.tfrecord"))
    return Files(
        [str(path) for path in paths],
        json.loads(manifest.read_text())["records"],
        sum(path.stat().st_size for path in paths),
    )


def _splits(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _fixed(name: str, values: np.ndarray) -> Column:
    rows, stride = values.shape[0], int(np.prod(values.shape[1:]))
    return name.encode(), values.reshape(-1), np.arange(rows + 1, dtype=np.int64) * stride


def _blobs(name: str, data: np.ndarray, lengths: np.ndarray) -> Column:
    rows = len(lengths)
    return name.encode(), (data, _splits(lengths)), np.arange(rows + 1, dtype=np.int64)


def _label(rng: np.random.Generator, rows: int, classes: int = 2) -> Column:
    return _fixed("label", rng.integers(0, classes, rows))


def _ids(rng: np.random.Generator, count: int) -> np.ndarray:
    """Ids of which most take three bytes as a varint, some one or two."""
    return (rng.random(count) ** 3 * 1_000_000).astype(np.int64)


def _batches(columns: Callable[[np.random.Generator, int], list[Column]], at_once: int):
    """A maker that encodes `at_once` rows at a time, all features in the same order."""

    def make(rng: np.random.Generator, rows: int) -> Iterator[bytes]:
        for start in range(0, rows, at_once):
            count = min(at_once, rows - start)
            yield _core.encode_records(columns(rng, count), count)

    return make


def _varied(columns: Callable[[np.random.Generator, int], list[Column]], vary: Callable):
    """A maker that encodes small groups of rows, with columns chosen and ordered by `vary`, and
    then shuffles the records."""

    def make(rng: np.random.Generator, rows: int) -> Iterator[bytes]:
        records = []
        for count in np.diff(np.linspace(0, rows, ORDERS + 1).astype(int)):
            group = vary(rng, columns(rng, int(count)))
            records += _cut(_core.encode_records(group, int(count)))
        yield b"".join(records[i] for i in rng.permutation(len(records)))

    return make


def _cut(framed: bytes) -> list[bytes]:
    records, at = [], 0
    while at < len(framed):
        end = at + 16 + int.from_bytes(framed[at : at + 8], "little")
        records.append(framed[at:end])
        at = end
    return records


def _shuffled(rng: np.random.Generator, columns: list[Column]) -> list[Column]:
    return [columns[i] for i in rng.permutation(len(columns))]


def _sixth_missing(rng: np.random.Generator, columns: list[Column]) -> list[Column]:
    *others, label = columns
    return [column for column in others if rng.random() > 1 / 6] + [label]


def _seed(rng, rows):
    return [_fixed("features", rng.random((rows, 10), np.float32)), _label(rng, rows)]


def _dense(rng, rows):
    return [_fixed("x", rng.random((rows, 1024), np.float32)), _label(rng, rows)]


def _ctr(rng, rows):
    return [
        *(_fixed(name, rng.random(rows, np.float32)) for name in CTR_FLOATS),
        *(_fixed(name, _ids(rng, rows)) for name in CTR_INTS),
        _label(rng, rows),
    ]


def _tokens(rng, rows):
    lengths = rng.integers(128, 1025, rows)
    ids = (rng.random(lengths.sum()) ** 3 * 100_000).astype(np.int64)
    return [(b"tokens", ids, _splits(lengths)), _fixed("doc_id", rng.integers(0, 1 << 40, rows))]


def _raw(rng, rows):
    size = 224 * 224 * 3
    pixels = rng.integers(0, 256, rows * size, np.uint8)
    return [_blobs("image", pixels, np.full(rows, size)), _label(rng, rows, 1000)]


def _imagenet(rng, rows):
    sizes = np.clip(rng.normal(100_000, 30_000, rows), 20_000, 300_000).astype(np.int64)

    def text(name: str, words: list[bytes]) -> Column:
        word = rng.integers(0, len(words), rows)
        data = np.frombuffer(b"".join(words[i] for i in word), np.uint8)
        return _blobs(name, data, np.array([len(words[i]) for i in word]))

    def number(name: str, low: int, high: int) -> Column:
        return _fixed(name, rng.integers(low, high, rows))

    boxes = rng.integers(0, 4, rows)
    return [
        number("image/height", 200, 600),
        number("image/width", 200, 600),
        text("image/colorspace", [b"RGB"]),
        number("image/channels", 3, 4),
        number("image/class/label", 1, 1001),
        text("image/class/synset", [b"n%08d" % i for i in range(1000)]),
        text("image/class/text", [b"tench, Tinca tinca", b"goldfish", b"great white shark"]),
        (b"image/object/bbox/xmin", rng.random(boxes.sum(), np.float32), _splits(boxes)),
        (b"image/object/bbox/ymin", rng.random(boxes.sum(), np.float32), _splits(boxes)),
        text("image/format", [b"JPEG"]),
        text("image/filename", [b"n01440764_%05d.JPEG" % i for i in range(1000)]),
        _blobs("image/encoded", rng.integers(0, 256, sizes.sum(), np.uint8), sizes),
    ]


def _wide(rng, rows):
    return [
        *(_fixed(name, _ids(rng, rows)) for name in WIDE_INTS),
        *(_fixed(name, rng.random(rows, np.float32)) for name in WIDE_FLOATS),
    ]


def _varint10(rng, rows):
    hashes = rng.integers(-(2**63), 2**63 - 1, (rows, 64))
    return [_fixed("hashes", hashes), _label(rng, rows)]


def _strings(rng: np.random.Generator, count: int, shortest: int, longest: int):
    """Data and lengths of strings of small letters."""
    lengths = rng.integers(shortest, longest + 1, count)
    return rng.integers(97, 123, lengths.sum(), np.uint8), lengths


def _text(rng, rows):
    return [*(_blobs(name, *_strings(rng, rows, 3, 12)) for name in TEXTS), _label(rng, rows)]


def _words(rng, rows):
    counts = rng.integers(20, 201, rows)
    data, lengths = _strings(rng, counts.sum(), 2, 10)
    return [(b"words", (data, _splits(lengths)), _splits(counts)), _label(rng, rows)]


def _lists(names: list[str], longest: int):
    def columns(rng, rows):
        made = []
        for name in names:
            lengths = rng.integers(0, longest + 1, rows)
            made.append((name.encode(), _ids(rng, lengths.sum()), _splits(lengths)))
        return [*made, _label(rng, rows)]

    return columns


def _ctr_unpacked(rng: np.random.Generator, rows: int) -> Iterator[bytes]:
    """Each list one tag and one value. The encoder packs, so records are stamped: groups of rows
    whose varints have the same widths share a layout, a matrix with a record in each line."""
    records = []
    for count in np.diff(np.linspace(0, rows, ORDERS + 1).astype(int)):
        lines = [_stamp(rng, int(count), name, b"\x12", 4) for name in CTR_FLOATS]
        widths = rng.choice([1, 2, 3], len(CTR_INTS), p=[0.1, 0.2, 0.7])
        lines += [
            _stamp(rng, int(count), name, b"\x1a", width)
            for name, width in zip(CTR_INTS, widths, strict=True)
        ]
        lines.append(_stamp(rng, int(count), "label", b"\x1a", 1))
        features = np.concatenate(lines, axis=1)
        head = b"\x0a" + _varint(features.shape[1])
        records += [head + line.tobytes() for line in features]
    yield _core.frame_records([records[i] for i in rng.permutation(len(records))])


def _tokens_unpacked(rng: np.random.Generator, rows: int) -> Iterator[bytes]:
    records = []
    for _ in range(rows):
        ids = (rng.random(rng.integers(128, 1025)) ** 3 * 100_000).astype(np.int64)
        tokens = _feature(b"tokens", _unpacked(ids))
        doc_id = _feature(b"doc_id", _unpacked(rng.integers(0, 1 << 40, 1)))
        records.append(_field(b"\x0a", tokens + doc_id))
    yield _core.frame_records(records)


def _unpacked(values: np.ndarray) -> bytes:
    """Each value with its tag."""
    septets = values[:, None] >> np.arange(0, 63, 7)
    used = septets.astype(bool)
    used[:, 0] = True
    continued = np.roll(used, -1, axis=1)
    continued[:, -1] = False
    fields = np.full((len(values), 10), 0x08, np.uint8)
    fields[:, 1:] = septets & 0x7F | continued * 0x80
    return fields[np.insert(used, 0, True, axis=1)].tobytes()


def _feature(name: bytes, values: bytes) -> bytes:
    """The map entry of an int64 feature."""
    return _entry(name, _field(b"\x1a", values))


def _entry(name: bytes, value: bytes) -> bytes:
    return _field(b"\x0a", _field(b"\x0a", name) + _field(b"\x12", value))


def _field(tag: bytes, data: bytes) -> bytes:
    return tag + _varint(len(data)) + data


def _sequences(lists_of: Callable[[np.random.Generator], dict[str, list[bytes]]]):
    """A maker of SequenceExamples with these rows, each a Feature, and a label."""

    def make(rng: np.random.Generator, rows: int) -> Iterator[bytes]:
        records = []
        for _ in range(rows):
            lists = b"".join(
                _entry(name.encode(), b"".join(_field(b"\x0a", row) for row in features))
                for name, features in lists_of(rng).items()
            )
            context = _entry(b"label", _packed_ids(rng.integers(0, 1000, 1)))
            records.append(_field(b"\x0a", context) + _field(b"\x12", lists))
        yield _core.frame_records(records)

    return make


def _packed_ids(values: np.ndarray) -> bytes:
    varints = b"".join(map(_varint, values.tolist()))
    return _field(b"\x1a", _field(b"\x0a", varints) if varints else b"")


def _frames(rng):
    count = rng.integers(10, 60)
    x = rng.random((count, 10), np.float32)
    return {
        "id": [_packed_ids(_ids(rng, 1)) for _ in range(count)],
        "x": [_field(b"\x12", _field(b"\x0a", row.tobytes())) for row in x],
    }


def _visits(rng):
    return {
        name: [_packed_ids(_ids(rng, size)) for size in rng.integers(0, 6, rng.integers(0, 21))]
        for name in VISITS
    }


def _clips(rng):
    sizes = rng.integers(5_000, 15_000, rng.integers(8, 17))
    return {"image": [_field(b"\x0a", _field(b"\x0a", rng.bytes(size))) for size in sizes]}


def _stamp(rng: np.random.Generator, rows: int, name: str, kind: bytes, width: int) -> np.ndarray:
    """Map entries with one unpacked value of `width` bytes in each line."""
    if kind == b"\x12":
        tag, values = b"\x0d", rng.random((rows, 1), np.float32).view(np.uint8)
    else:
        tag, values = b"\x08", rng.integers(1, 128, (rows, width), np.uint8)
        values[:, :-1] |= 0x80
    listed = kind + bytes([1 + width]) + tag
    key = b"\x0a" + bytes([len(name)]) + name.encode()
    entry = key + b"\x12" + bytes([len(listed) + width]) + listed
    entry = b"\x0a" + bytes([len(entry) + width]) + entry
    return np.concatenate([np.tile(np.frombuffer(entry, np.uint8), (rows, 1)), values], axis=1)


def _varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


_MAKERS: dict[str, Callable[[np.random.Generator, int], Iterator[bytes]]] = {
    "seed": _batches(_seed, 200_000),
    "dense": _batches(_dense, 10_000),
    "ctr": _batches(_ctr, 50_000),
    "tokens": _batches(_tokens, 20_000),
    "raw": _batches(_raw, 300),
    "imagenet": _batches(_imagenet, 300),
    "ctr_shuffled": _varied(_ctr, _shuffled),
    "ctr_missing": _varied(_ctr, _sixth_missing),
    "ctr_unpacked": _ctr_unpacked,
    "wide": _batches(_wide, 20_000),
    "varint10": _batches(_varint10, 20_000),
    "id_lists": _varied(_lists(ID_LISTS, 20), _sixth_missing),
    "short_lists": _batches(_lists(SHORT_LISTS, 3), 50_000),
    "padded_lists": _varied(_lists(ID_LISTS, 20), _sixth_missing),
    "tokens_padded": _batches(_tokens, 20_000),
    "tokens_unpacked": _tokens_unpacked,
    "text": _batches(_text, 20_000),
    "words": _batches(_words, 10_000),
    "frames": _sequences(_frames),
    "visits": _sequences(_visits),
    "clips": _sequences(_clips),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="WORKLOAD")
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="cache folder")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    args = parser.parse_args()
    for name in args.workloads:
        start = time.perf_counter()
        files = files_of(name, args.data, args.scale)
        print(
            f"{name:14} {files.records:>9} records {files.bytes / 1e6:8.1f} MB "
            f"{files.bytes / files.records:9.0f} B each {time.perf_counter() - start:6.1f} s"
        )


if __name__ == "__main__":
    main()
